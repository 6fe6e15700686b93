//! Serves the metadata, `GET /.well-known/openid-configuration`, in full, as "discovery" of
//! `mas-admin-api.json`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use super::settings::{CLIENT_AUTH, MasSettings};
use super::state::MasState;
use crate::standins::{Shared, server};

const CLIENT_ALGORITHMS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "ES256K",
];
const TOKEN_ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "ES256", "ES384", "PS256", "PS384", "PS512", "ES256K"];

pub(super) fn routes() -> Router<Shared<MasState>> {
    Router::new().route("/.well-known/openid-configuration", get(discovery))
}

async fn discovery(State(state): State<Shared<MasState>>) -> Response {
    let MasSettings { issuer, token_endpoint, token_endpoint_auth_methods, .. } =
        state.lock().settings.clone();
    let at = |path: &str| format!("{issuer}{path}");
    let mut body = json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": token_endpoint.unwrap_or_else(|| at("oauth2/token")),
        "jwks_uri": at("oauth2/keys.json"),
        "registration_endpoint": at("oauth2/registration"),
        "scopes_supported": ["openid", "email"],
        "response_types_supported": ["code", "id_token", "code id_token"],
        "response_modes_supported": ["form_post", "query", "fragment"],
        "grant_types_supported": [
            "authorization_code", "refresh_token", "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "code_challenge_methods_supported": ["plain", "S256"],
        "userinfo_endpoint": at("oauth2/userinfo"),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": TOKEN_ALGORITHMS,
        "userinfo_signing_alg_values_supported": TOKEN_ALGORITHMS,
        "display_values_supported": ["page"],
        "claim_types_supported": ["normal"],
        "claims_supported": ["iss", "sub", "aud", "iat", "exp", "nonce", "auth_time", "at_hash", "c_hash"],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "prompt_values_supported": ["login"],
        "device_authorization_endpoint": at("oauth2/device"),
        "org.matrix.matrix-authentication-service.graphql_endpoint": at("graphql"),
        "account_management_uri": at("account/"),
        "account_management_actions_supported": [
            "org.matrix.profile", "org.matrix.devices_list", "org.matrix.device_view", "org.matrix.device_delete",
            "org.matrix.cross_signing_reset", "org.matrix.sessions_list", "org.matrix.session_view",
            "org.matrix.session_end",
        ],
    });
    for (endpoint, path) in
        [("revocation", "oauth2/revoke"), ("introspection", "oauth2/introspect")]
    {
        body[format!("{endpoint}_endpoint")] = json!(at(path));
    }
    for endpoint in ["token", "revocation", "introspection"] {
        body[format!("{endpoint}_endpoint_auth_methods_supported")] = json!(CLIENT_AUTH);
        body[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")] =
            json!(CLIENT_ALGORITHMS);
    }
    body["token_endpoint_auth_methods_supported"] = json!(token_endpoint_auth_methods);
    server::json(StatusCode::OK, "application/json", &body)
}
