//! Serves the Admin API, `/api/admin/v1/…`, as recorded in `mas-admin-api.json` and
//! `mas-lifecycle.json`.
//!
//! `auth` authenticates, `error` refuses; `filter`, `page` and `resource` are common to all lists;
//! `users`, `change`, `emails`, `upstream`, `sessions`, `personal`, `clients` and `policy` are the
//! endpoints.
//! Beyond the recordings it follows MAS's own description of the API.

mod auth;
mod change;
mod clients;
mod emails;
mod error;
mod filter;
mod page;
mod personal;
mod policy;
mod resource;
mod sessions;
mod upstream;
mod users;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::settings::Listener;
use super::state::MasState;
use super::version::{Version, brought};
use crate::standins::{Shared, server};
use error::AdminRefusal;

const ROOT: &str = "/api/admin/v1";

type Answer = Result<Response, AdminRefusal>;

/// Returns the Admin API of one of the listeners. Every request needs a token with its scope.
pub(super) fn routes(state: &Shared<MasState>, listener: Listener) -> Router<Shared<MasState>> {
    let api = Router::new()
        .route("/version", get(version))
        .route("/site-config", get(site_config))
        .merge(users::routes())
        .merge(change::routes())
        .merge(emails::routes())
        .merge(upstream::routes())
        .merge(sessions::routes())
        .merge(personal::routes())
        .merge(clients::routes())
        .merge(policy::routes())
        .route_layer(from_fn_with_state((state.clone(), listener), gate));
    Router::new().nest(ROOT, api)
}

async fn gate(
    State((state, listener)): State<(Shared<MasState>, Listener)>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = {
        let state = state.lock();
        let is_known =
            brought(request.uri().path()).is_none_or(|since| state.settings.release() >= since);
        if !is_known || !state.settings.admin_api.is_on(listener) {
            return not_here();
        }
        auth::caller(&state, request.headers())
    };
    match caller {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Returns the answer of a listener without the API: a web page, not JSON (trap 28).
pub(super) fn not_here() -> Response {
    let page =
        "<!doctype html><html><head><title>404</title></head><body><h1>404</h1></body></html>";
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page)
        .into_response()
}

/// `GET /api/admin/v1/version`
async fn version(State(state): State<Shared<MasState>>) -> Response {
    server::json(
        StatusCode::OK,
        "application/json",
        &json!({"version": state.lock().settings.version}),
    )
}

/// `GET /api/admin/v1/site-config`: nothing if the stand-in has no name of a homeserver.
async fn site_config(State(state): State<Shared<MasState>>) -> Response {
    let state = state.lock();
    let (name, allowed) =
        (&state.settings.server_name, state.settings.account_deactivation_allowed);
    if name.is_empty() {
        return not_here();
    }
    let mut body = json!({
        "server_name": name,
        "password_login_enabled": false,
        "password_registration_enabled": false,
        "password_registration_email_required": true,
        "registration_token_required": false,
        "email_change_allowed": true,
        "displayname_change_allowed": true,
        "password_change_allowed": false,
        "account_recovery_allowed": false,
        "account_deactivation_allowed": allowed,
        "captcha_enabled": false,
        "minimum_password_complexity": 3,
    });
    if state.settings.release() >= Version::REGISTRATION_TOKENS {
        body["password_registration_token_required"] = json!(false);
    }
    server::json(StatusCode::OK, "application/json", &body)
}
