//! Every request is counted, by server and by how it ended: those for tokens too, and each try of those that are repeated.
//! One whose answer nobody waits for any more is not: a page that was asked for ahead in vain is no fault of the server.

use reqwest::StatusCode;

use super::error::HttpErrorKind;
use crate::metrics::metrics;
use crate::model::Server;

/// The answer to one request, counted.
pub(crate) async fn counted<T>(
    server: Server,
    answered: impl Future<Output = Result<(StatusCode, T), HttpErrorKind>>,
) -> Result<T, HttpErrorKind> {
    let answered = answered.await;
    match &answered {
        Ok((status, _)) => metrics().request(server, status.as_str()),
        Err(kind) => match kind.any_status() {
            Some(status) => metrics().request(server, status.as_str()),
            None => metrics().request(server, word(kind)),
        },
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
