//! Writes refusals in Matrix's format: `errcode` and `error`.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::standins::server;

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(super) struct SynapseRefusal {
    status: StatusCode,
    body: Value,
}

impl SynapseRefusal {
    pub(super) fn new(status: StatusCode, errcode: &str, error: &str) -> Self {
        Self { status, body: json!({"errcode": errcode, "error": error}) }
    }

    pub(super) fn bad_request(errcode: &str, error: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, errcode, error)
    }

    pub(super) fn user_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", "User not found")
    }

    pub(super) fn no_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", "Missing access token")
    }

    pub(super) fn token_not_active() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            body: json!({
                "errcode": "M_UNKNOWN_TOKEN", "error": "Token is not active", "soft_logout": false,
            }),
        }
    }
}

impl IntoResponse for SynapseRefusal {
    fn into_response(self) -> Response {
        server::json(self.status, "application/json", &self.body)
    }
}

/// Returns the answer for a path that this version does not know.
pub(super) fn unrecognised() -> Response {
    SynapseRefusal::new(StatusCode::NOT_FOUND, "M_UNRECOGNIZED", "Unrecognized request")
        .into_response()
}

/// Returns an answer in JSON.
pub(super) fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    server::json(status, "application/json", body)
}
