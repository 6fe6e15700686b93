//! Counts every request by server and outcome, including requests for tokens and each retry. A
//! request that was cancelled is not counted: a page fetched ahead in vain is not the server's
//! fault.

use reqwest::StatusCode;

use super::error::HttpErrorKind;
use crate::metrics::metrics;
use crate::model::Server;

/// Counts one request and returns its answer.
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

/// Returns the label of an error without a status.
fn word(kind: &HttpErrorKind) -> &'static str {
    match kind {
        HttpErrorKind::Connect(_) => "connect",
        HttpErrorKind::Timeout(_) => "timeout",
        HttpErrorKind::BrokenOff(_) => "broken",
        _ => "not_what_belongs_there",
    }
}
