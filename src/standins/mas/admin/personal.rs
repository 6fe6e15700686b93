//! Serves personal sessions: creates and revokes tokens that do not expire (trap 41).
//!
//! Their list has filters of its own, but no `filter[user]`, which it ignores (trap 42).

use std::future::ready;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Answer;
use super::error::AdminRefusal;
use super::filter::{FilterKind, Known, ulid};
use super::page::{Query, list};
use super::resource::{AdminResource, single};
use super::sessions::{end, session};
use super::users::known;
use crate::standins::mas::sessions::{MasSession, SessionKind, SessionOwner};
use crate::standins::mas::state::MasState;
use crate::standins::mas::version::Version;
use crate::standins::{Shared, time};

const KIND: &str = "personal-session";
const FILTERS: Known = &[
    ("owner_user", FilterKind::Ulid),
    ("owner_client", FilterKind::Ulid),
    ("actor_user", FilterKind::Ulid),
    ("scope", FilterKind::Scopes),
    ("status", FilterKind::OneOf(&["active", "revoked"])),
    ("expires_before", FilterKind::NotPlayed),
    ("expires_after", FilterKind::NotPlayed),
    ("expires", FilterKind::Bool),
];

pub(super) fn routes() -> Router<Shared<MasState>> {
    Router::new()
        .route("/personal-sessions", get(sessions).post(create))
        .route(
            "/personal-sessions/{id}",
            get(|state, id| ready(session(SessionKind::Personal, &state, &id))),
        )
        .route("/personal-sessions/{id}/revoke", post(revoke))
}

/// `GET /personal-sessions`
async fn sessions(State(state): State<Shared<MasState>>, query: RawQuery) -> Answer {
    let state = state.lock();
    let query = Query::parse(query.0, FILTERS, &state.settings)?;
    let (owner, actor) = (query.filters.get("owner_user"), query.filters.get("actor_user"));
    let client = query.filters.get("owner_client");
    for id in [owner, actor].into_iter().flatten() {
        known(&state, id)?;
    }
    if let Some(id) = client.filter(|id| !state.clients.by_id.contains_key(*id)) {
        return Err(AdminRefusal::not_found(&format!("Client ID {id}")));
    }
    let open = query.filters.get("status").map(|status| status == "active");
    let expires = query.filters.is("expires");
    Ok(list(KIND, &query, state.sessions.of_kind(SessionKind::Personal), |session| {
        owner.is_none_or(|id| matches!(&session.owner, SessionOwner::User(user) if user == id))
            && client.is_none_or(
                |id| matches!(&session.owner, SessionOwner::Client(client) if client == id),
            )
            && actor.is_none_or(|id| session.user_id == id)
            && open.is_none_or(|open| session.is_open() == open)
            && query.filters.select_scope(&session.scope)
            && expires.is_none_or(|expires| session.expires.is_some() == expires)
    }))
}

#[derive(Deserialize)]
struct SessionCreation {
    actor_user_id: String,
    human_name: String,
    scope: String,
    expires_in: Option<u32>,
}

/// A session with its token, which is shown only once.
struct Created(MasSession, String);

impl AdminResource for Created {
    fn id(&self) -> &str {
        &self.0.id
    }

    fn attributes(&self, version: Version) -> impl Serialize {
        let mut attributes = serde_json::to_value(self.0.attributes(version)).unwrap_or_default();
        attributes["access_token"] = Value::from(self.1.as_str());
        attributes
    }
}

/// `POST /personal-sessions`: it belongs to the sender of the request.
async fn create(
    State(state): State<Shared<MasState>>,
    Extension(caller): Extension<SessionOwner>,
    Json(asked): Json<SessionCreation>,
) -> Answer {
    let mut state = state.lock();
    let actor = ulid(&asked.actor_user_id)
        .map_err(|why| AdminRefusal::new(StatusCode::BAD_REQUEST, &[why]))?;
    let actor = state.user_by_id(&actor).ok_or_else(|| AdminRefusal::not_found("User"))?.id.clone();
    let mut session = MasSession::new(SessionKind::Personal, &actor).with_scope(&asked.scope);
    session.owner = caller;
    session.human_name = Some(asked.human_name);
    session.expires =
        asked.expires_in.map(|seconds| time::now_micros() + u64::from(seconds) * 1_000_000);
    let created = Created(session.clone(), state.put_session(session).unwrap_or_default());
    let path = format!("{KIND}s/{}", created.0.id);
    Ok(single(state.settings.release(), StatusCode::CREATED, KIND, &created, &path))
}

/// `POST /personal-sessions/{id}/revoke`: a second time is a conflict, unlike the bad request of
/// other sessions.
async fn revoke(State(state): State<Shared<MasState>>, Path(id): Path<String>) -> Answer {
    let revoked = |id: &str| {
        let title = format!("Personal session with ID {id} is already revoked");
        AdminRefusal::new(StatusCode::CONFLICT, &[&title])
    };
    let mut state = state.lock();
    let session = end(&mut state, SessionKind::Personal, &id, revoked)?;
    Ok(single(
        state.settings.release(),
        StatusCode::OK,
        KIND,
        &session,
        &format!("{KIND}s/{}/revoke", session.id),
    ))
}
