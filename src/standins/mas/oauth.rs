//! What Synapse asks MAS: where things are, and what a token is worth.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, http};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::state::State as Database;
use crate::standins::query::{Params, bearer};
use crate::standins::{Shared, server};

pub(super) fn routes() -> Router<Shared<Database>> {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/oauth2/introspect", post(introspect))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    server::json(status, "application/json", body)
}

/// `GET /.well-known/openid-configuration`: the part of "discovery" in `mas-admin-api.json` that is used.
async fn discovery(State(state): State<Shared<Database>>) -> Response {
    let issuer = state.lock().settings.issuer.clone();
    let at = |path: &str| format!("{issuer}{path}");
    let body = json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("oauth2/token"),
        "jwks_uri": at("oauth2/keys.json"),
        "registration_endpoint": at("oauth2/registration"),
        "scopes_supported": ["openid", "email"],
        "response_types_supported": ["code", "id_token", "code id_token"],
        "response_modes_supported": ["form_post", "query", "fragment"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint": at("oauth2/revoke"),
        "introspection_endpoint": at("oauth2/introspect"),
        "code_challenge_methods_supported": ["plain", "S256"],
        "userinfo_endpoint": at("oauth2/userinfo"),
        "subject_types_supported": ["public"],
        "account_management_uri": at("account/"),
        "account_management_actions_supported": ["org.matrix.profile", "org.matrix.sessions_list"],
    });
    answer(StatusCode::OK, &body)
}

/// `POST /oauth2/introspect`, with the shared secret as bearer token.
async fn introspect(State(state): State<Shared<Database>>, headers: HeaderMap, body: String) -> Response {
    let state = state.lock();
    if bearer(&headers) != Some(state.settings.shared_secret.expose_secret()) {
        let text = "Client authentication failed";
        let body = json!({"error": "invalid_client", "error_description": text});
        return answer(StatusCode::UNAUTHORIZED, &body);
    }
    let form = Params::parse(&body);
    let explicit_device = headers.contains_key(http::HeaderName::from_static("x-mas-supports-device-id"));
    let token = form.get("token").unwrap_or_default();
    let found = introspection(&state, token, explicit_device).unwrap_or_else(|| json!({"active": false}));
    answer(StatusCode::OK, &found)
}

/// What an open session of a user who is neither locked nor deactivated is worth.
fn introspection(state: &Database, token: &str, explicit_device: bool) -> Option<Value> {
    let session = state.session(token).filter(|session| !session.finished)?;
    let user = state.user_by_id(&session.user_id).filter(|user| user.is_valid())?;
    // The older names, because homeservers of every age know them.
    let mut scope = "urn:matrix:org.matrix.msc2967.client:api:*".to_owned();
    if !explicit_device {
        scope.push_str(" urn:matrix:org.matrix.msc2967.client:device:");
        scope.push_str(&session.device_id);
    }
    if session.synapse_admin {
        scope.push_str(" urn:synapse:admin:*");
    }
    let mut body = json!({
        "active": true, "scope": scope, "client_id": "legacy", "username": user.username,
        "token_type": "access_token", "sub": user.id,
    });
    if explicit_device {
        body["device_id"] = json!(session.device_id);
    }
    Some(body)
}
