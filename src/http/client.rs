//! Sends requests: the HTTP client, and how a request goes through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use backon::{ExponentialBuilder, Retryable};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Method, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;
use tracing::{debug, info};
use url::{Host, Url};

use super::counted::counted;
use super::error::{HttpError, HttpErrorKind, Purpose};
use super::format::{OwnError, own_error};
use super::issued::Issued;
use super::oauth::Credentials;
use super::tls::Tls;
use crate::environment::Timeouts;
use crate::model::{Server, ServerText};

/// The longest answer: a page of 10,000 members is 2 MiB.
const ANSWER_LIMIT: usize = 256 << 20;
/// The most memory to reserve at once if a server announces the length of its answer.
const PAGE_OF_LISTS: usize = 4 << 20;
/// How much of an error's body is read, to report what the server said.
const ERROR_LIMIT: usize = 64 << 10;
/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Creates the client for a server: rustls, gzip, no redirects (a token must not follow one). Requests
/// to this machine use no proxy.
pub fn client(timeouts: Timeouts, server: &Url, tls: &Tls) -> Result<Client, reqwest::Error> {
    let builder = if is_loopback(server) { Client::builder().no_proxy() } else { Client::builder() };
    tls.apply(builder)
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.progress)
        .timeout(timeouts.answer)
        .build()
}

/// Returns the client for another server with the same settings: the same client if both are reached
/// alike, because each new one reads all certificates of the system.
pub fn client_beside(
    other: (&Client, &Url),
    timeouts: Timeouts,
    server: &Url,
    tls: &Tls,
) -> Result<Client, reqwest::Error> {
    let (client_of_other, url) = other;
    if is_loopback(url) == is_loopback(server) { Ok(client_of_other.clone()) } else { client(timeouts, server, tls) }
}

/// Returns whether requests to this address stay on this machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// How long to retry with a busy server. A hang is never waited for twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A reading can also start again later.
    Reading,
    /// A change that was started should be completed.
    Writing,
}

impl Patience {
    /// Returns the number of retries: about a second in all for reading, more than half a minute for
    /// writing.
    fn more_tries(self) -> usize {
        match self {
            Self::Reading => 2,
            Self::Writing => 7,
        }
    }
}

/// A server, and the credentials for it.
#[derive(Debug, Clone)]
pub struct Api {
    /// Which server this is, for errors.
    pub server: Server,
    base: Url,
    pub(super) client: Client,
    credentials: Arc<Credentials>,
    patience: Patience,
}

impl Api {
    /// Creates an API. `base` may have a path that the server is served under.
    #[must_use]
    pub fn new(server: Server, base: Url, client: Client, credentials: Credentials) -> Self {
        Self { server, base, client, credentials: Arc::new(credentials), patience: Patience::Reading }
    }

    /// Returns the same server and token with another patience.
    #[must_use]
    pub fn with(&self, patience: Patience) -> Self {
        Self { patience, ..self.clone() }
    }

    /// Returns the base address of all paths.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Sends `GET base/path…?query` and decodes the JSON. Each segment of the path is escaped. A refused
    /// token is renewed once.
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, HttpError> {
        self.get_as(path, query, |answer| serde_json::from_str(answer)).await
    }

    /// Does the same with `decode`, which need not copy what it does not keep.
    pub async fn get_as<T>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        decode: impl FnOnce(&str) -> Result<T, serde_json::Error>,
    ) -> Result<T, HttpError> {
        self.get_whole(path, query).await?.decode(decode)
    }

    /// Does the same without decoding, so that the next request need not wait for that.
    pub async fn get_whole(&self, path: &[&str], query: &[(&str, &str)]) -> Result<HttpAnswer, HttpError> {
        self.ask(Method::GET, self.url(path, query), None).await
    }

    /// Returns the same server with another token.
    #[must_use]
    pub fn opened_by(&self, token: SecretString) -> Self {
        Self { credentials: Arc::new(Credentials::Token(token)), ..self.clone() }
    }

    /// Returns what the server said about the token, or `None` for a configured one.
    pub async fn issued(&self) -> Result<Option<Issued>, HttpError> {
        self.credentials.issued(self.patience).await
    }

    /// Sends `GET base/path…` without the token, for public information.
    pub async fn get_openly<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, HttpError> {
        get_openly(&self.client, self.server, self.url(path, &[])).await
    }

    /// Sends `POST base/path…` with this JSON, or without a body. Only for requests that are harmless when
    /// sent twice, because it is retried like everything else.
    pub async fn post<T: DeserializeOwned>(&self, path: &[&str], body: Option<&Value>) -> Result<T, HttpError> {
        self.ask(Method::POST, self.url(path, &[]), body).await?.decode(|answer| serde_json::from_str(answer))
    }

    async fn ask(&self, method: Method, url: Url, body: Option<&Value>) -> Result<HttpAnswer, HttpError> {
        let send =
            async |token: &SecretString| persistently(self.patience, || self.send(&method, &url, token, body)).await;
        let token = self.credentials.token(self.patience).await?;
        let bytes = match send(&token).await {
            Err(refused) if refused.status() == Some(StatusCode::UNAUTHORIZED) => {
                match self.credentials.renewed(&token, self.patience).await? {
                    Some(token) => send(&token).await?,
                    None => return Err(refused),
                }
            }
            answer => answer?,
        };
        Ok(HttpAnswer { server: self.server, method, url, bytes })
    }

    /// Returns an error about the content of a successful answer to a `GET`.
    #[must_use]
    pub fn inconsistent(&self, path: &[&str], what: impl Into<ServerText>) -> HttpError {
        error(self.server, &Method::GET, &self.url(path, &[]), HttpErrorKind::Inconsistent(what.into()))
    }

    /// Returns the error for an answer about another user than the one asked for.
    #[must_use]
    pub fn about_another(&self, path: &[&str], query: &[(&str, &str)], other: &str) -> HttpError {
        let what = format!("the answer is about another user, {:?}", ServerText::from(other));
        error(self.server, &Method::GET, &self.url(path, query), HttpErrorKind::Inconsistent(what.into()))
    }

    pub(super) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        token: &SecretString,
        body: Option<&Value>,
    ) -> Result<Vec<u8>, HttpError> {
        debug!(server = %self.server, %url, "{method}");
        let request = self.client.request(method.clone(), url.clone()).bearer_auth(token.expose_secret());
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let asked = (self.server, Purpose::Data);
        let answered = async { whole_json(asked, request.send().await.map_err(from_reqwest)?).await };
        counted(self.server, answered).await.map_err(|kind| error(self.server, method, url, kind))
    }
}

/// A complete answer.
#[derive(Debug)]
pub struct HttpAnswer {
    server: Server,
    method: Method,
    url: Url,
    bytes: Vec<u8>,
}

impl HttpAnswer {
    /// Decodes the answer with `decode`, which need not copy what it does not keep.
    pub fn decode<T>(self, decode: impl FnOnce(&str) -> Result<T, serde_json::Error>) -> Result<T, HttpError> {
        // One check of the whole is faster than one for each text in it.
        let text = std::str::from_utf8(&self.bytes).map_err(serde_json::Error::custom);
        text.and_then(decode).map_err(|cause| error(self.server, &self.method, &self.url, cause.into()))
    }
}

fn error(server: Server, method: &Method, url: &Url, kind: HttpErrorKind) -> HttpError {
    HttpError::new(server, Purpose::Data, name_of(method), url, kind)
}

/// Sends `GET url` without a token and decodes the JSON, for public information.
pub(super) async fn get_openly<T: DeserializeOwned>(client: &Client, server: Server, url: Url) -> Result<T, HttpError> {
    let error = |kind| HttpError::new(server, Purpose::Discovery, "GET", &url, kind);
    let answer = persistently(Patience::Reading, || async {
        debug!(%server, %url, "GET");
        let asked = (server, Purpose::Discovery);
        let answered = async { whole_json(asked, client.get(url.clone()).send().await.map_err(from_reqwest)?).await };
        counted(server, answered).await.map_err(error)
    });
    serde_json::from_slice(&answer.await?).map_err(|source| error(source.into()))
}

fn name_of(method: &Method) -> &'static str {
    if *method == Method::POST { "POST" } else { "GET" }
}

/// Retries if that is harmless and may help: a few times with a busy server, after the wait it asks
/// for, and once after no connection or no progress. So a hang ends within 90 s, and a trickle within
/// 11 minutes.
pub(super) async fn persistently<T, F, Fut>(patience: Patience, request: F) -> Result<T, HttpError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, HttpError>>,
{
    let mut silent = 0;
    let in_doubt = AtomicBool::new(false);
    let answer = request
        .retry(
            ExponentialBuilder::default()
                .with_min_delay(Duration::from_millis(300))
                .with_max_delay(Duration::from_secs(10))
                .with_max_times(patience.more_tries())
                .with_jitter(),
        )
        .when(|error| {
            in_doubt.fetch_or(error.may_be_carried_out(), Ordering::Relaxed);
            silent += u32::from(error.kind.any_status().is_none());
            error.may_pass() && silent < 2
        })
        .adjust(|error, pause| match error.kind.retry_after() {
            Some(wait) if wait > LONGEST_WAIT => None,
            Some(wait) => pause.map(|pause| pause.max(wait)),
            None => pause,
        })
        .notify(|error, pause| info!(%error, ?pause, "trying again"))
        .await;
    answer.map_err(|error| HttpError { tried_in_doubt: in_doubt.load(Ordering::Relaxed), ..error })
}

/// Reads the whole body of a successful JSON answer.
pub(super) async fn whole_json(
    asked: (Server, Purpose),
    response: Response,
) -> Result<(StatusCode, Vec<u8>), HttpErrorKind> {
    let status = response.status();
    if !status.is_success() {
        return Err(status_error(asked, response).await.0);
    }
    let content_type = content_type(&response);
    if !is_json(&content_type) {
        return Err(HttpErrorKind::NotJson { content_type: content_type.into() });
    }
    Ok((status, up_to(response, ANSWER_LIMIT).await?))
}

/// Reads the body of a refusal, which is short.
pub(crate) async fn short_body(response: Response) -> Result<Vec<u8>, HttpErrorKind> {
    up_to(response, ERROR_LIMIT).await
}

async fn up_to(mut response: Response, limit: usize) -> Result<Vec<u8>, HttpErrorKind> {
    let told = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    let mut body = Vec::with_capacity(told.min(PAGE_OF_LISTS));
    while let Some(chunk) = response.chunk().await.map_err(from_reqwest)? {
        if body.len() + chunk.len() > limit {
            return Err(HttpErrorKind::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

pub(super) fn content_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.unwrap_or("no content type").split(';').next().unwrap_or_default();
    essence.trim().to_owned()
}

pub(super) fn is_json(content_type: &str) -> bool {
    content_type == "application/json" || content_type.ends_with("+json")
}

/// Returns who answered with the status, and the body, cut to the longest error.
pub(super) async fn status_error(asked: (Server, Purpose), mut response: Response) -> (HttpErrorKind, Vec<u8>) {
    let (server, purpose) = asked;
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| wait_of(value.to_str().ok()?.trim()));
    let json = is_json(&content_type(&response));
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ERROR_LIMIT {
            break;
        }
    }
    let kind = match own_error(server, purpose, status, &body).filter(|_| json) {
        Some(OwnError { detail, missing }) => HttpErrorKind::Status { status, detail, missing, retry_after },
        None if status.is_redirection() => HttpErrorKind::Redirect { status },
        None if server == Server::Mas && status == StatusCode::NOT_FOUND => HttpErrorKind::MissingPage,
        None => HttpErrorKind::ForeignStatus { server, status, retry_after },
    };
    (kind, body)
}

/// Parses `Retry-After`, a number of seconds or a time.
fn wait_of(value: &str) -> Option<Duration> {
    let seconds = value.parse().ok().map(Duration::from_secs);
    seconds
        .or_else(|| Some(httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).unwrap_or_default()))
}

/// Converts an error of the client, without its URL, which our own error already has.
pub(crate) fn from_reqwest(error: reqwest::Error) -> HttpErrorKind {
    let error = error.without_url();
    if error.is_timeout() {
        HttpErrorKind::Timeout(error)
    } else if error.is_connect() || error.is_builder() {
        HttpErrorKind::Connect(error)
    } else {
        HttpErrorKind::BrokenOff(error)
    }
}

#[cfg(test)]
mod tests;
