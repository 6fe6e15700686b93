//! Changes settings of MAS's configuration file while it runs: `POST /stand-in/upstream-providers`.
//!
//! Tests with a real Keycloak create a realm each, long after the MAS stand-in was started for all
//! of them.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::manage::admitted;
use super::state::MasState;
use super::upstream::Provider;
use crate::standins::{Shared, ids, server};

pub(super) fn routes() -> Router<Shared<MasState>> {
    Router::new().route("/stand-in/upstream-providers", post(provider))
}

#[derive(Deserialize)]
struct ProviderQuery {
    issuer: String,
}

/// Returns the ULID of the provider with this issuer, which is created if there is none.
async fn provider(
    State(state): State<Shared<MasState>>,
    headers: HeaderMap,
    Json(asked): Json<ProviderQuery>,
) -> Response {
    let mut state = state.lock();
    if let Err(answer) = admitted(&state, &headers) {
        return *answer;
    }
    let known = state
        .upstream
        .providers
        .values()
        .find(|provider| provider.issuer.as_ref() == Some(&asked.issuer));
    let id = known.map_or_else(ids::ulid, |provider| provider.id.clone());
    let status = if known.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    if known.is_none() {
        state.add_provider(Provider::new(&id, &asked.issuer));
    }
    server::json(status, "application/json", &json!({ "id": id }))
}
