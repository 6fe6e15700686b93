//! Serves and replaces policy data.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Answer;
use super::error::AdminRefusal;
use super::filter::ulid_in_path;
use super::resource::{AdminResource, single};
use crate::standins::Shared;
use crate::standins::mas::policy::PolicyData;
use crate::standins::mas::state::MasState;
use crate::standins::mas::version::Version;

/// Unlike all others, it has no plural.
const KIND: &str = "policy-data";

pub(super) fn routes() -> Router<Shared<MasState>> {
    Router::new()
        .route("/policy-data", post(replace))
        .route("/policy-data/latest", get(latest))
        .route("/policy-data/{id}", get(by_id))
}

impl AdminResource for PolicyData {
    fn id(&self) -> &str {
        &self.id
    }

    fn own_path(&self, _: &str) -> String {
        format!("{KIND}/{}", self.id)
    }

    fn attributes(&self, _: Version) -> impl Serialize {
        self
    }
}

#[derive(Deserialize)]
struct Replacement {
    data: Value,
}

/// `POST /policy-data`
async fn replace(State(state): State<Shared<MasState>>, Json(asked): Json<Replacement>) -> Answer {
    let mut state = state.lock();
    let kind = match &asked.data {
        Value::Object(_) => None,
        Value::Null => Some("null"),
        Value::Bool(_) => Some("boolean"),
        Value::Number(_) => Some("number"),
        Value::String(_) => Some("string"),
        Value::Array(_) => Some("array"),
    };
    if let Some(kind) = kind {
        let cause = format!("Cannot merge a {kind} into a object");
        let titles =
            ["Failed to instanciate policy with the provided data", "invalid policy data", &cause];
        return Err(AdminRefusal::new(StatusCode::BAD_REQUEST, &titles));
    }
    let new = state.set_policy_data(asked.data);
    Ok(single(state.settings.release(), StatusCode::CREATED, KIND, &new, &new.own_path(KIND)))
}

/// `GET /policy-data/latest`
async fn latest(State(state): State<Shared<MasState>>) -> Answer {
    let state = state.lock();
    let none = || AdminRefusal::new(StatusCode::NOT_FOUND, &["No policy data found"]);
    let found = state.policy_data().ok_or_else(none)?;
    Ok(single(state.settings.release(), StatusCode::OK, KIND, found, &found.own_path(KIND)))
}

/// `GET /policy-data/{id}`
async fn by_id(State(state): State<Shared<MasState>>, Path(id): Path<String>) -> Answer {
    let state = state.lock();
    let id = ulid_in_path(&id)?;
    let unknown = || AdminRefusal::not_found(&format!("Policy data with ID {id}"));
    let found = state.policy.iter().find(|data| data.id == id).ok_or_else(unknown)?;
    Ok(single(state.settings.release(), StatusCode::OK, KIND, found, &found.own_path(KIND)))
}
