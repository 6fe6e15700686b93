//! Serves the API for MAS: `/_synapse/mas/…`, protected by the shared secret.
//!
//! Only MAS changes accounts; each call changes what Synapse 1.163 changes. Devices matter most: an
//! introspection is cached only while its device exists, so deleting the device ends a session at
//! once.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::auth;
use super::error::{SynapseRefusal, answer};
use super::state::{SynapseAccount, SynapseState};
use crate::standins::query::Params;
use crate::standins::{Shared, time};

pub(super) fn routes() -> Router<Shared<SynapseState>> {
    Router::new()
        .route("/_synapse/mas/query_user", get(query_user))
        .route("/_synapse/mas/is_localpart_available", get(is_localpart_available))
        .route("/_synapse/mas/provision_user", post(provision_user))
        .route("/_synapse/mas/delete_user", post(delete_user))
        .route("/_synapse/mas/reactivate_user", post(reactivate_user))
        .route("/_synapse/mas/set_displayname", post(set_displayname))
        .route("/_synapse/mas/unset_displayname", post(unset_displayname))
        .route("/_synapse/mas/upsert_device", post(upsert_device))
        .route("/_synapse/mas/update_device_display_name", post(update_device_display_name))
        .route("/_synapse/mas/delete_device", post(delete_device))
        .route("/_synapse/mas/sync_devices", post(sync_devices))
        .route("/_synapse/mas/allow_cross_signing_reset", post(allow_cross_signing_reset))
}

type Answer = Result<Response, SynapseRefusal>;

fn done(status: StatusCode) -> Response {
    answer(status, &json!({}))
}

fn read<T: DeserializeOwned>(
    state: &SynapseState,
    headers: &HeaderMap,
    body: &str,
) -> Result<T, SynapseRefusal> {
    auth::from_mas(state, headers)?;
    serde_json::from_str(body)
        .map_err(|error| SynapseRefusal::bad_request("M_BAD_JSON", &error.to_string()))
}

fn existing<'a>(
    state: &'a mut SynapseState,
    localpart: &str,
) -> Result<&'a mut SynapseAccount, SynapseRefusal> {
    state.account_mut(localpart).ok_or_else(SynapseRefusal::user_not_found)
}

/// `GET …/query_user?localpart=…`
async fn query_user(
    State(state): State<Shared<SynapseState>>,
    query: RawQuery,
    headers: HeaderMap,
) -> Answer {
    let state = state.lock();
    auth::from_mas(&state, &headers)?;
    let query = Params::parse(&query.0.unwrap_or_default());
    let localpart = query.get("localpart").ok_or_else(|| {
        SynapseRefusal::bad_request(
            "M_MISSING_PARAM",
            "Missing required string query parameter 'localpart'",
        )
    })?;
    let account = state.account(localpart).ok_or_else(SynapseRefusal::user_not_found)?;
    let body = json!({
        "user_id": state.user_id(localpart), "display_name": account.displayname,
        "avatar_url": account.avatar_url, "is_suspended": account.suspended,
        "is_deactivated": account.deactivated,
    });
    Ok(answer(StatusCode::OK, &body))
}

/// `GET …/is_localpart_available?localpart=…`
async fn is_localpart_available(
    State(state): State<Shared<SynapseState>>,
    query: RawQuery,
    headers: HeaderMap,
) -> Answer {
    let state = state.lock();
    auth::from_mas(&state, &headers)?;
    let query = Params::parse(&query.0.unwrap_or_default());
    let localpart = query
        .get("localpart")
        .ok_or_else(|| SynapseRefusal::bad_request("M_UNKNOWN", "Missing localpart"))?;
    let allowed = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "=_-./+".contains(letter)
    };
    let invalid = if localpart.is_empty() || !localpart.chars().all(allowed) {
        Some("User ID can only contain characters a-z, 0-9, or '=_-./+'")
    } else if localpart.starts_with('_') {
        Some("User ID may not begin with _")
    } else if localpart.chars().all(|letter| letter.is_ascii_digit()) {
        Some("Numeric user IDs are reserved for guest users.")
    } else if state.user_id(localpart).len() > 255 {
        Some("User ID may not be longer than 255 characters")
    } else {
        None
    };
    if let Some(text) = invalid {
        return Err(SynapseRefusal::bad_request("M_INVALID_USERNAME", text));
    }
    if state.account(localpart).is_some() {
        return Err(SynapseRefusal::bad_request("M_USER_IN_USE", "User ID already taken."));
    }
    Ok(done(StatusCode::OK))
}

#[derive(Deserialize)]
struct Provision {
    localpart: String,
    #[serde(default)]
    unset_displayname: bool,
    set_displayname: Option<String>,
    #[serde(default)]
    unset_emails: bool,
    set_emails: Option<Vec<String>>,
    locked: Option<bool>,
}

/// `POST …/provision_user`: 201 for a new account, 200 for an existing one.
async fn provision_user(
    State(state): State<Shared<SynapseState>>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut state = state.lock();
    let asked: Provision = read(&state, &headers, &body)?;
    let is_new = state.account(&asked.localpart).is_none();
    let shows_locks = state.settings.shows_locks();
    let account = state.add_account(&asked.localpart);
    if asked.unset_displayname {
        account.displayname = None;
    } else if let Some(name) = asked.set_displayname {
        account.displayname = Some(name);
    } else if is_new {
        account.displayname = Some(asked.localpart);
    }
    if asked.unset_emails {
        account.emails.clear();
    } else if let Some(emails) = asked.set_emails {
        let had = std::mem::take(&mut account.emails);
        account.emails = emails
            .into_iter()
            .map(|email| {
                let added = had.get(&email).copied().unwrap_or_else(time::now_ms);
                (email, added)
            })
            .collect();
    }
    if let Some(locked) = asked.locked.filter(|_| shows_locks) {
        account.locked = locked;
    }
    Ok(done(if is_new { StatusCode::CREATED } else { StatusCode::OK }))
}

#[derive(Deserialize)]
struct Delete {
    localpart: String,
    erase: bool,
}

/// `POST …/delete_user`: a reactivation does not restore what it removes (trap 31).
async fn delete_user(
    State(state): State<Shared<SynapseState>>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut state = state.lock();
    let asked: Delete = read(&state, &headers, &body)?;
    let account = existing(&mut state, &asked.localpart)?;
    account.deactivated = true;
    account.emails = BTreeMap::new();
    account.devices = BTreeSet::new();
    account.rooms = BTreeSet::new();
    account.last_seen = None;
    if asked.erase {
        account.erased = true;
        account.displayname = None;
        account.avatar_url = None;
    }
    Ok(done(StatusCode::OK))
}

#[derive(Deserialize)]
struct LocalpartRequest {
    localpart: String,
}

/// `POST …/reactivate_user`: it keeps the lock, and removes the mark of erasure.
async fn reactivate_user(
    State(state): State<Shared<SynapseState>>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut state = state.lock();
    let asked: LocalpartRequest = read(&state, &headers, &body)?;
    let account = existing(&mut state, &asked.localpart)?;
    account.deactivated = false;
    account.erased = false;
    Ok(done(StatusCode::OK))
}

#[derive(Deserialize)]
struct DisplayName {
    localpart: String,
    displayname: String,
}

/// `POST …/set_displayname`
async fn set_displayname(
    State(state): State<Shared<SynapseState>>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut state = state.lock();
    let asked: DisplayName = read(&state, &headers, &body)?;
    existing(&mut state, &asked.localpart)?.displayname = Some(asked.displayname);
    Ok(done(StatusCode::OK))
}

/// `POST …/unset_displayname`
async fn unset_displayname(
    State(state): State<Shared<SynapseState>>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut state = state.lock();
    let asked: LocalpartRequest = read(&state, &headers, &body)?;
    existing(&mut state, &asked.localpart)?.displayname = None;
    Ok(done(StatusCode::OK))
}

#[derive(Deserialize)]
struct OneDevice {
    localpart: String,
    device_id: String,
}

/// `POST …/upsert_device`
async fn upsert_device(
    State(state): State<Shared<SynapseState>>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut state = state.lock();
    let asked: OneDevice = read(&state, &headers, &body)?;
    let is_new = existing(&mut state, &asked.localpart)?.devices.insert(asked.device_id);
    Ok(done(if is_new { StatusCode::CREATED } else { StatusCode::OK }))
}

/// `POST …/update_device_display_name`: devices have no names here.
async fn update_device_display_name(
    State(state): State<Shared<SynapseState>>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut state = state.lock();
    let asked: OneDevice = read(&state, &headers, &body)?;
    existing(&mut state, &asked.localpart)?;
    Ok(done(StatusCode::OK))
}

/// `POST …/delete_device`
async fn delete_device(
    State(state): State<Shared<SynapseState>>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut state = state.lock();
    let asked: OneDevice = read(&state, &headers, &body)?;
    existing(&mut state, &asked.localpart)?.devices.remove(&asked.device_id);
    Ok(done(StatusCode::NO_CONTENT))
}

#[derive(Deserialize)]
struct AllDevices {
    localpart: String,
    devices: BTreeSet<String>,
}

/// `POST …/sync_devices`: sets exactly these devices.
async fn sync_devices(
    State(state): State<Shared<SynapseState>>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut state = state.lock();
    let asked: AllDevices = read(&state, &headers, &body)?;
    existing(&mut state, &asked.localpart)?.devices = asked.devices;
    Ok(done(StatusCode::OK))
}

/// `POST …/allow_cross_signing_reset`: nothing here has keys.
async fn allow_cross_signing_reset(
    State(state): State<Shared<SynapseState>>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut state = state.lock();
    let asked: LocalpartRequest = read(&state, &headers, &body)?;
    existing(&mut state, &asked.localpart)?;
    Ok(done(StatusCode::OK))
}
