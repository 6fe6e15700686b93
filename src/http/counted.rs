//! Every request is counted, by server and by how it ended: those for tokens too, and each try of those that are repeated.

use reqwest::StatusCode;

use super::error::{HttpErrorKind, Server};
use crate::signals::metrics;

/// The answer to one request, counted.
pub(crate) async fn counted<T>(
    server: Server,
    answered: impl Future<Output = Result<(StatusCode, T), HttpErrorKind>>,
) -> Result<T, HttpErrorKind> {
    let answered = answered.await;
    match &answered {
        Ok((status, _)) | Err(HttpErrorKind::Status { status, .. }) => metrics().request(server, status.as_str()),
        Err(kind) => metrics().request(server, word(kind)),
    }
    answered.map(|(_, answer)| answer)
}

/// What came instead of a status or of what belongs behind it.
fn word(kind: &HttpErrorKind) -> &'static str {
    match kind {
        HttpErrorKind::Connect(_) => "connect",
        HttpErrorKind::Timeout(_) => "timeout",
        HttpErrorKind::BrokenOff(_) => "broken",
        _ => "not_what_belongs_there",
    }
}
