//! Stands in front of a server, with or without TLS, and refuses connections or shows a wrong
//! certificate from one moment to the next.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::tls::{Authority, configured};

/// What happens to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Open,
    /// Forever: a port that was closed cannot be opened again at once.
    Refusing,
    WrongCertificate,
}

/// Changes the mode from anywhere, at once.
pub(super) type Switch = Arc<watch::Sender<Mode>>;

/// A front; it ends with its switch.
pub(super) struct Front {
    pub(super) url: String,
    pub(super) switch: Switch,
    /// Bound but not listening: no other process gets the port once connections are refused.
    _port: TcpSocket,
}

/// The right and the wrong certificate.
type Acceptors = Option<[TlsAcceptor; 2]>;

impl Front {
    /// In front of the server there; with an authority, by TLS.
    pub(super) fn start(target: SocketAddr, authority: Option<&Authority>) -> Self {
        let port = socket((Ipv4Addr::LOCALHOST, 0).into());
        let address = port.local_addr().expect("it is bound");
        let acceptor = |authority: &Authority| {
            TlsAcceptor::from(Arc::new(configured(&authority.server(), None)))
        };
        let acceptors = authority
            .map(|right| [acceptor(right), acceptor(&Authority::new("unknown authority"))]);
        let url = match acceptors {
            Some(_) => format!("https://localhost:{}", address.port()),
            None => format!("http://{address}"),
        };
        let listener = socket(address).listen(64).expect("a port of ours");
        let (switch, mode) = watch::channel(Mode::Open);
        Handle::current().spawn(serve(listener, target, acceptors, mode));
        Self { url, switch: Arc::new(switch), _port: port }
    }
}

fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("a socket of ours");
    socket.bind(address).expect("a port of ours");
    socket
}

async fn serve(
    listener: TcpListener,
    target: SocketAddr,
    acceptors: Acceptors,
    mut mode: watch::Receiver<Mode>,
) {
    loop {
        let now = *mode.borrow_and_update();
        if now == Mode::Refusing {
            return;
        }
        let acceptor = acceptors
            .as_ref()
            .map(|[right, wrong]| if now == Mode::Open { right } else { wrong }.clone());
        // Open connections break when the mode changes.
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                changed = mode.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                Ok((outside, _)) = listener.accept() => {
                    open.spawn(pass(outside, target, acceptor.clone()));
                }
            }
        }
        if *mode.borrow() == Mode::Refusing {
            // First new connections end, then open ones.
            drop(listener);
            return;
        }
        mode.mark_changed();
    }
}

async fn pass(outside: TcpStream, target: SocketAddr, acceptor: Option<TlsAcceptor>) {
    match acceptor {
        None => relay(outside, target).await,
        Some(acceptor) => {
            // A client that rejects the certificate ends here, and reports it itself.
            if let Ok(outside) = acceptor.accept(outside).await {
                relay(outside, target).await;
            }
        }
    }
}

async fn relay(mut outside: impl AsyncRead + AsyncWrite + Unpin, target: SocketAddr) {
    if let Ok(mut inside) = TcpStream::connect(target).await {
        let _ = copy_bidirectional(&mut outside, &mut inside).await;
    }
}
