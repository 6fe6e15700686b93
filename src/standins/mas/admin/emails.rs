//! Serves, adds and removes e-mail addresses of users.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use super::Answer;
use super::error::AdminRefusal;
use super::filter::{FilterKind, Known, ulid_field, ulid_in_path};
use super::page::{Query, list};
use super::resource::single;
use super::users::known;
use crate::standins::Shared;
use crate::standins::mas::emails::Email;
use crate::standins::mas::jobs::Task;
use crate::standins::mas::state::MasState;

const KIND: &str = "user-email";
const FILTERS: Known = &[("user", FilterKind::Ulid), ("email", FilterKind::Verbatim)];

pub(super) fn routes() -> Router<Shared<MasState>> {
    Router::new()
        .route("/user-emails", get(emails).post(add))
        .route("/user-emails/{id}", get(email).delete(remove))
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

#[derive(Deserialize)]
struct EmailAddition {
    #[serde(deserialize_with = "ulid_field")]
    user_id: String,
    email: String,
}

/// `POST /user-emails`: an address belongs to one user. A job sends it to the homeserver.
async fn add(State(state): State<Shared<MasState>>, Json(asked): Json<EmailAddition>) -> Answer {
    let mut state = state.lock();
    let user = known(&state, &asked.user_id)?.id.clone();
    let address = &asked.email;
    if !address.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()) {
        let titles = [&*format!("Email \"{address}\" is not valid"), "Missing domain or user"];
        return Err(AdminRefusal::new(StatusCode::BAD_REQUEST, &titles));
    }
    if state.emails.values().any(|email| email.email.eq_ignore_ascii_case(address)) {
        let title = format!("User email \"{address}\" already in use");
        return Err(AdminRefusal::new(StatusCode::CONFLICT, &[&title]));
    }
    let email = Email::new(&user, address);
    state.add_email(email.clone());
    state.schedule(&user, Task::Provision { displayname: None });
    let path = format!("{KIND}s/{}", email.id);
    Ok(single(state.settings.release(), StatusCode::CREATED, KIND, &email, &path))
}

/// `DELETE /user-emails/{id}`
async fn remove(State(state): State<Shared<MasState>>, Path(id): Path<String>) -> Answer {
    let mut state = state.lock();
    let id = ulid_in_path(&id)?;
    let unknown = || AdminRefusal::not_found(&format!("User email ID {id}"));
    let user = state.remove_email(&id).ok_or_else(unknown)?.user_id;
    state.schedule(&user, Task::Provision { displayname: None });
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /user-emails/{id}`
async fn email(State(state): State<Shared<MasState>>, Path(id): Path<String>) -> Answer {
    let state = state.lock();
    let id = ulid_in_path(&id)?;
    let unknown = || AdminRefusal::not_found(&format!("User email ID {id}"));
    let found = state.emails.get(&id).ok_or_else(unknown)?;
    Ok(single(state.settings.release(), StatusCode::OK, KIND, found, &format!("{KIND}s/{id}")))
}
