//! Serves the metadata: `GET /realms/{realm}/.well-known/openid-configuration`.
//!
//! It is not in the recordings: the fields are the usual ones, with Keycloak's names of endpoints.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::state::KeycloakState;
use super::token::error;
use crate::standins::{Shared, server};

pub(super) fn routes() -> Router<Shared<KeycloakState>> {
    Router::new().route("/realms/{realm}/.well-known/openid-configuration", get(discovery))
}

async fn discovery(
    State(state): State<Shared<KeycloakState>>,
    Path(realm): Path<String>,
) -> Response {
    let state = state.lock();
    if !state.realms.contains_key(&realm) {
        return error(StatusCode::NOT_FOUND, "Realm does not exist").into_response();
    }
    let issuer = format!("{}/realms/{realm}", state.url);
    let at = |name: &str| format!("{issuer}/protocol/openid-connect/{name}");
    let body = json!({
        "issuer": issuer,
        "authorization_endpoint": at("auth"),
        "token_endpoint": at("token"),
        "introspection_endpoint": at("token/introspect"),
        "userinfo_endpoint": at("userinfo"),
        "end_session_endpoint": at("logout"),
        "jwks_uri": at("certs"),
        "revocation_endpoint": at("revoke"),
        "device_authorization_endpoint": at("auth/device"),
        "registration_endpoint": format!("{issuer}/clients-registrations/openid-connect"),
        "grant_types_supported": [
            "authorization_code", "client_credentials", "implicit", "password", "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "response_types_supported": [
            "code", "none", "id_token", "token", "id_token token", "code id_token", "code token",
            "code id_token token",
        ],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        "token_endpoint_auth_methods_supported": [
            "private_key_jwt", "client_secret_basic", "client_secret_post", "tls_client_auth", "client_secret_jwt",
        ],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "name", "preferred_username", "email"],
        "code_challenge_methods_supported": ["plain", "S256"],
    });
    server::json(StatusCode::OK, "application/json;charset=UTF-8", &body)
}
