//! `/metrics`, `/healthz` and `/readyz` over plain http, for those who watch over this program.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use prometheus::TEXT_FORMAT;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

use super::health::Health;
use super::metrics::metrics;

/// Connections at the same time; more have to wait, so that whoever can reach us cannot take the files that we need.
const CONNECTIONS: usize = 64;
/// How long a connection lives, so that nobody keeps a place for ever.
const LIFE: Duration = Duration::from_mins(1);

/// Answers from now on. Gives where it listens (port 0: any free one).
pub async fn serve(listen: SocketAddr, health: Health) -> io::Result<SocketAddr> {
    serve_each_for(LIFE, listen, health).await
}

async fn serve_each_for(life: Duration, listen: SocketAddr, health: Health) -> io::Result<SocketAddr> {
    let tcp = TcpListener::bind(listen).await?;
    let address = tcp.local_addr()?;
    let listener = Limited { tcp, life, places: Arc::new(Semaphore::new(CONNECTIONS)) };
    let router = Router::new()
        .route("/metrics", get(tell_metrics))
        .route("/healthz", get(tell_whether_alive))
        .route("/readyz", get(tell_whether_ready))
        .with_state(health);
    // It never ends by itself; the error type says that it could.
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn tell_metrics() -> Response {
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], metrics().text()).into_response()
}

async fn tell_whether_alive(State(health): State<Health>) -> Response {
    if health.is_alive() {
        "alive\n".into_response()
    } else {
        let silence = health.silent_for().as_secs();
        (StatusCode::SERVICE_UNAVAILABLE, format!("no sign of life for {silence} s\n")).into_response()
    }
}

async fn tell_whether_ready(State(health): State<Health>) -> Response {
    match health.why_not_ready() {
        None => "ready\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", why.text())).into_response(),
    }
}

struct Limited {
    tcp: TcpListener,
    life: Duration,
    places: Arc<Semaphore>,
}

impl Listener for Limited {
    type Io = Placed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Placed, SocketAddr) {
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.tcp).await;
        (Placed { stream, end: Box::pin(tokio::time::sleep(self.life)), _place: place }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// A connection that ends after a while: nothing more is read from it then.
struct Placed {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => Pin::new(&mut self.stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Placed {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn served(health: &Health) -> SocketAddr {
        serve(SocketAddr::from(([127, 0, 0, 1], 0)), health.clone()).await.expect("a free port")
    }

    async fn ask(address: SocketAddr, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("http://{address}{path}")).await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    #[tokio::test]
    async fn health_is_told_by_the_status_and_in_words() {
        let health = Health::new(LIFE);
        let address = served(&health).await;
        assert_eq!(ask(address, "/healthz").await, (200, "alive\n".to_owned()));
        assert_eq!(ask(address, "/readyz").await, (503, "not ready: the first run is not over yet\n".to_owned()));
        health.set_ready(Ok(()));
        assert_eq!(ask(address, "/readyz").await, (200, "ready\n".to_owned()));
        assert_eq!(ask(address, "/").await.0, 404);

        let address = served(&Health::new(Duration::ZERO)).await;
        assert_eq!(ask(address, "/healthz").await, (503, "no sign of life for 0 s\n".to_owned()));
    }

    #[tokio::test]
    async fn metrics_are_told_in_prometheus_text_format() {
        let address = served(&Health::new(LIFE)).await;
        let answer = reqwest::get(format!("http://{address}/metrics")).await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
        assert!(answer.text().await.expect("a text").contains("matrix_keycloak_sync_build_info"));
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_told_at_once() {
        let health = Health::new(LIFE);
        let address = served(&health).await;
        assert_eq!(serve(address, health).await.map_err(|error| error.kind()), Err(io::ErrorKind::AddrInUse));
    }

    #[tokio::test]
    async fn those_who_say_nothing_take_no_place_for_ever() {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let life = Duration::from_millis(500);
        let address = serve_each_for(life, free, Health::new(LIFE)).await.expect("a free port");
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut stream = TcpStream::connect(address).await.expect("a place");
            stream.write_all(b"GET /healthz").await.expect("it listens");
            silent.push(stream);
        }
        assert_eq!(ask(address, "/healthz").await.0, 200);
        let mut rest = Vec::new();
        assert!(silent[0].read_to_end(&mut rest).await.is_ok());
    }
}
