//! Introspects tokens for Synapse.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use axum::{Router, http};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::sessions::SessionKind;
use super::state::MasState;
use crate::standins::query::{Params, bearer};
use crate::standins::{Shared, server};

pub(super) fn routes() -> Router<Shared<MasState>> {
    Router::new().route("/oauth2/introspect", post(introspect))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    server::json(status, "application/json", body)
}

/// `POST /oauth2/introspect`, with the shared secret as bearer token.
async fn introspect(
    State(state): State<Shared<MasState>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let state = state.lock();
    if bearer(&headers) != Some(state.settings.shared_secret.expose_secret()) {
        let text = "Client authentication failed";
        let body = json!({"error": "invalid_client", "error_description": text});
        return answer(StatusCode::UNAUTHORIZED, &body);
    }
    let form = Params::parse(&body);
    let explicit_device =
        headers.contains_key(http::HeaderName::from_static("x-mas-supports-device-id"));
    let token = form.get("token").unwrap_or_default();
    let found = of_session(&state, token, explicit_device).or_else(|| of_client(&state, token));
    answer(StatusCode::OK, &found.unwrap_or_else(|| json!({"active": false})))
}

/// Returns the introspection of an open session, if its user is neither locked nor deactivated.
fn of_session(state: &MasState, token: &str, explicit_device: bool) -> Option<Value> {
    let session =
        state.session(token).filter(|session| session.is_open() && !session.is_expired())?;
    let user = state.user_by_id(&session.user_id).filter(|user| user.is_valid())?;
    let mut body = json!({
        "active": true, "scope": session.scope, "username": user.username, "token_type": "access_token",
        "sub": user.id,
    });
    if let Some(client) = &session.client_id {
        body["client_id"] = json!(client);
    }
    // Only compatibility sessions have their device in addition to the scope; in others the scope
    // names it.
    if let (SessionKind::Compat, Some(device)) = (session.kind, &session.device_id) {
        body["client_id"] = json!("legacy");
        if explicit_device {
            body["device_id"] = json!(device);
        } else {
            body["scope"] = json!(format!(
                "{} urn:matrix:org.matrix.msc2967.client:device:{device}",
                session.scope
            ));
        }
    }
    Some(body)
}

/// Returns the introspection of a client's own token, which belongs to no user (trap 41).
fn of_client(state: &MasState, token: &str) -> Option<Value> {
    let grant = state.grant(token).filter(|grant| !grant.is_expired())?;
    Some(json!({
        "active": true, "scope": grant.scope, "client_id": grant.client_id, "token_type": "access_token",
    }))
}
