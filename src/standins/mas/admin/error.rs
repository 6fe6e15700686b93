//! Writes refusals of the Admin API: `{"errors": [{"title": …}]}`, the outermost error first.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::standins::server;

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(super) struct AdminRefusal {
    status: StatusCode,
    titles: Vec<String>,
}

impl AdminRefusal {
    pub(super) fn new(status: StatusCode, titles: &[&str]) -> Self {
        Self { status, titles: titles.iter().map(|title| (*title).to_owned()).collect() }
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, &[&format!("{what} not found")])
    }

    pub(super) fn unauthorized(titles: &[&str]) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, titles)
    }

    /// Refuses a query string that cannot be parsed; `what` is `pagination` or `filter`.
    pub(super) fn query(what: &str, why: &str) -> Self {
        let (outer, middle) = (
            format!("Invalid {what} parameters"),
            format!("Failed to deserialize query string: {why}"),
        );
        // The real one also repeats the text.
        Self::new(StatusCode::BAD_REQUEST, &[&outer, &middle, why, why])
    }
}

impl IntoResponse for AdminRefusal {
    fn into_response(self) -> Response {
        let errors: Vec<Value> =
            self.titles.iter().map(|title| json!({ "title": title })).collect();
        server::json(self.status, "application/json", &json!({ "errors": errors }))
    }
}
