//! Authenticates requests: a client or a personal access token needs the scope `urn:mas:admin`
//! (trap 41).

use axum::http::{HeaderMap, StatusCode, header};

use super::error::AdminRefusal;
use crate::standins::mas::sessions::{MasSession, SessionOwner};
use crate::standins::mas::state::{DatabaseUser, MasState};
use crate::standins::mas::token::ADMIN_SCOPE;
use crate::standins::query::bearer;

const WRONG_TYPE: &str = "Invalid type of access token";
/// Prefixes of MAS's tokens for other purposes: compatibility and refresh tokens.
const OTHER_TYPES: [&str; 3] = ["mct_", "mcr_", "mar_"];

/// Returns the sender of the request. Without `Authorization` it is a bad request, not an
/// unauthorized one (trap 28).
pub(super) fn caller(state: &MasState, headers: &HeaderMap) -> Result<SessionOwner, AdminRefusal> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Err(AdminRefusal::new(StatusCode::BAD_REQUEST, &["Missing authorization header"]));
    }
    let token = bearer(headers).ok_or_else(|| {
        AdminRefusal::new(StatusCode::BAD_REQUEST, &["Invalid authorization header"])
    })?;
    if OTHER_TYPES.iter().any(|prefix| token.starts_with(prefix)) {
        return Err(AdminRefusal::unauthorized(&[WRONG_TYPE]));
    }
    if !token.starts_with("mat_") && !token.starts_with("mpt_") {
        return Err(AdminRefusal::unauthorized(&[WRONG_TYPE, "invalid token format"]));
    }
    let (scope, caller) = match (state.grant(token), state.session(token)) {
        (Some(grant), _) if grant.is_expired() => return Err(expired()),
        (Some(grant), _) => (&grant.scope, SessionOwner::Client(grant.client_id.clone())),
        (None, Some(session)) => (&session.scope, user_of(state, session)?),
        (None, None) => return Err(AdminRefusal::unauthorized(&["Unknown access token"])),
    };
    if scope.split_whitespace().any(|part| part == ADMIN_SCOPE) {
        return Ok(caller);
    }
    Err(AdminRefusal::unauthorized(&["Missing urn:mas:admin scope"]))
}

/// Returns the user that an open session acts as. Only the status of these refusals is recorded,
/// not the text.
fn user_of(state: &MasState, session: &MasSession) -> Result<SessionOwner, AdminRefusal> {
    if !session.is_open() {
        return Err(AdminRefusal::unauthorized(&["The session was ended"]));
    }
    if session.is_expired() {
        return Err(expired());
    }
    if !state.user_by_id(&session.user_id).is_some_and(DatabaseUser::is_valid) {
        return Err(AdminRefusal::unauthorized(&["The user is locked or deactivated"]));
    }
    Ok(SessionOwner::User(session.user_id.clone()))
}

fn expired() -> AdminRefusal {
    AdminRefusal::unauthorized(&["The access token is expired"])
}
