//! Changes users: lock, unlock, deactivate, reactivate, administrators. Each is harmless when sent
//! twice (trap 26).

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use super::error::AdminRefusal;
use super::users::{answer, existing};
use crate::standins::mas::jobs::{Task, call};
use crate::standins::mas::state::{DatabaseUser, MasState};
use crate::standins::mas::version::Version;
use crate::standins::{Shared, time};

pub(super) fn routes() -> Router<Shared<MasState>> {
    Router::new()
        .route("/users/{id}/lock", post(lock))
        .route("/users/{id}/unlock", post(unlock))
        .route("/users/{id}/deactivate", post(deactivate))
        .route("/users/{id}/reactivate", post(reactivate))
        .route("/users/{id}/set-admin", post(set_admin))
}

/// Changes the user of an ID in a path, and returns the changed user.
fn changed(
    state: &mut MasState,
    id: &str,
    change: impl FnOnce(&mut DatabaseUser),
) -> Result<DatabaseUser, AdminRefusal> {
    let username = existing(state, id)?.username.clone();
    let user = state.user_mut(&username).ok_or_else(|| AdminRefusal::not_found("User"))?;
    change(user);
    Ok(user.clone())
}

/// `POST /users/{id}/lock`: at once here, by a job on the homeserver; no session ends (trap 19).
async fn lock(State(state): State<Shared<MasState>>, Path(id): Path<String>) -> Answer {
    let mut state = state.lock();
    let user = changed(&mut state, &id, |user| {
        user.locked_at.get_or_insert_with(time::now_rfc3339);
    })?;
    state.schedule_lock(&user.id);
    Ok(answer(&state, &user, "/lock"))
}

/// `POST /users/{id}/unlock`: it does not reactivate. An old MAS did, but only on the homeserver.
async fn unlock(State(state): State<Shared<MasState>>, Path(id): Path<String>) -> Answer {
    if is_old(&state.lock()) {
        reactivated_on_homeserver(&state, &id).await?;
    }
    let mut state = state.lock();
    let user = changed(&mut state, &id, |user| user.locked_at = None)?;
    state.schedule_lock(&user.id);
    Ok(answer(&state, &user, "/unlock"))
}

fn is_old(state: &MasState) -> bool {
    state.settings.release() < Version::REACTIVATE
}

#[derive(Default, Deserialize)]
struct Deactivation {
    #[serde(default)]
    skip_erase: bool,
}

/// `POST /users/{id}/deactivate`: it does not lock, and erases without `skip_erase` (traps 24, 25).
/// An old MAS locked, left the rest to the job, and always erased.
async fn deactivate(
    State(state): State<Shared<MasState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut state = state.lock();
    let old = is_old(&state);
    let asked = if old { Ok(Deactivation::default()) } else { deactivation(&headers, &body) };
    let asked = match asked {
        Ok(asked) => asked,
        Err((status, text)) => return (status, text).into_response(),
    };
    let done = changed(&mut state, &id, |user| {
        let since = if old { &mut user.locked_at } else { &mut user.deactivated_at };
        since.get_or_insert_with(time::now_rfc3339);
    });
    match done {
        Ok(user) => {
            state.schedule(&user.id, Task::Deactivate { erase: !asked.skip_erase });
            answer(&state, &user, "/deactivate")
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Parses the body. Without a content type MAS does not read it, and misses `skip_erase`.
fn deactivation(headers: &HeaderMap, body: &str) -> Result<Deactivation, (StatusCode, String)> {
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
    let Some(kind) = kind.filter(|_| !body.is_empty()) else {
        return Ok(Deactivation::default());
    };
    let is_json = kind.split(';').next().unwrap_or_default().trim() == "application/json";
    // Invalid JSON is answered like another content type ("bad body").
    let value: Value = serde_json::from_str(body).ok().filter(|_| is_json).ok_or_else(|| {
        let text = "Expected request with `Content-Type: application/json`";
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, text.to_owned())
    })?;
    Deactivation::deserialize(value)
        .map_err(|error| (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
}

/// `POST /users/{id}/reactivate`: done when it answers, on the homeserver too; it does not unlock
/// (trap 25).
async fn reactivate(State(state): State<Shared<MasState>>, Path(id): Path<String>) -> Answer {
    reactivated_on_homeserver(&state, &id).await?;
    let mut state = state.lock();
    let user = changed(&mut state, &id, |user| user.deactivated_at = None)?;
    Ok(answer(&state, &user, "/reactivate"))
}

#[derive(Deserialize)]
struct Right {
    admin: bool,
}

/// `POST /users/{id}/set-admin`: the homeserver never hears of it (trap 48).
async fn set_admin(
    State(state): State<Shared<MasState>>,
    Path(id): Path<String>,
    Json(asked): Json<Right>,
) -> Answer {
    let mut state = state.lock();
    let user = changed(&mut state, &id, |user| user.admin = asked.admin)?;
    Ok(answer(&state, &user, "/set-admin"))
}

async fn reactivated_on_homeserver(state: &Shared<MasState>, id: &str) -> Result<(), AdminRefusal> {
    let username = existing(&state.lock(), id)?.username.clone();
    if call(state, "reactivate_user", &json!({ "localpart": username })).await {
        return Ok(());
    }
    let title = "The homeserver did not reactivate the user";
    Err(AdminRefusal::new(StatusCode::INTERNAL_SERVER_ERROR, &[title]))
}
