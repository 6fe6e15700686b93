//! Runs a loopback HTTP server that can be watched, broken, stopped and restarted.
//!
//! All three stand-ins are a router inside one of these, which has everything they share.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::connection::{Cut, CuttableListener, Open};
use super::faults::AppliedRules;
use super::{Fault, Faults, Shared, runtime};

/// One request as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRequest {
    /// The method, in capitals.
    pub method: String,
    /// The path, percent-decoded.
    pub path: String,
    /// The query as sent, without the question mark.
    pub query: String,
}

impl SeenRequest {
    fn from_request(request: &Request) -> Self {
        Self {
            method: request.method().to_string(),
            path: percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
        }
    }

    /// Returns path and query together.
    #[must_use]
    pub fn target(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }
}

/// The requests that a server has seen so far.
#[derive(Clone, Debug, Default)]
pub struct Requests(Shared<Vec<SeenRequest>>);

impl Requests {
    /// Returns all requests, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<SeenRequest> {
        self.0.lock().clone()
    }

    /// Returns how many had `part` in their path and query.
    #[must_use]
    pub fn count(&self, part: &str) -> usize {
        self.0.lock().iter().filter(|seen| seen.target().contains(part)).count()
    }

    /// Forgets what was seen so far.
    pub fn clear(&self) {
        self.0.lock().clear();
    }
}

#[derive(Debug)]
struct Running {
    task: JoinHandle<()>,
    open: Open,
}

/// A server on a port of this machine, stopped when dropped.
#[derive(Debug)]
pub struct StandInServer {
    address: SocketAddr,
    router: Router,
    watch: Arc<Watch>,
    running: Shared<Option<Running>>,
}

#[derive(Debug)]
struct Watch {
    requests: Requests,
    faults: Faults,
}

impl StandInServer {
    /// Listens on `listen` (port 0: any free one). `empty_list` is this server's answer for
    /// "nothing found".
    pub(super) fn start(listen: SocketAddr, router: Router, empty_list: Value) -> io::Result<Self> {
        let watch =
            Arc::new(Watch { requests: Requests::default(), faults: Faults::new(empty_list) });
        let router = router.layer(from_fn_with_state(Arc::clone(&watch), watched));
        let mut server = Self { address: listen, router, watch, running: Shared::default() };
        server.address = server.listen()?;
        Ok(server)
    }

    /// Returns the address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests that the server has got.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.watch.requests
    }

    /// Returns the rules that make it fail.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.watch.faults
    }

    /// Returns how many connections are open. If its client is gone, a connection is closed once
    /// its last request is done.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.running.lock().as_ref().map_or(0, |running| running.open.count())
    }

    /// Stops the server as a crash would: open connections break, new ones are refused.
    pub async fn stop(&self) {
        let running = self.running.lock().take();
        if let Some(running) = running {
            running.task.abort();
            running.open.cut_all();
            // The port is free only once the task is gone; it was aborted on purpose.
            let _ = running.task.await;
        }
    }

    /// Starts a stopped server again, on the same port and with the same state.
    pub fn restart(&self) -> io::Result<()> {
        if self.running.lock().is_none() {
            self.listen()?;
        }
        Ok(())
    }

    fn listen(&self) -> io::Result<SocketAddr> {
        let handle = runtime::handle()?;
        let _inside = handle.enter();
        let socket = std::net::TcpListener::bind(self.address)?;
        socket.set_nonblocking(true)?;
        let tcp = TcpListener::from_std(socket)?;
        let address = tcp.local_addr()?;
        let open = Open::default();
        let listener = CuttableListener { tcp, open: open.clone() };
        let service = self.router.clone().into_make_service_with_connect_info::<Cut>();
        let task = handle.spawn(async move {
            // It ends only by an abort; the error type shows that it cannot fail.
            let _ = axum::serve(listener, service).await;
        });
        *self.running.lock() = Some(Running { task, open });
        Ok(address)
    }
}

impl Drop for StandInServer {
    fn drop(&mut self) {
        if let Some(running) = self.running.lock().take() {
            running.task.abort();
            running.open.cut_all();
        }
    }
}

async fn watched(
    State(watch): State<Arc<Watch>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    mut request: Request,
    next: Next,
) -> Response {
    let seen = SeenRequest::from_request(&request);
    watch.requests.0.lock().push(seen.clone());
    let AppliedRules { fault, before, after, rows, late, pace } = watch.faults.applied(&seen);
    tokio::time::sleep(late).await;
    for hook in &before {
        hook(&seen);
    }
    if let Some(rows) = rows {
        *request.uri_mut() = with_smaller_pages(request.uri(), rows);
    }
    let response = match fault {
        None => next.run(request).await,
        Some(fault) => faulty(fault, watch.faults.empty_list(), &cut, request, next).await,
    };
    for hook in &after {
        hook(&seen);
    }
    if let (Some(pace), Some(length)) = (pace, response.body().size_hint().exact()) {
        tokio::time::sleep(Duration::from_micros(length.saturating_mul(1_000_000) / pace.max(1)))
            .await;
    }
    response
}

async fn faulty(
    fault: Fault,
    empty_list: &Value,
    cut: &Cut,
    mut request: Request,
    next: Next,
) -> Response {
    match fault {
        Fault::Status(code, body) => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let kind = if body.starts_with(['{', '[']) {
                "application/json"
            } else {
                "text/plain; charset=utf-8"
            };
            (status, [(header::CONTENT_TYPE, kind)], body).into_response()
        }
        Fault::Echo(code) => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let (parts, body) = request.into_parts();
            let form = to_bytes(body, usize::MAX).await.unwrap_or_default();
            let told = format!("{}; {:?}", String::from_utf8_lossy(&form), parts.headers);
            let error = match parts.uri.path() {
                path if path.starts_with("/_synapse/") => {
                    serde_json::json!({"errcode": "M_UNKNOWN", "error": told})
                }
                path if path.starts_with("/api/admin/") => {
                    serde_json::json!({"errors": [{"title": told}]})
                }
                path if path.ends_with("/token") => {
                    serde_json::json!({"error": "invalid_request", "error_description": told})
                }
                _ => {
                    serde_json::json!({"error": format!("HTTP {status}"), "error_description": told})
                }
            };
            (status, axum::Json(error)).into_response()
        }
        Fault::TooManyRequests { retry_after_secs } => {
            let wait = retry_after_secs.to_string();
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, wait)], "").into_response()
        }
        Fault::Redirect(url) => {
            let there = format!("{url}{}", request.uri());
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, there)], "").into_response()
        }
        Fault::CutBody => cut_body(next.run(request).await).await,
        Fault::Html => (
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            "<!doctype html><title>Sign in</title>",
        )
            .into_response(),
        Fault::EmptyList => axum::Json(empty_list.clone()).into_response(),
        Fault::Json(value) => axum::Json(value).into_response(),
        Fault::Hang => std::future::pending().await,
        Fault::Trickle => trickle(next.run(request).await).await,
        Fault::Reset => {
            cut.cut();
            std::future::pending().await
        }
        Fault::LostAnswer => {
            next.run(request).await;
            cut.cut();
            std::future::pending().await
        }
        Fault::RepeatPage => {
            *request.uri_mut() =
                without(request.uri(), &["first=", "from=", "page[after]=", "page%5Bafter%5D="]);
            next.run(request).await
        }
        Fault::WithoutFilters => {
            *request.uri_mut() = without(request.uri(), &["filter[", "filter%5B"]);
            next.run(request).await
        }
    }
}

/// Returns the same request for a smaller page, by the parameter of each server.
fn with_smaller_pages(uri: &Uri, rows: usize) -> Uri {
    let smaller = |part: &str| match part.split_once('=') {
        Some((name @ ("max" | "limit" | "page[first]" | "page%5Bfirst%5D"), asked)) => {
            let asked = asked.parse().unwrap_or(usize::MAX);
            format!("{name}={}", rows.min(asked))
        }
        _ => part.to_owned(),
    };
    let query: Vec<_> = uri.query().unwrap_or_default().split('&').map(smaller).collect();
    format!("{}?{}", uri.path(), query.join("&")).parse().unwrap_or_else(|_| uri.clone())
}

/// Returns the same request without the parameters that begin like this.
fn without(uri: &Uri, begins: &[&str]) -> Uri {
    let kept: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|part| !begins.iter().any(|begin| part.starts_with(begin)))
        .collect();
    format!("{}?{}", uri.path(), kept.join("&")).parse().unwrap_or_else(|_| uri.clone())
}

async fn trickle(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let pieces = stream::unfold(whole, |mut left| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        (!left.is_empty()).then(|| (Ok::<Bytes, io::Error>(left.split_to(1)), left))
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

async fn cut_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let half = whole.slice(..whole.len() / 2);
    let pieces = stream::unfold(Some(half), |left| async move {
        if let Some(half) = left {
            return Some((Ok::<Bytes, io::Error>(half), None));
        }
        // The first half has to be sent before the connection breaks.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Err(io::ErrorKind::ConnectionReset.into()), None))
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

/// Returns an answer in JSON with the content type of the server.
pub(super) fn json(
    status: StatusCode,
    content_type: &'static str,
    body: &impl Serialize,
) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => (status, [(header::CONTENT_TYPE, content_type)], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
