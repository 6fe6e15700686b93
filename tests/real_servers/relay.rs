//! A relay in front of a server that lets a test act between two pages of a member list, or loses an
//! answer.
//!
//! Some mistakes of a reader show only if the list changes or its token expires between two of its
//! requests. To wait for that by chance would prove nothing. The server itself still gives
//! every answer.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use axum::http::{Response, StatusCode};
use axum::routing::any;
use futures_util::future::BoxFuture;
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::Outcome;

/// Called with the number of each page of members, from 1, before it is requested.
type Hook = Box<dyn Fn(usize) -> BoxFuture<'static, ()> + Send + Sync>;

/// A relay that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<String>>>,
    lost: Lost,
    server: JoinHandle<()>,
}

/// A part of the path of the request whose answer is lost next.
type Lost = Arc<Mutex<Option<String>>>;

struct Way {
    to: String,
    http: Client,
    seen: Arc<Mutex<Vec<String>>>,
    lost: Lost,
    before_page: Hook,
}

impl Relay {
    pub(crate) async fn start<F>(
        to: &str,
        before_page: impl Fn(usize) -> F + Send + Sync + 'static,
    ) -> Outcome<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let before_page: Hook = Box::new(move |page| Box::pin(before_page(page)));
        let lost = Lost::default();
        let (seen_there, lost_there) = (seen.clone(), lost.clone());
        let way = Way {
            to: to.to_owned(),
            http: Client::new(),
            seen: seen_there,
            lost: lost_there,
            before_page,
        };
        let router = Router::new().fallback(any(pass)).with_state(Arc::new(way));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async { drop(axum::serve(listener, router).await) });
        Ok(Self { url, seen, lost, server })
    }

    /// Loses the answer to the next request that contains this: it is carried out, and a proxy's
    /// error comes back.
    pub(crate) fn lose_answer_to(&self, part: &str) {
        if let Ok(mut lost) = self.lost.lock() {
            *lost = Some(part.to_owned());
        }
    }

    /// Returns the requests so far that contain this.
    pub(crate) fn requests(&self, part: &str) -> Vec<String> {
        let seen = self.seen.lock().map(|seen| seen.clone()).unwrap_or_default();
        seen.into_iter().filter(|target| target.contains(part)).collect()
    }

    /// Returns the requests so far whose path ends like this, with their queries.
    pub(crate) fn seen(&self, end: &str) -> Vec<String> {
        let seen = self.seen.lock().map(|seen| seen.clone()).unwrap_or_default();
        seen.into_iter()
            .filter(|target| target.split('?').next().is_some_and(|path| path.ends_with(end)))
            .collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(State(way): State<Arc<Way>>, request: Request) -> Response<Body> {
    let target = request.uri().to_string();
    let pages = {
        let Ok(mut seen) = way.seen.lock() else { return failed("a test has panicked") };
        seen.push(target.clone());
        seen.iter().filter(|target| target.contains("/members?")).count()
    };
    if target.contains("/members?") {
        (way.before_page)(pages).await;
    }
    let answer = forward(&way, &target, request).await;
    let is_lost = way
        .lost
        .lock()
        .is_ok_and(|mut lost| lost.take_if(|part| target.contains(part.as_str())).is_some());
    match answer {
        Ok(_) if is_lost => failed("it lost the answer"),
        answer => answer.unwrap_or_else(|error| failed(&error.to_string())),
    }
}

async fn forward(way: &Way, target: &str, request: Request) -> Outcome<Response<Body>> {
    let (mut parts, body) = request.into_parts();
    for name in [HOST, CONTENT_LENGTH, ACCEPT_ENCODING] {
        parts.headers.remove(name);
    }
    let body = to_bytes(body, usize::MAX).await?;
    let url = format!("{}{target}", way.to);
    let answer =
        way.http.request(parts.method, url).headers(parts.headers).body(body).send().await?;
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get(CONTENT_TYPE) {
        response = response.header(CONTENT_TYPE, kind);
    }
    Ok(response.body(answer.bytes().await?.into())?)
}

fn failed(why: &str) -> Response<Body> {
    let mut response = Response::new(format!("the relay failed: {why}").into());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
