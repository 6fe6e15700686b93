//! Sends requests: the HTTP client, and how a request goes through it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use reqwest::{Client, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;
use url::{Host, Url};

use super::answer::{date_of, from_reqwest, whole_json};
use super::counted::{Asked, counted};
use super::error::{HttpError, HttpErrorKind, Purpose};
use super::issued::Issued;
use super::oauth::Credentials;
use super::retry::{Patience, persistently};
use super::tls::Tls;
use crate::environment::Timeouts;
use crate::model::{Server, ServerText, Timestamp};

/// Creates the client for a server: rustls, gzip, no redirects (a token must not follow one).
/// Requests to this machine use no proxy.
pub fn client(timeouts: Timeouts, server: &Url, tls: &Tls) -> Result<Client, reqwest::Error> {
    let builder =
        if is_loopback(server) { Client::builder().no_proxy() } else { Client::builder() };
    tls.apply(builder)
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.progress)
        .timeout(timeouts.answer)
        .build()
}

/// Returns the client for another server: the same client if both are reached alike, because each
/// new one reads all certificates of the system. `alike` says whether both trust the same.
pub fn client_beside(
    other: (&Client, &Url),
    alike: Trust,
    timeouts: Timeouts,
    server: &Url,
    tls: &Tls,
) -> Result<Client, reqwest::Error> {
    let (client_of_other, url) = other;
    if alike == Trust::Same && is_loopback(url) == is_loopback(server) {
        Ok(client_of_other.clone())
    } else {
        client(timeouts, server, tls)
    }
}

/// Whether the clients of two servers trust the same authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    Same,
    Own,
}

impl Trust {
    /// Returns what two servers have in common that are configured on their own.
    #[must_use]
    pub fn of(one: &Tls, other: &Tls) -> Self {
        if one.is_the_systems() && other.is_the_systems() { Self::Same } else { Self::Own }
    }
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

/// A server, and the credentials for it.
#[derive(Debug, Clone)]
pub struct Api {
    /// Which server this is, for errors.
    pub server: Server,
    base: Url,
    pub(super) client: Client,
    credentials: Arc<Credentials>,
    patience: Patience,
    /// The time on the server's clock at its last answer, and when that came.
    clock: Arc<Mutex<Option<(Timestamp, Instant)>>>,
}

impl Api {
    /// Creates an API. `base` may have a path that the server is served under.
    #[must_use]
    pub fn new(server: Server, base: Url, client: Client, credentials: Credentials) -> Self {
        Self {
            server,
            base,
            client,
            credentials: Arc::new(credentials),
            patience: Patience::Reading,
            clock: Arc::default(),
        }
    }

    /// Returns the time on the server's clock now, by its last answer, if it sends it (`Date`).
    #[must_use]
    pub fn clock(&self) -> Option<Timestamp> {
        let clock = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.map(|(time, then)| time.after(then.elapsed()))
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

    /// Sends `GET base/path…?query` and decodes the JSON. Each segment of the path is escaped. A
    /// refused token is renewed once.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, HttpError> {
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
    pub async fn get_whole(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<HttpAnswer, HttpError> {
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

    /// Sends `POST base/path…` with this JSON, or without a body. Only for requests that are
    /// harmless when sent twice, because it is retried like everything else.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<T, HttpError> {
        self.ask(Method::POST, self.url(path, &[]), body)
            .await?
            .decode(|answer| serde_json::from_str(answer))
    }

    /// Sends `PUT base/path…` with this JSON, which is retried like everything else.
    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &Value,
    ) -> Result<T, HttpError> {
        self.ask(Method::PUT, self.url(path, &[]), Some(body))
            .await?
            .decode(|answer| serde_json::from_str(answer))
    }

    async fn ask(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<HttpAnswer, HttpError> {
        let send = async |token: &SecretString| {
            persistently(self.patience, || self.send(&method, &url, token, body)).await
        };
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
        error(
            self.server,
            &Method::GET,
            &self.url(path, &[]),
            HttpErrorKind::Inconsistent(what.into()),
        )
    }

    /// Returns the error for an answer about another user than the one asked for.
    #[must_use]
    pub fn about_another(&self, path: &[&str], query: &[(&str, &str)], other: &str) -> HttpError {
        let what = format!("the answer is about another user, {:?}", ServerText::from(other));
        error(
            self.server,
            &Method::GET,
            &self.url(path, query),
            HttpErrorKind::Inconsistent(what.into()),
        )
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
        let request =
            self.client.request(method.clone(), url.clone()).bearer_auth(token.expose_secret());
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let asked = (self.server, Purpose::Data);
        let answered = async {
            let response = request.send().await.map_err(from_reqwest)?;
            if let Some(date) = date_of(&response) {
                let now = Some((Timestamp::from(date), Instant::now()));
                *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = now;
            }
            whole_json(asked, response).await
        };
        let sent = Asked { server: self.server, method: method.as_str(), url: url.as_str() };
        counted(sent, answered).await.map_err(|kind| error(self.server, method, url, kind))
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
    pub fn decode<T>(
        self,
        decode: impl FnOnce(&str) -> Result<T, serde_json::Error>,
    ) -> Result<T, HttpError> {
        // One check of the whole is faster than one for each text in it.
        let text = std::str::from_utf8(&self.bytes).map_err(serde_json::Error::custom);
        text.and_then(decode)
            .map_err(|cause| error(self.server, &self.method, &self.url, cause.into()))
    }
}

fn error(server: Server, method: &Method, url: &Url, kind: HttpErrorKind) -> HttpError {
    HttpError::new(server, Purpose::Data, name_of(method), url, kind)
}

/// Sends `GET url` without a token and decodes the JSON, for public information.
pub(super) async fn get_openly<T: DeserializeOwned>(
    client: &Client,
    server: Server,
    url: Url,
) -> Result<T, HttpError> {
    let error = |kind| HttpError::new(server, Purpose::Discovery, "GET", &url, kind);
    let answer = persistently(Patience::Reading, || async {
        let asked = (server, Purpose::Discovery);
        let answered = async {
            whole_json(asked, client.get(url.clone()).send().await.map_err(from_reqwest)?).await
        };
        let sent = Asked { server, method: "GET", url: url.as_str() };
        counted(sent, answered).await.map_err(error)
    });
    serde_json::from_slice(&answer.await?).map_err(|source| error(source.into()))
}

fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "GET",
    }
}

#[cfg(test)]
mod tests;
