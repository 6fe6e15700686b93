//! Serves e-mail addresses of users.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;

use super::Answer;
use super::error::AdminRefusal;
use super::filter::{FilterKind, Known, ulid_in_path};
use super::page::{Query, list};
use super::resource::single;
use super::users::known;
use crate::standins::Shared;
use crate::standins::mas::state::MasState;

const KIND: &str = "user-email";
const FILTERS: Known = &[("user", FilterKind::Ulid), ("email", FilterKind::Verbatim)];

pub(super) fn routes() -> Router<Shared<MasState>> {
    Router::new().route("/user-emails", get(emails)).route("/user-emails/{id}", get(email))
}

/// `GET /user-emails`: an address is found without regard to case.
async fn emails(State(state): State<Shared<MasState>>, query: RawQuery) -> Answer {
    let state = state.lock();
    let query = Query::parse(query.0, FILTERS, &state.settings)?;
    let user = query.filters.get("user");
    user.map(|id| known(&state, id)).transpose()?;
    let address = query.filters.get("email").map(str::to_lowercase);
    Ok(list(KIND, &query, &state.emails, |email| {
        user.is_none_or(|user| email.user_id == user)
            && address.as_ref().is_none_or(|address| email.email.to_lowercase() == *address)
    }))
}

/// `GET /user-emails/{id}`
async fn email(State(state): State<Shared<MasState>>, Path(id): Path<String>) -> Answer {
    let state = state.lock();
    let id = ulid_in_path(&id)?;
    let unknown = || AdminRefusal::not_found(&format!("User email ID {id}"));
    let found = state.emails.get(&id).ok_or_else(unknown)?;
    Ok(single(state.settings.release(), StatusCode::OK, KIND, found, &format!("{KIND}s/{id}")))
}
