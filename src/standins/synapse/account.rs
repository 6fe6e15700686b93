//! Serves what administrators ask about one account: its rooms and devices, its suspension, and
//! what Synapse refuses because MAS is in charge.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth;
use super::error::{SynapseRefusal, answer};
use super::state::SynapseState;
use crate::standins::Shared;

pub(super) fn routes() -> Router<Shared<SynapseState>> {
    Router::new()
        .route("/_synapse/admin/v1/users/{user_id}/joined_rooms", get(joined_rooms))
        .route("/_synapse/admin/v2/users/{user_id}/devices", get(devices))
        .route("/_synapse/admin/v1/suspend/{user_id}", put(suspend))
        .route("/_synapse/admin/v2/users/{user_id}", put(create_or_change))
        .route("/_synapse/admin/v1/send_server_notice", post(send_server_notice))
}

type Answer = Result<Response, SynapseRefusal>;

/// `GET /_synapse/admin/v1/users/{user_id}/joined_rooms`: an unknown account is in no room.
async fn joined_rooms(
    State(state): State<Shared<SynapseState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    auth::admin(&state, &headers).await?;
    let state = state.lock();
    let rooms: Vec<&String> =
        state.accounts.get(&id).into_iter().flat_map(|account| &account.rooms).collect();
    Ok(answer(StatusCode::OK, &json!({"joined_rooms": rooms, "total": rooms.len()})))
}

/// `GET /_synapse/admin/v2/users/{user_id}/devices`
async fn devices(
    State(state): State<Shared<SynapseState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    auth::admin(&state, &headers).await?;
    let state = state.lock();
    let account = state.accounts.get(&id).ok_or_else(SynapseRefusal::user_not_found)?;
    let row = |device: &String| {
        json!({
            "device_id": device, "display_name": null, "last_seen_ip": null,
            "last_seen_user_agent": null, "last_seen_ts": null, "user_id": id, "dehydrated": false,
        })
    };
    let devices: Vec<Value> = account.devices.iter().map(row).collect();
    Ok(answer(StatusCode::OK, &json!({"devices": devices, "total": devices.len()})))
}

#[derive(Deserialize)]
struct Suspension {
    suspend: bool,
}

/// `PUT /_synapse/admin/v1/suspend/{user_id}`: sessions and devices stay (trap 65).
async fn suspend(
    State(state): State<Shared<SynapseState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(asked): Json<Suspension>,
) -> Answer {
    auth::admin(&state, &headers).await?;
    let mut state = state.lock();
    let account = state.accounts.get_mut(&id).ok_or_else(SynapseRefusal::user_not_found)?;
    account.suspended = asked.suspend;
    let mut body = json!({});
    body[format!("user_{id}_suspended")] = json!(asked.suspend);
    Ok(answer(StatusCode::OK, &body))
}

/// `PUT /_synapse/admin/v2/users/{user_id}`: with MAS it creates no accounts (trap 65).
async fn create_or_change(
    State(state): State<Shared<SynapseState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    auth::admin(&state, &headers).await?;
    if state.lock().accounts.contains(&id) {
        let text = "Changing an account is known to Synapse, but not to its stand-in";
        return Err(SynapseRefusal::new(StatusCode::NOT_IMPLEMENTED, "M_UNKNOWN", text));
    }
    let text = "User creation via the Admin API is not available when Synapse is delegating \
                authentication to MAS. Create the user via MAS instead.";
    Err(SynapseRefusal::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", text))
}

/// `POST /_synapse/admin/v1/send_server_notice`: this homeserver does not set them up (trap 66).
async fn send_server_notice(
    State(state): State<Shared<SynapseState>>,
    headers: HeaderMap,
) -> Answer {
    auth::admin(&state, &headers).await?;
    let text = "Server notices are not enabled on this server";
    Err(SynapseRefusal::bad_request("M_UNKNOWN", text))
}
