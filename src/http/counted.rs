//! Counts and logs every request by server and outcome, including requests for tokens and each
//! retry. A request that was cancelled is not counted: a page fetched ahead in vain is not the
//! server's fault.

use std::time::Instant;

use reqwest::StatusCode;
use tracing::info;

use super::error::HttpErrorKind;
use crate::metrics::metrics;
use crate::model::{Server, Word as _, printable};

/// The target of these lines in the log. They are many, so only `-v` shows them.
pub const REQUESTS: &str = "request";

/// A request that is sent now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) server: Server,
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
}

/// Counts and logs one request, and returns its answer.
pub(crate) async fn counted<T>(
    asked: Asked<'_>,
    answered: impl Future<Output = Result<(StatusCode, T), HttpErrorKind>>,
) -> Result<T, HttpErrorKind> {
    let Asked { server, method, url } = asked;
    // Only its form without user, password and secrets is logged.
    let request = LoggedRequest::new(server.word(), format!("{method} {}", printable(url)));
    let answered = answered.await;
    let status = match &answered {
        Ok((status, _)) => Some(*status),
        Err(kind) => kind.any_status(),
    };
    let outcome = match (&status, &answered) {
        (Some(status), _) => status.as_str(),
        (None, Err(kind)) => word(kind),
        (None, Ok(_)) => "",
    };
    metrics().request(server, outcome);
    request.ended(outcome);
    answered.map(|(_, answer)| answer)
}

/// A request, or a call of mas-cli, that is logged when it ends. One that is dropped before was
/// cancelled.
#[derive(Debug)]
pub(crate) struct LoggedRequest {
    server: &'static str,
    request: String,
    begin: Instant,
    is_ended: bool,
}

impl LoggedRequest {
    /// Notes a request that begins now.
    pub(crate) fn new(server: &'static str, request: String) -> Self {
        Self { server, request, begin: Instant::now(), is_ended: false }
    }

    /// Logs it with what came of it.
    pub(crate) fn ended(mut self, status: &str) {
        self.is_ended = true;
        self.log(status);
    }

    fn log(&self, status: &str) {
        let Self { server, request, begin, .. } = self;
        let duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        info!(
            target: REQUESTS,
            server,
            request,
            status,
            duration_ms,
            "{request}: {status} after {duration_ms} ms",
        );
    }
}

impl Drop for LoggedRequest {
    fn drop(&mut self) {
        if !self.is_ended {
            self.log("cancelled");
        }
    }
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
