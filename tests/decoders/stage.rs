//! A server on loopback that answers as a test wants.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, DATE};
use axum::response::Response;
use matrix_keycloak_sync::environment::Timeouts;
use matrix_keycloak_sync::http::{Tls, client};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use url::Url;

/// A case that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(20);

/// A request.
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) query: String,
}

impl Asked {
    /// The value of a parameter, as a number.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        let pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs.filter(|(found, _)| found == name).find_map(|(_, value)| value.parse().ok())
    }
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// The header `Date`, if it is not the current time.
    pub(crate) date: Option<String>,
}

/// 200 with this.
pub(crate) fn good(body: impl Into<Vec<u8>>) -> Reply {
    Reply { status: 200, body: body.into(), date: None }
}

/// 200 with this value.
pub(crate) fn json(body: &Value) -> Reply {
    good(body.to_string())
}

/// A 404 of Synapse; to the other servers' readers it is a proxy's.
pub(crate) fn missing() -> Reply {
    let body = br#"{"errcode": "M_NOT_FOUND", "error": "User not found"}"#;
    Reply { status: 404, body: body.to_vec(), date: None }
}

/// A 404 of MAS.
pub(crate) fn missing_in_mas() -> Reply {
    let body = br#"{"errors": [{"title": "User ID 01J44QC8BCY7FCFM7WGHQGKMTZ not found"}]}"#;
    Reply { status: 404, body: body.to_vec(), date: None }
}

/// A page of a served list, or all of it if it is no list.
pub(crate) fn page_of(body: &[u8], first: usize) -> Reply {
    match serde_json::from_slice::<Vec<Value>>(body) {
        Ok(rows) if first > 0 => json(&rows.into_iter().skip(first).collect()),
        _ => good(body),
    }
}

type Answer = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// The server, and the runtime of both server and client.
pub(crate) struct Stage {
    runtime: Runtime,
    answer: Arc<Mutex<Answer>>,
    pub(crate) url: Url,
    pub(crate) client: reqwest::Client,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Arc::new(|_: &Asked| missing())));
        let said = Arc::clone(&answer);
        let url = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let router = Router::new().fallback(move |request: Request| {
                let answer = Arc::clone(&said.lock().expect("no panic in a reply"));
                let (path, query) = (
                    request.uri().path().to_owned(),
                    request.uri().query().unwrap_or_default().to_owned(),
                );
                async move { respond(answer(&Asked { path, query })) }
            });
            tokio::spawn(async move { axum::serve(listener, router).await });
            Url::parse(&format!("http://{address}/")).expect("a URL")
        });
        let client = client(Timeouts::default(), &url, &Tls::default()).expect("a client");
        Self { runtime, answer, url, client }
    }

    /// Sets the answer from now on.
    pub(crate) fn serve(&self, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        *self.answer.lock().expect("no panic in a reply") = Arc::new(answer);
    }

    /// Sends a request.
    pub(crate) fn run<T>(&self, asking: impl Future<Output = T>) -> T {
        let done = self.runtime.block_on(async { tokio::time::timeout(LONGEST, asking).await });
        done.expect("a hang: there was neither a value nor an error")
    }
}

fn respond(reply: Reply) -> Response {
    let mut response =
        Response::builder().status(reply.status).header(CONTENT_TYPE, "application/json");
    if let Some(date) =
        reply.date.and_then(|date| axum::http::HeaderValue::from_bytes(date.as_bytes()).ok())
    {
        response = response.header(DATE, date);
    }
    response.body(reply.body.into()).expect("a response")
}
