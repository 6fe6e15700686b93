//! Serves users: the list, one by ID, one by name. Creates users.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use super::Answer;
use super::error::AdminRefusal;
use super::filter::{FilterKind, Filters, Known, ulid_in_path};
use super::page::{Query, list};
use super::resource::single;
use crate::standins::Shared;
use crate::standins::mas::register;
use crate::standins::mas::sessions::SessionKind;
use crate::standins::mas::state::{DatabaseUser, MasState};
use crate::standins::mas::version::Version;

const KIND: &str = "user";
const FILTERS: Known = &[
    ("admin", FilterKind::Bool),
    ("legacy-guest", FilterKind::Since(Version::PROVIDERS, &FilterKind::Bool)),
    ("search", FilterKind::Since(Version::PROVIDERS, &FilterKind::Text)),
    ("status", FilterKind::OneOf(&["active", "locked", "deactivated"])),
    ("active-oauth2-client", FilterKind::Since(Version::CLIENTS, &FilterKind::NotPlayed)),
    ("has-active-oauth2-session", FilterKind::Since(Version::CLIENTS, &FilterKind::Bool)),
    ("has-active-compat-session", FilterKind::Since(Version::CLIENTS, &FilterKind::Bool)),
];

pub(super) fn routes() -> Router<Shared<MasState>> {
    Router::new()
        .route("/users", get(users).post(create))
        .route("/users/{id}", get(by_id))
        .route("/users/by-username/{username}", get(by_username))
}

/// `GET /users`
async fn users(State(state): State<Shared<MasState>>, query: RawQuery) -> Answer {
    let state = state.lock();
    let query = Query::parse(query.0, FILTERS, &state.settings)?;
    let search = query.filters.get("search").map(str::to_lowercase);
    Ok(list(KIND, &query, &state.users, |user| {
        is_wanted(&state, &query.filters, search.as_deref(), user)
    }))
}

fn is_wanted(
    state: &MasState,
    filters: &Filters,
    search: Option<&str>,
    user: &DatabaseUser,
) -> bool {
    let status = match filters.get("status") {
        Some("active") => user.is_valid(),
        Some("locked") => user.locked_at.is_some(),
        Some("deactivated") => user.deactivated_at.is_some(),
        _ => true,
    };
    let has = |kind| state.open_sessions(&user.id).any(|session| session.kind == kind);
    status
        && search.is_none_or(|part| user.username.to_lowercase().contains(part))
        && filters.is("admin").is_none_or(|admin| user.admin == admin)
        && filters.is("legacy-guest").is_none_or(|guest| user.legacy_guest == guest)
        && filters
            .is("has-active-oauth2-session")
            .is_none_or(|wanted| has(SessionKind::OAuth2) == wanted)
        && filters
            .is("has-active-compat-session")
            .is_none_or(|wanted| has(SessionKind::Compat) == wanted)
}

#[derive(Deserialize)]
struct UserCreation {
    username: String,
    #[serde(default)]
    skip_homeserver_check: bool,
    displayname: Option<String>,
}

/// `POST /users`: a name is taken by any spelling, and names of digits only belong to the
/// homeserver (trap 61).
async fn create(State(state): State<Shared<MasState>>, Json(asked): Json<UserCreation>) -> Answer {
    let conflict = |title| Err(AdminRefusal::new(StatusCode::CONFLICT, &[title]));
    let taken = "User already exists";
    if state.lock().is_taken(&asked.username) {
        return conflict(taken);
    }
    if !register::is_valid(&asked.username) {
        return Err(AdminRefusal::new(StatusCode::BAD_REQUEST, &["Username is not valid"]));
    }
    if !asked.skip_homeserver_check {
        match register::is_available(&state, &asked.username).await {
            Some(true) => {}
            Some(false) => return conflict("Username is reserved by the homeserver"),
            None => {
                let title = "The homeserver did not say whether the username is available";
                return Err(AdminRefusal::new(StatusCode::INTERNAL_SERVER_ERROR, &[title]));
            }
        }
    }
    let mut state = state.lock();
    // Another request may have been faster while the homeserver was asked.
    if state.is_taken(&asked.username) {
        return conflict(taken);
    }
    let displayname = state.used_displayname(asked.displayname);
    let user = state.create(&asked.username, displayname);
    let path = format!("users/{}", user.id);
    Ok(single(state.settings.release(), StatusCode::CREATED, KIND, &user, &path))
}

/// `GET /users/{id}`
async fn by_id(State(state): State<Shared<MasState>>, Path(id): Path<String>) -> Answer {
    let state = state.lock();
    let user = existing(&state, &id)?;
    Ok(answer(&state, user, ""))
}

/// `GET /users/by-username/{username}`: without regard to case (trap 22).
async fn by_username(
    State(state): State<Shared<MasState>>,
    Path(username): Path<String>,
) -> Answer {
    let state = state.lock();
    let unknown = || AdminRefusal::not_found(&format!("User with username \"{username}\""));
    let user = state.user(&username).ok_or_else(unknown)?;
    Ok(single(
        state.settings.release(),
        StatusCode::OK,
        KIND,
        user,
        &format!("users/by-username/{username}"),
    ))
}

/// Returns the user of an ID in a path.
pub(super) fn existing<'a>(
    state: &'a MasState,
    id: &str,
) -> Result<&'a DatabaseUser, AdminRefusal> {
    known(state, &ulid_in_path(id)?)
}

/// Returns the user of an ID in a filter. An unknown one is refused, and does not give an empty
/// list (trap 43).
pub(super) fn known<'a>(state: &'a MasState, id: &str) -> Result<&'a DatabaseUser, AdminRefusal> {
    state.user_by_id(id).ok_or_else(|| AdminRefusal::not_found(&format!("User ID {id}")))
}

/// Returns an answer with one user; `did` is the change, with a slash in front.
pub(super) fn answer(state: &MasState, user: &DatabaseUser, did: &str) -> Response {
    single(state.settings.release(), StatusCode::OK, KIND, user, &format!("users/{}{did}", user.id))
}
