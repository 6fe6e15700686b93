//! What can go wrong between this program and a server, and what to do about it.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

/// The servers that are asked, by the names that people know them by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Server {
    /// Keycloak.
    Keycloak,
    /// Synapse.
    Synapse,
    /// The Matrix Authentication Service.
    Mas,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// What the server is there for.
    Data,
    /// A token.
    Token,
    /// Where tokens are to be had.
    Discovery,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keycloak => "Keycloak",
            Self::Synapse => "Synapse",
            Self::Mas => "MAS",
        })
    }
}

/// A request that did not get its answer.
#[derive(Debug, thiserror::Error)]
#[error("{server}: {method} {url}: {kind}")]
pub struct HttpError {
    /// Who was asked.
    pub server: Server,
    /// What for.
    pub purpose: Purpose,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// What was asked; secrets never stand in a URL.
    pub url: String,
    /// What came instead of an answer.
    #[source]
    pub kind: HttpErrorKind,
}

/// What came instead of an answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpErrorKind {
    /// No connection: refused, no such host, a certificate that is not trusted.
    #[error("no connection")]
    Connect(#[source] reqwest::Error),
    /// No progress for too long.
    #[error("no answer in time")]
    Timeout(#[source] reqwest::Error),
    /// The answer began and broke off.
    #[error("the answer broke off")]
    BrokenOff(#[source] reqwest::Error),
    /// A status that is no success.
    #[error("answered {status}{}", detail.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Status {
        /// The status.
        status: StatusCode,
        /// What the server said about it.
        detail: Option<String>,
        /// How long the server asks to wait (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// The token endpoint refused, as OAuth 2.0 says it.
    #[error("gave no token: {error}{}", description.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    NoToken {
        /// The OAuth 2.0 error code.
        error: String,
        /// The server's own words.
        description: Option<String>,
    },
    /// An answer that is not JSON, such as a web page.
    #[error("answered with {content_type} where JSON belongs")]
    NotJson {
        /// What it is instead.
        content_type: String,
    },
    /// JSON that is not what belongs there, or that breaks off.
    #[error("the answer is not what belongs there")]
    Decode(#[source] serde_json::Error),
    /// More than any such answer is long.
    #[error("the answer is longer than {}", size(*limit))]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The description of another server than the configured issuer.
    #[error("this is the issuer {issuer}")]
    OtherIssuer {
        /// Who it says it is.
        issuer: String,
    },
    /// A token endpoint to which the secret would go in the clear.
    #[error("its token endpoint is plain http: {endpoint}")]
    Unprotected {
        /// The endpoint.
        endpoint: String,
    },
    /// The answers contradict each other although each is well-formed.
    #[error("{0}")]
    Inconsistent(String),
}

impl HttpError {
    /// The status, where the server answered with one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.kind {
            HttpErrorKind::Status { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Whether a second try may help: every request of this program that is tried again is harmless when asked twice.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match &self.kind {
            HttpErrorKind::Connect(_) | HttpErrorKind::Timeout(_) | HttpErrorKind::BrokenOff(_) => true,
            HttpErrorKind::Status { status, .. } => matches!(status.as_u16(), 429 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// Whether the server said nothing at all.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self.kind, HttpErrorKind::Connect(_) | HttpErrorKind::Timeout(_))
    }

    /// Whether the token endpoint does not know the client, or not by this secret.
    #[must_use]
    pub fn is_invalid_client(&self) -> bool {
        matches!(&self.kind, HttpErrorKind::NoToken { error, .. } if error == "invalid_client")
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let (server, url_key) = (self.server, self.url_key());
        match &self.kind {
            HttpErrorKind::Connect(_) => {
                let own_ca = if server == Server::Mas { " (writer.mas_api.ca_file names an authority of your own)" } else { "" };
                format!("check that {server} is up, can be reached from here and has a trusted certificate{own_ca}, and {url_key}")
            }
            HttpErrorKind::Timeout(_) | HttpErrorKind::BrokenOff(_) if self.is_change() => {
                format!("look at the log of {server}; the call may have been carried out, which the next run will see")
            }
            HttpErrorKind::Timeout(_) | HttpErrorKind::BrokenOff(_) => {
                format!("look at the log of {server} and of any proxy in front of it; nothing was changed, so run again")
            }
            HttpErrorKind::NotJson { .. } if server == Server::Mas => no_admin_api_hint(self.purpose),
            HttpErrorKind::NotJson { .. } => {
                format!("this looks like a web page or a proxy, not {server}: check {url_key}")
            }
            HttpErrorKind::Decode(_) | HttpErrorKind::Inconsistent(_) | HttpErrorKind::TooLarge { .. } => format!(
                "the answer cannot be relied on{}; run again, and look at the log of {server} if it stays",
                if self.is_change() { "" } else { ", so nothing was changed" }
            ),
            HttpErrorKind::OtherIssuer { issuer } => format!("set {url_key} to {issuer}, if that is your MAS"),
            HttpErrorKind::Unprotected { .. } => {
                "let MAS be reached by https (http.public_base in its configuration), or set writer.mas_api.allow_http = \
                 true where the network is trusted"
                    .to_owned()
            }
            HttpErrorKind::NoToken { error, .. } => no_token_hint(server, error),
            HttpErrorKind::Status { status, .. } => match server {
                Server::Mas => self.mas_status_hint(*status),
                _ => self.status_hint(*status),
            },
        }
    }

    /// The key of the configuration that says where this server is.
    fn url_key(&self) -> &'static str {
        match (self.server, self.purpose) {
            (Server::Keycloak, _) => "keycloak.url (KC_URL)",
            (Server::Synapse, _) => "synapse.url (MATRIX_URL)",
            (Server::Mas, Purpose::Data) => "writer.mas_api.url",
            (Server::Mas, Purpose::Token | Purpose::Discovery) => "writer.mas_api.issuer",
        }
    }

    /// Whether the request may have changed something although it has no good answer.
    fn is_change(&self) -> bool {
        self.purpose == Purpose::Data && self.method == "POST"
    }

    fn mas_status_hint(&self, status: StatusCode) -> String {
        match (self.purpose, status.as_u16()) {
            (Purpose::Token, 401 | 403) => no_token_hint(Server::Mas, "invalid_client"),
            (Purpose::Data, 401 | 403) => {
                "the token does not open the Admin API: it may have ended or been revoked, or lacks the scope urn:mas:admin \
                 (a compatibility token, mct_…, never opens it); give a personal access token with that scope in \
                 writer.mas_api.access_token, or a client's credentials"
                    .to_owned()
            }
            (_, 404) => no_admin_api_hint(self.purpose),
            _ => self.status_hint(status),
        }
    }

    fn status_hint(&self, status: StatusCode) -> String {
        let url_key = self.url_key();
        match (self.server, status.as_u16()) {
            (Server::Keycloak, 401 | 403) if self.purpose == Purpose::Token => {
                no_token_hint(Server::Keycloak, "invalid_client")
            }
            (Server::Keycloak, 401) => {
                "Keycloak does not accept its own token: check that keycloak.url (KC_URL) is the address that Keycloak \
                 gives as its issuer, that the user or client was not disabled, and that its access tokens live longer \
                 than an answer takes"
                    .to_owned()
            }
            (Server::Keycloak, 403) => {
                "give the user or the client's service account the role view-users of the client realm-management \
                 (of the client REALM-realm, for a user of the master realm)"
                    .to_owned()
            }
            (Server::Keycloak, 404) => {
                "check keycloak.realm (KC_REALM) and keycloak.auth_realm, and that keycloak.url (KC_URL) has the path \
                 that Keycloak is served under"
                    .to_owned()
            }
            (Server::Synapse, 401) => {
                "the admin token is not accepted: it may have ended, or its owner may be locked; issue a new one with \
                 `mas-cli manage issue-compatibility-token NAME --yes-i-want-to-grant-synapse-admin-privileges` and set \
                 synapse.admin_token (MATRIX_ADMIN_TOKEN)"
                    .to_owned()
            }
            (Server::Synapse, 403) => {
                "the token's owner is not an administrator of the homeserver: issue the token with \
                 `--yes-i-want-to-grant-synapse-admin-privileges` and set synapse.admin_token (MATRIX_ADMIN_TOKEN)"
                    .to_owned()
            }
            (Server::Synapse, 404) => {
                format!("check {url_key}, and that the proxy in front of Synapse lets /_synapse/admin through to it")
            }
            (Server::Synapse, 503) => {
                "Synapse cannot check the token while MAS is down: look at MAS, then run again".to_owned()
            }
            (server, 429) => format!("{server} or a proxy limits the rate of requests: run again later, or raise its limit"),
            (server, 300..=399) => {
                format!("redirects are not followed, because the token would go along: set {url_key} to where {server} really is")
            }
            (server, _) => format!("look at the log of {server} and of any proxy in front of it; run again when it is well"),
        }
    }
}

/// For questions to which "there is none" (404) is an answer. It counts only in the server's own words: the web page of
/// a proxy that has lost its server is a 404 too.
pub fn none_if_missing<T>(answer: Result<T, HttpError>) -> Result<Option<T>, HttpError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(HttpError {
            kind: HttpErrorKind::Status { status: StatusCode::NOT_FOUND, detail: Some(_), .. }, ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a listener of MAS does not have what is asked for, it answers with a web page.
fn no_admin_api_hint(purpose: Purpose) -> String {
    match purpose {
        Purpose::Data => {
            "the Admin API is not there: add the resource adminapi to a listener in MAS's configuration (http.listeners), \
             an internal one, and set writer.mas_api.url to that listener, without a path"
        }
        Purpose::Token | Purpose::Discovery => {
            "this does not look like MAS: set writer.mas_api.issuer to MAS's own address (http.public_base or http.issuer \
             in its configuration)"
        }
    }
    .to_owned()
}

fn no_token_hint(server: Server, error: &str) -> String {
    match (server, error) {
        (Server::Mas, "invalid_scope") => {
            "list the client in policy.data.admin_clients of MAS's configuration, then restart MAS"
        }
        (Server::Mas, "unauthorized_client" | "invalid_client") => {
            "check writer.mas_api.client_id and writer.mas_api.client_secret against the entry under clients in MAS's \
             configuration; its client_auth_method has to be client_secret_basic or client_secret_post"
        }
        (Server::Mas, _) => "look at the client's entry in MAS's configuration and at MAS's log",
        (_, "invalid_grant") => {
            "check keycloak.username (KC_ADMIN_USER) and keycloak.password (KC_ADMIN_PASS), that the user is enabled in \
             keycloak.auth_realm, and has nothing left to do at login"
        }
        (_, "unauthorized_client" | "invalid_client") => {
            "check keycloak.client_id (KC_CLIENT_ID) and keycloak.client_secret (KC_CLIENT_SECRET), and that the client \
             has \"Service accounts roles\" (client credentials) or \"Direct access grants\" (a user's password) switched on"
        }
        _ => "look at the client's settings in Keycloak and at Keycloak's log",
    }
    .to_owned()
}

fn size(bytes: usize) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}
