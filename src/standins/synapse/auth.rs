//! Authenticates requests: Synapse has no tokens of its own, but asks MAS and caches the answer for
//! two minutes.
//!
//! Because of that cache an open session outlives a lock (trap 19), and an outage of MAS refuses
//! only some tokens (trap 14). An entry expires early only if the token's device is gone.

use std::time::Instant;

use axum::http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::error::SynapseRefusal;
use super::state::SynapseState;
use crate::standins::query::bearer;
use crate::standins::{Shared, runtime};

const ADMIN: &str = "urn:synapse:admin:*";
const CLIENT_API: [&str; 2] =
    ["urn:matrix:client:api:*", "urn:matrix:org.matrix.msc2967.client:api:*"];
const DEVICE: [&str; 2] =
    ["urn:matrix:client:device:", "urn:matrix:org.matrix.msc2967.client:device:"];

/// What MAS said about a token.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Introspection {
    active: bool,
    #[serde(default)]
    scope: String,
    username: Option<String>,
    device_id: Option<String>,
}

/// The sender of a request.
#[derive(Clone, Debug)]
pub(super) struct Requester {
    pub(super) user_id: String,
    pub(super) device_id: Option<String>,
    admin: bool,
}

/// Returns the owner of the request's token.
pub(super) async fn requester(
    state: &Shared<SynapseState>,
    headers: &HeaderMap,
) -> Result<Requester, SynapseRefusal> {
    let token = bearer(headers).ok_or_else(SynapseRefusal::no_token)?;
    let found = introspection(state, token).await?;
    let scopes: Vec<&str> = found.scope.split_whitespace().collect();
    let username = found
        .username
        .as_deref()
        .filter(|_| found.active)
        .ok_or_else(SynapseRefusal::token_not_active)?;
    if !CLIENT_API.iter().any(|api| scopes.contains(api)) {
        return Err(SynapseRefusal::token_not_active());
    }
    let device_id = found.device_id.clone().or_else(|| device_in(&scopes));
    let mut state = state.lock();
    let user_id = state.user_id(username);
    let gone = {
        let account = state.accounts.get(&user_id).ok_or_else(|| {
            SynapseRefusal::new(StatusCode::INTERNAL_SERVER_ERROR, "M_UNKNOWN", "User not found")
        })?;
        device_id.as_ref().is_some_and(|device| !account.devices.contains(device))
    };
    if gone {
        state.introspections.remove(token);
        return Err(SynapseRefusal::token_not_active());
    }
    Ok(Requester { user_id, device_id, admin: scopes.contains(&ADMIN) })
}

fn device_in(scopes: &[&str]) -> Option<String> {
    scopes
        .iter()
        .find_map(|scope| DEVICE.iter().find_map(|prefix| scope.strip_prefix(prefix)))
        .map(str::to_owned)
}

/// Accepts only the tokens of server administrators.
pub(super) async fn admin(
    state: &Shared<SynapseState>,
    headers: &HeaderMap,
) -> Result<Requester, SynapseRefusal> {
    let requester = requester(state, headers).await?;
    if requester.admin {
        return Ok(requester);
    }
    Err(SynapseRefusal::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", "You are not a server admin"))
}

/// Accepts only MAS.
pub(super) fn from_mas(state: &SynapseState, headers: &HeaderMap) -> Result<(), SynapseRefusal> {
    let token = bearer(headers).ok_or_else(SynapseRefusal::no_token)?;
    if token == state.settings.shared_secret.expose_secret() {
        return Ok(());
    }
    Err(SynapseRefusal::new(
        StatusCode::FORBIDDEN,
        "M_UNKNOWN",
        "This endpoint must only be called by MAS",
    ))
}

async fn introspection(
    state: &Shared<SynapseState>,
    token: &str,
) -> Result<Introspection, SynapseRefusal> {
    let settings = {
        let state = state.lock();
        if let Some((found, asked)) = state.introspections.get(token)
            && asked.elapsed() < state.settings.cache_for
        {
            return Ok(found.clone());
        }
        state.settings.clone()
    };
    let asked = runtime::client()
        .post(format!("{}/oauth2/introspect", settings.mas_url.trim_end_matches('/')))
        .bearer_auth(settings.shared_secret.expose_secret())
        .header("X-MAS-Supports-Device-Id", "1")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(
            url::form_urlencoded::Serializer::new(String::new())
                .append_pair("token", token)
                .finish(),
        );
    let answer = async { asked.send().await?.error_for_status()?.json::<Introspection>().await };
    // Synapse sends the same error for any problem with MAS.
    let found = answer.await.map_err(|_: reqwest::Error| {
        SynapseRefusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "M_UNKNOWN",
            "Unable to introspect the access token",
        )
    })?;
    state.lock().introspections.insert(token.to_owned(), (found.clone(), Instant::now()));
    Ok(found)
}
