//! Users, changed: lock, unlock, deactivate, reactivate. Each is harmless when asked twice (trap 26).

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use super::error::Refusal;
use super::users::{answer, existing};
use crate::standins::mas::jobs::{Task, call};
use crate::standins::mas::state::{State as Database, User};
use crate::standins::{Shared, time};

pub(super) fn routes() -> Router<Shared<Database>> {
    Router::new()
        .route("/users/{id}/lock", post(lock))
        .route("/users/{id}/unlock", post(unlock))
        .route("/users/{id}/deactivate", post(deactivate))
        .route("/users/{id}/reactivate", post(reactivate))
}

/// Changes the user of an ID in a path, and gives the user as it is then.
fn changed(state: &mut Database, id: &str, change: impl FnOnce(&mut User)) -> Result<User, Refusal> {
    let username = existing(state, id)?.username.clone();
    let user = state.user_mut(&username).ok_or_else(|| Refusal::not_found("User"))?;
    change(user);
    Ok(user.clone())
}

/// `POST /users/{id}/lock`: at once here, by a job on the homeserver; no session ends (trap 19).
async fn lock(State(state): State<Shared<Database>>, Path(id): Path<String>) -> Answer {
    let mut state = state.lock();
    let user = changed(&mut state, &id, |user| {
        user.locked_at.get_or_insert_with(time::now_rfc3339);
    })?;
    state.schedule(&user.id, Task::Provision { displayname: None });
    Ok(answer(&user, "/lock"))
}

/// `POST /users/{id}/unlock`: it does not reactivate.
async fn unlock(State(state): State<Shared<Database>>, Path(id): Path<String>) -> Answer {
    let mut state = state.lock();
    let user = changed(&mut state, &id, |user| user.locked_at = None)?;
    state.schedule(&user.id, Task::Provision { displayname: None });
    Ok(answer(&user, "/unlock"))
}

#[derive(Default, Deserialize)]
struct Deactivation {
    #[serde(default)]
    skip_erase: bool,
}

/// `POST /users/{id}/deactivate`: it does not lock, and erases unless told not to (traps 24, 25).
async fn deactivate(
    State(state): State<Shared<Database>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let asked = match deactivation(&headers, &body) {
        Ok(asked) => asked,
        Err((status, text)) => return (status, text).into_response(),
    };
    let mut state = state.lock();
    let done = changed(&mut state, &id, |user| {
        user.deactivated_at.get_or_insert_with(time::now_rfc3339);
    });
    match done {
        Ok(user) => {
            state.schedule(&user.id, Task::Deactivate { erase: !asked.skip_erase });
            answer(&user, "/deactivate")
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// The body. Without a content type there is none to be read, so `skip_erase` in it is not seen.
fn deactivation(headers: &HeaderMap, body: &str) -> Result<Deactivation, (StatusCode, String)> {
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
    let Some(kind) = kind.filter(|_| !body.is_empty()) else {
        return Ok(Deactivation::default());
    };
    let is_json = kind.split(';').next().unwrap_or_default().trim() == "application/json";
    // What is no JSON at all was answered like another content type ("bad body").
    let value: Value = serde_json::from_str(body).ok().filter(|_| is_json).ok_or_else(|| {
        let text = "Expected request with `Content-Type: application/json`";
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, text.to_owned())
    })?;
    Deactivation::deserialize(value).map_err(|error| (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
}

/// `POST /users/{id}/reactivate`: done when it answers, on the homeserver too; it does not unlock (trap 25).
async fn reactivate(State(state): State<Shared<Database>>, Path(id): Path<String>) -> Answer {
    let username = existing(&state.lock(), &id)?.username.clone();
    if !call(&state, "reactivate_user", &json!({ "localpart": username })).await {
        let title = "The homeserver did not reactivate the user";
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, &[title]));
    }
    let user = changed(&mut state.lock(), &id, |user| user.deactivated_at = None)?;
    Ok(answer(&user, "/reactivate"))
}
