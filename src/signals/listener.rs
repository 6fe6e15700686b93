//! Serves `/metrics`, `/healthz` and `/readyz` over plain http, for monitoring, and for people a page at
//! `/` and `/status.json`.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus::TEXT_FORMAT;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::health::Health;
use super::status::{Reader, StatusBoard, content_security_policy, page};
use crate::metrics::metrics;
use crate::model::to_json;

/// The most open connections. One more closes the oldest, so that idle clients never block a probe,
/// and never use up the files that we need.
const CONNECTIONS: usize = 128;
/// How long a connection stays open at least, even if others wait. A probe sends its request at
/// once and is answered long before, however many clients come back whenever they are closed.
const LEAST: Duration = Duration::from_millis(50);
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection may last, for one request and its answer.
const LIFE: Duration = Duration::from_secs(10);
/// The longest head of a request.
const LONGEST_HEAD: usize = 16 * 1024;

/// Starts to serve, and returns the address (port 0: any free one).
pub async fn serve(listen: SocketAddr, board: StatusBoard) -> io::Result<SocketAddr> {
    let mut tcp = TcpListener::bind(listen).await?;
    let address = tcp.local_addr()?;
    let router = Router::new()
        .route("/metrics", get(tell_metrics))
        .route("/healthz", get(tell_whether_alive))
        .route("/readyz", get(tell_whether_ready))
        .with_state(board.health().clone())
        .route("/", get(show_page))
        .route("/status.json", get(tell_status))
        .with_state((board, address));
    tokio::spawn(async move {
        let mut open = Connections::default();
        loop {
            open.have_a_place().await;
            // If no files are left, this waits and tries again.
            let (stream, _) = Listener::accept(&mut tcp).await;
            open.admit(answer(stream, router.clone(), Deadlines { head: HEAD, life: LIFE }));
            // Even if many clients wait, each connection gets its turn before the next one is
            // closed.
            tokio::task::yield_now().await;
        }
    });
    Ok(address)
}

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
struct Deadlines {
    head: Duration,
    life: Duration,
}

/// Answers one request and closes the connection.
async fn answer(stream: TcpStream, router: Router, deadlines: Deadlines) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(deadlines.head)
        .keep_alive(false)
        // Some tools close their side after the request.
        .half_close(true)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A client that breaks off or is too slow gets no answer.
    let _ = tokio::time::timeout(deadlines.life, connection).await;
}

/// The connections that are open, oldest first.
#[derive(Debug, Default)]
struct Connections(VecDeque<OpenConnection>);

#[derive(Debug)]
struct OpenConnection {
    since: Instant,
    task: AbortHandle,
}

impl Connections {
    /// Closes the oldest connection if all places are taken, once it has had its time. Until then,
    /// new clients wait for the system to accept them, in the order in which they came.
    async fn have_a_place(&mut self) {
        self.0.retain(|open| !open.task.is_finished());
        if self.0.len() < CONNECTIONS {
            return;
        }
        if let Some(oldest) = self.0.pop_front() {
            tokio::time::sleep_until(oldest.since + LEAST).await;
            oldest.task.abort();
        }
    }

    fn admit(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(connection).abort_handle();
        self.0.push_back(OpenConnection { since: Instant::now(), task });
    }
}

async fn tell_metrics() -> Response {
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], metrics().text()).into_response()
}

async fn tell_whether_alive(State(health): State<Health>) -> Response {
    if health.is_alive() {
        "alive\n".into_response()
    } else {
        let silence = health.silent_for().as_secs();
        (StatusCode::SERVICE_UNAVAILABLE, format!("no heartbeat for {silence} s\n")).into_response()
    }
}

async fn tell_whether_ready(State(health): State<Health>) -> Response {
    match health.why_not_ready() {
        None => "ready\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", why.text()))
            .into_response(),
    }
}

/// Returns who may be behind a request.
fn reader(address: SocketAddr, headers: &HeaderMap) -> Reader {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    Reader::of(address, host)
}

async fn tell_status(
    State((board, address)): State<(StatusBoard, SocketAddr)>,
    headers: HeaderMap,
) -> Response {
    let status = board.status(reader(address, &headers));
    let kind = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (kind, to_json(&status)).into_response()
}

async fn show_page(
    State((board, address)): State<(StatusBoard, SocketAddr)>,
    headers: HeaderMap,
) -> Response {
    let status = board.status(reader(address, &headers));
    let Ok(page) = page(&status, &board.readings()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, content_security_policy()),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, page).into_response()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinSet;

    use super::*;

    async fn served(health: &Health) -> SocketAddr {
        serve(SocketAddr::from(([127, 0, 0, 1], 0)), board(health)).await.expect("a free port")
    }

    fn board(health: &Health) -> StatusBoard {
        StatusBoard::new(health.clone(), &"example.org".into())
    }

    async fn ask(address: SocketAddr, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("http://{address}{path}")).await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    #[tokio::test]
    async fn health_is_reported_by_status_and_in_words() {
        let health = Health::new(LIFE);
        let address = served(&health).await;
        assert_eq!(ask(address, "/healthz").await, (200, "alive\n".to_owned()));
        assert_eq!(
            ask(address, "/readyz").await,
            (503, "not ready: the first run has not ended yet\n".to_owned())
        );
        health.set_ready(Ok(()));
        assert_eq!(ask(address, "/readyz").await, (200, "ready\n".to_owned()));
        assert_eq!(ask(address, "/nothing").await.0, 404);

        let address = served(&Health::new(Duration::ZERO)).await;
        assert_eq!(ask(address, "/healthz").await, (503, "no heartbeat for 0 s\n".to_owned()));
    }

    #[tokio::test]
    async fn metrics_are_in_prometheus_text_format() {
        let address = served(&Health::new(LIFE)).await;
        let answer = reqwest::get(format!("http://{address}/metrics")).await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
        assert!(answer.text().await.expect("a text").contains("matrix_keycloak_sync_build_info"));
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_reported_at_once() {
        let health = Health::new(LIFE);
        let address = served(&health).await;
        assert_eq!(
            serve(address, board(&health)).await.map_err(|error| error.kind()),
            Err(io::ErrorKind::AddrInUse)
        );
    }

    async fn connected(address: SocketAddr) -> TcpStream {
        TcpStream::connect(address).await.expect("it listens")
    }

    /// Both ends of a connection.
    async fn pair() -> (TcpStream, TcpStream) {
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let client = connected(tcp.local_addr().expect("bound")).await;
        (client, tcp.accept().await.expect("a client").0)
    }

    #[tokio::test]
    async fn probe_is_answered_at_once_if_clients_hold_every_place() {
        let address = served(&Health::new(LIFE)).await;
        let mut clients: Vec<TcpStream> = Vec::new();
        for sent in [&b""[..], b"GET /heal", b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"] {
            for _ in 0..CONNECTIONS * 2 {
                let mut client = connected(address).await;
                // The oldest may have been closed already.
                let _ = client.write_all(sent).await;
                clients.push(client);
            }
            let begin = Instant::now();
            for probe in ["/healthz", "/readyz", "/metrics"] {
                assert!(matches!(ask(address, probe).await.0, 200 | 503));
            }
            // The places are few: the oldest clients are gone, long before their time is over.
            let mut read = Vec::new();
            for client in &mut clients[..CONNECTIONS] {
                let _ = client.read_to_end(&mut read).await;
            }
            assert!(begin.elapsed() < HEAD / 2, "{:?}", begin.elapsed());
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn probe_is_answered_while_clients_come_back_whenever_they_are_closed() {
        let address = served(&Health::new(Duration::from_hours(1))).await;
        let clients: JoinSet<()> =
            (0..CONNECTIONS * 2).map(|_| come_back_forever(address)).collect();
        tokio::time::sleep(LEAST * 4).await;
        for _ in 0..4 {
            assert_eq!(ask(address, "/healthz").await.0, 200);
        }
        assert_eq!(clients.len(), CONNECTIONS * 2);
    }

    /// Sends half of a head, waits until it is closed, and begins again.
    async fn come_back_forever(address: SocketAddr) {
        loop {
            let mut client = connected(address).await;
            let _ = client.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await;
            let _ = client.read_to_end(&mut Vec::new()).await;
        }
    }

    #[tokio::test]
    async fn client_that_does_not_finish_its_head_in_time_is_cut_off() {
        let deadlines =
            Deadlines { head: Duration::from_millis(200), life: Duration::from_mins(1) };
        for sent in [&b""[..], b"GET /healthz HTTP/1.1\r\nHost:"] {
            let (mut client, server) = pair().await;
            client.write_all(sent).await.expect("it is open");
            let end = answer(server, Router::new(), deadlines);
            tokio::time::timeout(Duration::from_secs(10), end).await.expect("it ends");
        }
    }

    #[tokio::test]
    async fn client_that_does_not_read_its_answer_in_time_is_cut_off() {
        let deadlines = Deadlines { head: LIFE, life: Duration::from_millis(200) };
        let (mut client, server) = pair().await;
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it is open");
        // More than the system takes off our hands.
        let router = Router::new().route("/", get(async || vec![b' '; 64 << 20]));
        let end = answer(server, router, deadlines);
        tokio::time::timeout(Duration::from_secs(10), end).await.expect("it ends");
        let mut read = Vec::new();
        let _ = client.read_to_end(&mut read).await;
        assert!(read.starts_with(b"HTTP/1.1 200") && read.len() < 64 << 20);
    }

    #[tokio::test]
    async fn a_connection_has_one_answer() {
        let mut client = connected(served(&Health::new(LIFE)).await).await;
        let request = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
        client.write_all(&request.repeat(2)).await.expect("it is open");
        let mut read = String::new();
        let _ = client.read_to_string(&mut read).await;
        assert_eq!(read.matches("HTTP/1.1").count(), 1, "{read}");
    }
}
