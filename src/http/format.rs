//! Recognises the errors of each server, as recorded in `tests/contract`. Everything else comes
//! from a proxy: a gateway that answers `{"error": "Forbidden"}` says nothing about roles.

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::{Missing, Purpose};
use crate::model::{Server, ServerText};

/// The Keycloak format: `error` with or without `error_description`, or `errorMessage`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfKeycloak {
    error: Option<String>,
    error_description: Option<String>,
    #[serde(rename = "errorMessage")]
    error_message: Option<String>,
    #[serde(rename = "field")]
    _field: Option<IgnoredAny>,
    #[serde(rename = "params")]
    _params: Option<IgnoredAny>,
    #[serde(rename = "errors")]
    _errors: Option<IgnoredAny>,
}

/// The OAuth 2.0 format of a token endpoint.
#[derive(Deserialize)]
struct OfTokenEndpoint {
    error: String,
    error_description: Option<String>,
}

/// The Matrix format.
#[derive(Deserialize)]
struct OfSynapse {
    errcode: String,
    error: Option<String>,
}

/// The format of the MAS Admin API.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfMas {
    errors: Vec<Titled>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Titled {
    title: String,
}

/// What Keycloak says if something does not exist. Recording: `keycloak.json`.
const MISSING_IN_KEYCLOAK: [(&str, Option<Missing>); 8] = [
    ("User not found", Some(Missing::User)),
    ("Could not find group by id", Some(Missing::Group)),
    ("Group path does not exist", Some(Missing::Group)),
    ("Could not find role", Some(Missing::Role)),
    ("Could not find client", None),
    ("Client not found", None),
    ("Realm not found.", None),
    (NO_REALM, None),
];
/// Says the same outside the Admin API.
const NO_REALM: &str = "Realm does not exist";
/// Keycloak's word for errors that have no other, and for every 403 before Keycloak 26 (seen on
/// 22.0.5 and 24.0.5). Recording: `keycloak-federation.json`.
const UNKNOWN_ERROR: &str = "unknown_error";

/// The errors of a token endpoint (RFC 6749, 4.1.2.1 and 5.2).
const OF_OAUTH: [&str; 9] = [
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// The most that is printed of a server's words.
const LONGEST: usize = 300;

/// An error in the server's own format.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OwnError {
    /// The server's words.
    pub(super) detail: ServerText,
    /// What does not exist, if the server says so.
    pub(super) missing: Option<Missing>,
}

/// Returns what a server says, safe to print.
pub(super) fn told(text: &str) -> ServerText {
    ServerText::beginning(text, LONGEST)
}

/// Reads an error, or returns `None` if this is not the server's format.
pub(super) fn own_error(
    server: Server,
    purpose: Purpose,
    status: StatusCode,
    body: &[u8],
) -> Option<OwnError> {
    let (words, missing) = match (server, purpose) {
        (_, Purpose::Token) => (token_error(server, status, body)?, None),
        (Server::Keycloak, _) => keycloak_error(status, body)?,
        (Server::Synapse, _) => synapse_error(body)?,
        (Server::Mas, _) => mas_error(status, body)?,
    };
    Some(OwnError {
        detail: told(&words.join(": ")),
        missing: missing.filter(|_| status == StatusCode::NOT_FOUND),
    })
}

fn token_error(server: Server, status: StatusCode, body: &[u8]) -> Option<Vec<String>> {
    let OfTokenEndpoint { error, error_description } = serde_json::from_slice(body).ok()?;
    let is_own = match server {
        Server::Keycloak => {
            error == NO_REALM || is_general(&error, status) || OF_OAUTH.contains(&&*error)
        }
        Server::Synapse | Server::Mas => OF_OAUTH.contains(&&*error),
    };
    is_own.then(|| [Some(error), error_description].into_iter().flatten().collect())
}

fn keycloak_error(status: StatusCode, body: &[u8]) -> Option<(Vec<String>, Option<Missing>)> {
    let OfKeycloak { error, error_description, error_message, .. } =
        serde_json::from_slice(body).ok()?;
    let Some(error) = error else {
        let has_words = matches!(status.as_u16(), 400 | 409 | 500);
        return error_message.filter(|_| has_words).map(|message| (vec![message], None));
    };
    let known = MISSING_IN_KEYCLOAK
        .iter()
        .find(|(text, _)| status == StatusCode::NOT_FOUND && *text == error);
    if known.is_none() && !is_general(&error, status) {
        return None;
    }
    Some((
        [Some(error), error_description].into_iter().flatten().collect(),
        known.and_then(|(_, missing)| *missing),
    ))
}

/// Returns whether Keycloak answers a status with these words on any path.
fn is_general(error: &str, status: StatusCode) -> bool {
    error == format!("HTTP {status}")
        || (error == UNKNOWN_ERROR && matches!(status.as_u16(), 400 | 403 | 500))
}

fn synapse_error(body: &[u8]) -> Option<(Vec<String>, Option<Missing>)> {
    let OfSynapse { errcode, error } = serde_json::from_slice(body).ok()?;
    let is_own = errcode.starts_with("M_") || errcode.starts_with("ORG.MATRIX.");
    let missing = match &*errcode {
        "M_NOT_FOUND" => Some(Missing::User),
        // A worker or an older release does not have the path.
        "M_UNRECOGNIZED" => Some(Missing::Path),
        _ => None,
    };
    is_own.then(|| ([Some(errcode), error].into_iter().flatten().collect(), missing))
}

fn mas_error(status: StatusCode, body: &[u8]) -> Option<(Vec<String>, Option<Missing>)> {
    let OfMas { errors } = serde_json::from_slice(body).ok()?;
    let titles: Vec<String> = errors.into_iter().map(|Titled { title }| title).collect();
    let first = titles.first().filter(|first| !is_reason(first, status))?;
    let what = missing_in_mas(first);
    Some((titles, what))
}

/// Returns what a title says does not exist: "User ID 01… not found".
fn missing_in_mas(title: &str) -> Option<Missing> {
    let subject = title.strip_suffix(" not found")?;
    if subject.starts_with("User ID ") || subject.starts_with("User with username ") {
        return Some(Missing::User);
    }
    let is_session = subject.contains(" session ID ") || subject.contains(" session with ID ");
    is_session.then_some(Missing::Session)
}

/// Returns whether a text is only the status in words, as gateways write it.
fn is_reason(text: &str, status: StatusCode) -> bool {
    status.canonical_reason().is_some_and(|reason| reason.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests;
