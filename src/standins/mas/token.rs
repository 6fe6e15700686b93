//! Authenticates clients and issues access tokens: `POST /oauth2/token`, only for client
//! credentials.
//!
//! It follows the exchanges "token: …" of `mas-admin-api.json`.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::clients::ClientAuth;
use super::state::MasState;
use crate::standins::query::{Params, basic};
use crate::standins::{Shared, server};

/// The scope of the Admin API.
pub(super) const ADMIN_SCOPE: &str = "urn:mas:admin";
/// Scopes that MAS's policy allows for any client; they give no access here.
const FOR_ANYBODY: [&str; 3] = ["openid", "email", "urn:mas:graphql:*"];

pub(super) fn routes() -> Router<Shared<MasState>> {
    Router::new().route("/oauth2/token", post(token))
}

/// An error in the format of OAuth 2.0.
struct TokenRefusal {
    status: StatusCode,
    error: &'static str,
    description: String,
}

fn refused(status: StatusCode, error: &'static str, description: &str) -> TokenRefusal {
    TokenRefusal { status, error, description: description.to_owned() }
}

async fn token(
    State(state): State<Shared<MasState>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let form = Params::parse(&body);
    match granted(&mut state.lock(), &headers, &form) {
        Ok(body) => server::json(StatusCode::OK, "application/json", &body),
        Err(TokenRefusal { status, error, description }) => {
            let body = json!({"error": error, "error_description": description});
            server::json(status, "application/json", &body)
        }
    }
}

fn granted(
    state: &mut MasState,
    headers: &HeaderMap,
    form: &Params,
) -> Result<Value, TokenRefusal> {
    let client = client(state, headers, form)?;
    if form.get("grant_type") != Some("client_credentials") {
        let text = "The stand-in knows client_credentials only.";
        return Err(refused(StatusCode::BAD_REQUEST, "unsupported_grant_type", text));
    }
    let scope = form.get("scope").unwrap_or_default();
    let is_admin = state.settings.admin_clients.contains(&client);
    let may = |part: &str| FOR_ANYBODY.contains(&part) || part == ADMIN_SCOPE && is_admin;
    if let Some(part) = scope.split_whitespace().find(|part| !may(part)) {
        let text = format!("scope '{part}' not allowed");
        return Err(refused(StatusCode::FORBIDDEN, "invalid_scope", &text));
    }
    let mut body = json!({
        "access_token": state.issue(&client, scope), "token_type": "Bearer",
        "expires_in": state.settings.token_lifetime.as_secs(),
    });
    if !scope.is_empty() {
        body["scope"] = json!(scope);
    }
    Ok(body)
}

/// Authenticates the client of the request in its registered way, and returns its ID.
fn client(state: &MasState, headers: &HeaderMap, form: &Params) -> Result<String, TokenRefusal> {
    let field = |name| form.get(name).unwrap_or_default().to_owned();
    let (auth, (id, secret)) = match basic(headers) {
        Some(given) => (ClientAuth::Basic, given),
        None => (ClientAuth::Post, (field("client_id"), field("client_secret"))),
    };
    let known = state.clients.by_id.get(&id);
    if known.is_some_and(|client| client.auth == auth && client.secret.expose_secret() == secret) {
        return Ok(id);
    }
    Err(refused(StatusCode::UNAUTHORIZED, "invalid_client", "Client authentication failed."))
}
