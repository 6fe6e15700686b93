//! Reads answers: whole or not at all, and who answered with an error.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use super::error::{HttpErrorKind, Purpose};
use super::format::{OwnError, own_error};
use crate::model::Server;

/// The longest answer: a page of 10,000 members is 2 MiB.
const ANSWER_LIMIT: usize = 256 << 20;
/// The most memory to reserve at once if a server announces the length of its answer.
const PAGE_OF_LISTS: usize = 4 << 20;
/// How much of an error's body is read, to report what the server said.
const ERROR_LIMIT: usize = 64 << 10;

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
    let told = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok())
        .unwrap_or_default();
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

/// Returns the time on the server's clock, if it sends it.
pub(super) fn date_of(response: &Response) -> Option<SystemTime> {
    httpdate::parse_http_date(response.headers().get(DATE)?.to_str().ok()?).ok()
}

pub(super) fn is_json(content_type: &str) -> bool {
    content_type == "application/json" || content_type.ends_with("+json")
}

/// Returns who answered with the status, and the body, cut to the longest error.
pub(super) async fn status_error(
    asked: (Server, Purpose),
    mut response: Response,
) -> (HttpErrorKind, Vec<u8>) {
    let (server, purpose) = asked;
    let status = response.status();
    let retry_after =
        response.headers().get(RETRY_AFTER).and_then(|value| wait_of(value.to_str().ok()?.trim()));
    let json = is_json(&content_type(&response));
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ERROR_LIMIT {
            break;
        }
    }
    let kind = match own_error(server, purpose, status, &body).filter(|_| json) {
        Some(OwnError { detail, missing }) => {
            HttpErrorKind::Status { status, detail, missing, retry_after }
        }
        None if status.is_redirection() => HttpErrorKind::Redirect { status },
        None if server == Server::Mas && status == StatusCode::NOT_FOUND => {
            HttpErrorKind::MissingPage
        }
        None => HttpErrorKind::ForeignStatus { server, status, retry_after },
    };
    (kind, body)
}

/// Parses `Retry-After`, a number of seconds or a time.
fn wait_of(value: &str) -> Option<Duration> {
    let seconds = value.parse().ok().map(Duration::from_secs);
    seconds.or_else(|| {
        Some(
            httpdate::parse_http_date(value)
                .ok()?
                .duration_since(SystemTime::now())
                .unwrap_or_default(),
        )
    })
}

/// Converts an error of the client, without its URL, which our own error already has.
pub(crate) fn from_reqwest(error: reqwest::Error) -> HttpErrorKind {
    let error = Arc::new(error.without_url());
    if error.is_timeout() {
        HttpErrorKind::Timeout(error)
    } else if error.is_connect() || error.is_builder() {
        HttpErrorKind::Connect(error)
    } else {
        HttpErrorKind::BrokenOff(error)
    }
}
