//! Defines what can go wrong between this program and a server.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;

use crate::error_chain::in_one_line;
use crate::model::{Server, ServerText, printable};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Data of the server.
    Data,
    Token,
    /// The address of the token endpoint.
    Discovery,
}

/// What does not exist, if a 404 says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// A user, an account, or a room: Synapse has one word for all of them.
    User,
    /// A group of Keycloak.
    Group,
    /// A role of Keycloak.
    Role,
    /// A session of MAS.
    Session,
    /// The path itself: a release or a worker of Synapse that lacks it.
    Path,
}

/// A request that failed.
#[derive(Debug, thiserror::Error)]
#[error("{server}: {method} {url}: {kind}")]
pub struct HttpError {
    pub server: Server,
    pub purpose: Purpose,
    /// `GET`, `POST` or `PUT`.
    pub method: &'static str,
    /// The address, which never contains secrets.
    pub url: String,
    #[source]
    pub kind: HttpErrorKind,
    /// Whether an earlier try of this request may have been carried out.
    pub tried_in_doubt: bool,
}

/// Why a request failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HttpErrorKind {
    /// No connection: refused, no such host, a certificate that is not trusted.
    #[error("no connection")]
    Connect(#[source] Arc<reqwest::Error>),
    /// No progress for too long.
    #[error("no answer in time")]
    Timeout(#[source] Arc<reqwest::Error>),
    /// The answer started and broke off.
    #[error("the answer broke off")]
    BrokenOff(#[source] Arc<reqwest::Error>),
    /// An error status, in the server's own format.
    #[error("answered {status}: {detail}")]
    Status {
        status: StatusCode,
        /// What the server said about it.
        detail: ServerText,
        /// What does not exist, if the server said so.
        missing: Option<Missing>,
        /// How long the server asks to wait (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// An error status in another format, which says nothing about the server.
    #[error("a proxy or load balancer between here and {server} answered {status}, not {server}")]
    ForeignStatus {
        server: Server,
        status: StatusCode,
        /// How long to wait (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// A 404 page: MAS sends one for a path that it does not have, and so does a proxy.
    #[error(
        "MAS without this path, or a proxy or load balancer between here and MAS, answered 404 Not Found"
    )]
    MissingPage,
    /// A redirect, which is not followed.
    #[error("answered {status}, a redirect")]
    Redirect { status: StatusCode },
    /// The token endpoint refused, in the format of OAuth 2.0.
    #[error("issued no token: {error}{}", description.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    NoToken {
        error: ServerText,
        /// The server's own words.
        description: Option<ServerText>,
    },
    /// A request for a token failed without an answer a moment ago, and this one was not sent.
    #[error("no token: the last request for one failed a moment ago: {why}")]
    NoTokenEither { why: String },
    /// An answer that is not JSON, such as a web page.
    #[error("answered with {content_type} instead of JSON")]
    NotJson {
        /// What it is instead.
        content_type: ServerText,
    },
    /// JSON of another kind than expected, or cut short.
    #[error("the answer is not of the expected kind")]
    Decode(#[source] NotExpected),
    /// Longer than any such answer.
    #[error("the answer is longer than {}", size(*limit))]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Metadata of another issuer than the configured one.
    #[error("this is the issuer {issuer}")]
    OtherIssuer { issuer: ServerText },
    /// A token endpoint that would get the secret unencrypted.
    #[error("its token endpoint is plain http: {endpoint}")]
    Unprotected { endpoint: ServerText },
    /// A token endpoint on another server than the issuer.
    #[error("its token endpoint is not at the issuer's address: {endpoint}")]
    ForeignEndpoint { endpoint: ServerText },
    /// Answers that contradict each other although each is well-formed.
    #[error("{0}")]
    Inconsistent(ServerText),
}

/// Why an answer could not be decoded. The parser's text may quote the answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", printable(&.0.to_string()))]
pub struct NotExpected(Arc<serde_json::Error>);

impl From<serde_json::Error> for HttpErrorKind {
    fn from(error: serde_json::Error) -> Self {
        Self::Decode(NotExpected(Arc::new(error)))
    }
}

impl HttpError {
    /// Returns the error of a first try.
    #[must_use]
    pub fn new(
        server: Server,
        purpose: Purpose,
        method: &'static str,
        url: impl std::fmt::Display,
        kind: HttpErrorKind,
    ) -> Self {
        Self {
            server,
            purpose,
            method,
            url: printable(&url.to_string()).into_owned(),
            kind,
            tried_in_doubt: false,
        }
    }

    /// Returns the same error for a request that was not sent, because it would have failed too.
    #[must_use]
    pub(super) fn repeated(&self) -> Self {
        let Self { server, purpose, method, url, kind, .. } = self;
        Self::new(*server, *purpose, method, url, kind.repeated())
    }

    /// Returns the status if the server itself answered with one, in its own format.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.kind {
            HttpErrorKind::Status { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Returns whether the server says that this does not exist.
    #[must_use]
    pub fn is_missing(&self, what: Missing) -> bool {
        matches!(self.kind, HttpErrorKind::Status { missing: Some(missing), .. } if missing == what)
    }

    /// Returns whether a status came from something else than the server, such as a proxy.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self.kind, HttpErrorKind::ForeignStatus { .. })
    }

    /// Returns whether MAS may not have this path: then it answers with a web page, as a proxy
    /// does.
    #[must_use]
    pub fn is_missing_in_mas(&self) -> bool {
        self.server == Server::Mas
            && self.purpose == Purpose::Data
            && self.kind.any_status() == Some(StatusCode::NOT_FOUND)
    }

    /// Returns whether another try may help. Every request that is retried is harmless when sent
    /// twice.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match &self.kind {
            HttpErrorKind::Connect(_) | HttpErrorKind::Timeout(_) | HttpErrorKind::BrokenOff(_) => {
                true
            }
            kind => kind
                .any_status()
                .is_some_and(|status| matches!(status.as_u16(), 429 | 502 | 503 | 504)),
        }
    }

    /// Returns whether the server said nothing at all.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self.kind, HttpErrorKind::Connect(_) | HttpErrorKind::Timeout(_))
    }

    /// Returns whether all retries were used up: the server hangs, or stays busy.
    #[must_use]
    pub fn is_waited_out(&self) -> bool {
        match &self.kind {
            HttpErrorKind::Timeout(_) => true,
            kind => kind.any_status().is_some() && self.may_pass(),
        }
    }

    /// Returns whether the request may have been carried out although its answer broke off. This
    /// excludes a server that says nothing at all: it would be waited for again and again.
    #[must_use]
    pub fn is_answer_lost(&self) -> bool {
        self.purpose == Purpose::Data && matches!(self.kind, HttpErrorKind::BrokenOff(_))
    }

    /// Returns whether the server refused this request only, and would answer others.
    #[must_use]
    pub fn is_about_the_request(&self) -> bool {
        self.purpose == Purpose::Data
            && matches!(self.status().map(|it| it.as_u16()), Some(400 | 404 | 409 | 422))
    }

    /// Returns whether the request may have been carried out although no good answer came.
    #[must_use]
    pub fn may_be_carried_out(&self) -> bool {
        let may = match &self.kind {
            HttpErrorKind::Timeout(_)
            | HttpErrorKind::BrokenOff(_)
            | HttpErrorKind::NotJson { .. }
            | HttpErrorKind::Decode(_)
            | HttpErrorKind::TooLarge { .. }
            | HttpErrorKind::Inconsistent(_) => true,
            // A proxy sends these although the server may have done it; some send 503 if the
            // connection broke.
            HttpErrorKind::ForeignStatus { status, .. } => status.is_server_error(),
            HttpErrorKind::Status { status, .. } => matches!(status.as_u16(), 502 | 504),
            HttpErrorKind::Connect(_)
            | HttpErrorKind::MissingPage
            | HttpErrorKind::Redirect { .. }
            | HttpErrorKind::NoToken { .. }
            | HttpErrorKind::NoTokenEither { .. }
            | HttpErrorKind::OtherIssuer { .. }
            | HttpErrorKind::Unprotected { .. }
            | HttpErrorKind::ForeignEndpoint { .. } => false,
        };
        (may && self.purpose == Purpose::Data) || self.tried_in_doubt
    }

    /// Returns whether the token endpoint does not know the client, or refuses its secret.
    #[must_use]
    pub fn is_invalid_client(&self) -> bool {
        matches!(&self.kind, HttpErrorKind::NoToken { error, .. } if error.raw() == "invalid_client")
    }
}

impl HttpErrorKind {
    fn repeated(&self) -> Self {
        match self {
            Self::Connect(_) | Self::Timeout(_) | Self::BrokenOff(_) | Self::Decode(_) => {
                Self::NoTokenEither { why: in_one_line(self) }
            }
            answered => answered.clone(),
        }
    }

    /// Returns the status, no matter what answered with it.
    pub(super) fn any_status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. }
            | Self::ForeignStatus { status, .. }
            | Self::Redirect { status } => Some(*status),
            Self::MissingPage => Some(StatusCode::NOT_FOUND),
            _ => None,
        }
    }

    /// Returns how long to wait before the next try, if the answer said so.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } | Self::ForeignStatus { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }
}

/// Returns `None` if the server itself says that `what` does not exist. Every other 404 stays an
/// error: of a proxy that has lost its server, of a realm or a path that is not there.
pub fn none_if_missing<T>(
    what: Missing,
    answer: Result<T, HttpError>,
) -> Result<Option<T>, HttpError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_missing(what) => Ok(None),
        Err(error) => Err(error),
    }
}

fn size(bytes: usize) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(kind: HttpErrorKind) -> Result<(), HttpError> {
        Err(HttpError::new(
            Server::Keycloak,
            Purpose::Data,
            "GET",
            "https://sso.example.org/x",
            kind,
        ))
    }

    #[test]
    fn missing_is_what_the_server_itself_says_is_missing() {
        let status = StatusCode::NOT_FOUND;
        let (server, retry_after) = (Server::Keycloak, None);
        let own = |missing| {
            let detail = "in its own words".into();
            answered(HttpErrorKind::Status { status, detail, missing, retry_after })
        };
        assert!(matches!(none_if_missing(Missing::User, own(Some(Missing::User))), Ok(None)));
        for other in [Some(Missing::Group), None] {
            assert!(none_if_missing(Missing::User, own(other)).is_err(), "{other:?}");
        }
        let page = answered(HttpErrorKind::ForeignStatus { server, status, retry_after });
        let page = none_if_missing(Missing::User, page).expect_err("the page of a proxy");
        assert_eq!(
            (page.status(), page.is_foreign(), page.is_about_the_request()),
            (None, true, false)
        );
    }

    #[test]
    fn change_may_be_carried_out_if_a_proxy_lost_the_server() {
        let may = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            let (server, retry_after) = (Server::Keycloak, None);
            let error = answered(HttpErrorKind::ForeignStatus { server, status, retry_after });
            error.expect_err("an error").may_be_carried_out()
        };
        assert_eq!(
            [401, 403, 404, 429, 500, 502, 503, 504].map(may),
            [false, false, false, false, true, true, true, true]
        );
    }
}
