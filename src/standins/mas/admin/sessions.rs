//! Serves and ends sessions of logins: `compat-sessions`, `oauth2-sessions`, `user-sessions`
//! (browsers).
//!
//! The three are one API with three names; only their attributes differ.

use std::future::ready;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::{Value, json};

use super::Answer;
use super::error::AdminRefusal;
use super::filter::{FilterKind, Known, ulid_in_path};
use super::page::{Query, list};
use super::resource::{AdminResource, single};
use super::users::known;
use crate::standins::mas::jobs::Task;
use crate::standins::mas::sessions::{MasSession, SessionKind, SessionOwner};
use crate::standins::mas::state::MasState;
use crate::standins::mas::version::Version;
use crate::standins::{Shared, time};

const STATUS: (&str, FilterKind) = ("status", FilterKind::OneOf(&["active", "finished"]));
const USER: (&str, FilterKind) = ("user", FilterKind::Ulid);
const BY_TIME: FilterKind = FilterKind::Since(Version::CLIENTS, &FilterKind::NotPlayed);
const CREATED: [(&str, FilterKind); 2] = [("created-before", BY_TIME), ("created-after", BY_TIME)];
const ACTIVE: [(&str, FilterKind); 2] =
    [("last-active-before", BY_TIME), ("last-active-after", BY_TIME)];

/// Returns the filters of one kind; it ignores those that only other kinds know.
fn filters(kind: SessionKind) -> Known {
    const STARTED_BY: (&str, FilterKind) = ("user-session", FilterKind::NotPlayed);
    match kind {
        SessionKind::Compat => {
            &[USER, STARTED_BY, STATUS, CREATED[0], CREATED[1], ACTIVE[0], ACTIVE[1]]
        }
        SessionKind::OAuth2 => &[
            USER,
            ("client", FilterKind::NotPlayed),
            ("client-kind", FilterKind::NotPlayed),
            STARTED_BY,
            ("scope", FilterKind::Scopes),
            STATUS,
            CREATED[0],
            CREATED[1],
            ACTIVE[0],
            ACTIVE[1],
        ],
        SessionKind::Browser | SessionKind::Personal => {
            &[USER, STATUS, CREATED[0], CREATED[1], ACTIVE[0], ACTIVE[1]]
        }
    }
}

/// Returns the names of a kind: in paths and types, and in errors.
fn names(kind: SessionKind) -> (&'static str, &'static str) {
    match kind {
        SessionKind::Compat => ("compat-session", "Compatibility session"),
        SessionKind::OAuth2 => ("oauth2-session", "OAuth 2.0 session"),
        SessionKind::Browser => ("user-session", "User session"),
        SessionKind::Personal => ("personal-session", "Personal session"),
    }
}

pub(super) fn routes() -> Router<Shared<MasState>> {
    SessionKind::OF_LOGINS.into_iter().fold(Router::new(), |router, kind| {
        let path = format!("/{}s", names(kind).0);
        router
            .route(&path, get(move |state, query| ready(sessions(kind, &state, query))))
            .route(
                &format!("{path}/{{id}}"),
                get(move |state, id| ready(session(kind, &state, &id))),
            )
            .route(
                &format!("{path}/{{id}}/finish"),
                post(move |state, id| ready(finish(kind, &state, &id))),
            )
    })
}

/// `GET /compat-sessions`, `/oauth2-sessions`, `/user-sessions`
fn sessions(kind: SessionKind, state: &State<Shared<MasState>>, query: RawQuery) -> Answer {
    let state = state.lock();
    let query = Query::parse(query.0, filters(kind), &state.settings)?;
    let user = query.filters.get("user");
    user.map(|id| known(&state, id)).transpose()?;
    let open = query.filters.get("status").map(|status| status == "active");
    Ok(list(names(kind).0, &query, state.sessions.of_kind(kind), |session| {
        user.is_none_or(|user| session.user_id == user)
            && open.is_none_or(|open| session.is_open() == open)
            && query.filters.select_scope(&session.scope)
    }))
}

/// `GET /compat-sessions/{id}`, `/oauth2-sessions/{id}`, `/user-sessions/{id}`
pub(super) fn session(
    kind: SessionKind,
    state: &State<Shared<MasState>>,
    id: &Path<String>,
) -> Answer {
    let state = state.lock();
    let id = ulid_in_path(id)?;
    let (name, title) = names(kind);
    let found = state
        .sessions
        .of_kind(kind)
        .get(&id)
        .ok_or_else(|| AdminRefusal::not_found(&format!("{title} ID {id}")))?;
    Ok(single(state.settings.release(), StatusCode::OK, name, found, &format!("{name}s/{id}")))
}

/// `POST /compat-sessions/{id}/finish`, `/oauth2-sessions/{id}/finish`,
/// `/user-sessions/{id}/finish`
fn finish(kind: SessionKind, state: &State<Shared<MasState>>, id: &Path<String>) -> Answer {
    let (name, title) = names(kind);
    let mut state = state.lock();
    let ended = |id: &str| {
        let title = format!("{title} with ID {id} is already finished");
        AdminRefusal::new(StatusCode::BAD_REQUEST, &[&title])
    };
    let session = end(&mut state, kind, id, ended)?;
    Ok(single(
        state.settings.release(),
        StatusCode::OK,
        name,
        &session,
        &format!("{name}s/{}/finish", session.id),
    ))
}

/// Ends a session and notifies the homeserver; `ended` is the refusal for one that has already
/// ended (trap 43).
pub(super) fn end(
    state: &mut MasState,
    kind: SessionKind,
    id: &str,
    ended: impl FnOnce(&str) -> AdminRefusal,
) -> Result<MasSession, AdminRefusal> {
    let id = ulid_in_path(id)?;
    let unknown = || AdminRefusal::not_found(&format!("{} with ID {id}", names(kind).1));
    let session = state.sessions.of_mut(kind).get_mut(&id).ok_or_else(unknown)?;
    if !session.is_open() {
        return Err(ended(&id));
    }
    session.finished_at = Some(time::now_rfc3339());
    let session = session.clone();
    if session.device_id.is_some() {
        state.schedule(&session.user_id, Task::SyncDevices);
    }
    Ok(session)
}

impl AdminResource for MasSession {
    fn id(&self) -> &str {
        &self.id
    }

    fn attributes(&self, _: Version) -> impl Serialize {
        match self.kind {
            SessionKind::Compat => self.compat(),
            SessionKind::OAuth2 => self.oauth2(),
            SessionKind::Browser => self.browser(),
            SessionKind::Personal => self.personal(),
        }
    }
}

impl MasSession {
    fn browser(&self) -> Value {
        json!({
            "created_at": self.created_at, "finished_at": self.finished_at, "user_id": self.user_id,
            "user_agent": null, "last_active_at": null, "last_active_ip": null,
        })
    }

    fn compat(&self) -> Value {
        json!({
            "user_id": self.user_id, "device_id": self.device_id, "user_session_id": null, "redirect_uri": null,
            "created_at": self.created_at, "user_agent": null, "last_active_at": null, "last_active_ip": null,
            "finished_at": self.finished_at, "human_name": self.human_name,
        })
    }

    fn oauth2(&self) -> Value {
        json!({
            "created_at": self.created_at, "finished_at": self.finished_at, "user_id": self.user_id,
            "user_session_id": null, "client_id": self.client_id, "scope": self.scope, "user_agent": null,
            "last_active_at": null, "last_active_ip": null, "human_name": self.human_name,
        })
    }

    fn personal(&self) -> Value {
        let (user, client) = match &self.owner {
            SessionOwner::User(id) => (Some(id), None),
            SessionOwner::Client(id) => (None, Some(id)),
        };
        // An ended session has no token that could expire.
        let expires = self.expires.filter(|_| self.is_open()).map(time::rfc3339);
        json!({
            "created_at": self.created_at, "revoked_at": self.finished_at, "owner_user_id": user,
            "owner_client_id": client, "actor_user_id": self.user_id, "human_name": self.human_name,
            "scope": self.scope, "last_active_at": null, "last_active_ip": null, "expires_at": expires,
        })
    }
}
