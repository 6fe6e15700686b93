//! Cuts connections from the inside.
//!
//! HTTP libraries do not let a handler break a connection, but a server that crashes does. So the
//! stand-ins wrap each accepted connection, and its [`Cut`] can break it at any moment.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::Shared;

#[derive(Debug, Default)]
struct CutState {
    cut: AtomicBool,
    waker: AtomicWaker,
}

/// Breaks one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut(Arc<CutState>);

impl Cut {
    pub(super) fn cut(&self) {
        self.0.cut.store(true, Ordering::SeqCst);
        self.0.waker.wake();
    }

    fn check(&self, context: &Context<'_>) -> io::Result<()> {
        self.0.waker.register(context.waker());
        if self.0.cut.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Cut {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().cut.clone()
    }
}

/// All open connections of a server, so that stopping it breaks them as a crash would.
#[derive(Clone, Debug, Default)]
pub(super) struct Open(Shared<Vec<Weak<CutState>>>);

impl Open {
    fn add(&self, cut: &Cut) {
        let mut open = self.0.lock();
        open.retain(|state| state.strong_count() > 0);
        open.push(Arc::downgrade(&cut.0));
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().iter().filter(|state| state.strong_count() > 0).count()
    }

    pub(super) fn cut_all(&self) {
        for state in self.0.lock().drain(..).filter_map(|state| state.upgrade()) {
            Cut(state).cut();
        }
    }
}

/// A listener whose connections can be cut.
pub(super) struct CuttableListener {
    pub(super) tcp: TcpListener,
    pub(super) open: Open,
}

impl Listener for CuttableListener {
    type Io = Cuttable;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Cuttable, SocketAddr) {
        loop {
            match self.tcp.accept().await {
                Ok((tcp, address)) => {
                    // Small answers must not wait for the acknowledgement of the previous one.
                    let _ = tcp.set_nodelay(true);
                    let cut = Cut::default();
                    self.open.add(&cut);
                    return (Cuttable { tcp, cut }, address);
                }
                // Most likely there are no file descriptors left; others will be closed soon.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// One connection that can be cut.
pub(super) struct Cuttable {
    tcp: TcpStream,
    cut: Cut,
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.cut.check(context)?;
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.cut.check(context)?;
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cut.check(context)?;
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
