//! Serves upstream providers, and serves, creates and removes links between users of Keycloak and
//! MAS (trap 30).

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
use crate::standins::mas::state::MasState;
use crate::standins::mas::upstream::Link;
use crate::standins::mas::version::Version;

const PROVIDER: &str = "upstream-oauth-provider";
const PROVIDER_FILTERS: Known = &[("enabled", FilterKind::Bool)];
const LINK: &str = "upstream-oauth-link";
const LINK_FILTERS: Known = &[
    ("user", FilterKind::Ulid),
    ("provider", FilterKind::Ulid),
    ("subject", FilterKind::Text),
    ("human-account-name", FilterKind::Since(Version::ACCOUNT_NAMES, &FilterKind::NotPlayed)),
];

pub(super) fn routes() -> Router<Shared<MasState>> {
    Router::new()
        .route("/upstream-oauth-providers", get(providers))
        .route("/upstream-oauth-providers/{id}", get(provider))
        .route("/upstream-oauth-links", get(links).post(create))
        .route("/upstream-oauth-links/{id}", get(link).delete(remove))
}

/// `GET /upstream-oauth-providers`
async fn providers(State(state): State<Shared<MasState>>, query: RawQuery) -> Answer {
    let state = state.lock();
    let query = Query::parse(query.0, PROVIDER_FILTERS, &state.settings)?;
    let enabled = query.filters.is("enabled");
    Ok(list(PROVIDER, &query, &state.upstream.providers, |provider| {
        enabled.is_none_or(|enabled| provider.disabled_at.is_none() == enabled)
    }))
}

/// `GET /upstream-oauth-providers/{id}`
async fn provider(State(state): State<Shared<MasState>>, Path(id): Path<String>) -> Answer {
    let state = state.lock();
    let id = ulid_in_path(&id)?;
    let found = state.upstream.providers.get(&id).ok_or_else(|| unknown_provider(&id))?;
    Ok(single(
        state.settings.release(),
        StatusCode::OK,
        PROVIDER,
        found,
        &format!("{PROVIDER}s/{id}"),
    ))
}

/// `GET /upstream-oauth-links`
async fn links(State(state): State<Shared<MasState>>, query: RawQuery) -> Answer {
    let state = state.lock();
    let query = Query::parse(query.0, LINK_FILTERS, &state.settings)?;
    let (user, provider) = (query.filters.get("user"), query.filters.get("provider"));
    let subject = query.filters.get("subject");
    user.map(|id| known(&state, id)).transpose()?;
    if let Some(id) = provider.filter(|id| !state.upstream.providers.contains_key(*id)) {
        return Err(unknown_provider(id));
    }
    Ok(list(LINK, &query, &state.upstream.links, |link| {
        user.is_none_or(|user| link.user_id.as_deref() == Some(user))
            && provider.is_none_or(|provider| link.provider_id == provider)
            && subject.is_none_or(|subject| link.subject == subject)
    }))
}

#[derive(Deserialize)]
struct LinkCreation {
    #[serde(deserialize_with = "ulid_field")]
    user_id: String,
    #[serde(deserialize_with = "ulid_field")]
    provider_id: String,
    subject: String,
    human_account_name: Option<String>,
}

/// `POST /upstream-oauth-links`: a subject has one link, and the link of a user stays theirs.
async fn create(State(state): State<Shared<MasState>>, Json(asked): Json<LinkCreation>) -> Answer {
    let mut state = state.lock();
    let user_id = known(&state, &asked.user_id)?.id.clone();
    let provider_id = asked.provider_id;
    if !state.upstream.providers.contains_key(&provider_id) {
        return Err(unknown_provider(&provider_id));
    }
    let same = |link: &&mut Link| link.provider_id == provider_id && link.subject == asked.subject;
    let (status, link) = match state.upstream.links.values_mut().find(same) {
        Some(Link { user_id: Some(_), subject, .. }) => {
            let who =
                format!("Upstream Oauth 2.0 Provider ID {provider_id} with subject {subject}");
            return Err(AdminRefusal::new(
                StatusCode::CONFLICT,
                &[&format!("{who} is already linked to a user")],
            ));
        }
        Some(link) => {
            link.user_id = Some(user_id);
            (StatusCode::OK, link.clone())
        }
        None => {
            let mut link = Link::new(&provider_id, &asked.subject, &user_id);
            link.human_account_name = asked.human_account_name;
            state.add_link(link.clone());
            (StatusCode::CREATED, link)
        }
    };
    Ok(single(state.settings.release(), status, LINK, &link, &format!("{LINK}s/{}", link.id)))
}

/// `GET /upstream-oauth-links/{id}`
async fn link(State(state): State<Shared<MasState>>, Path(id): Path<String>) -> Answer {
    let state = state.lock();
    let id = ulid_in_path(&id)?;
    let unknown = || AdminRefusal::not_found(&format!("Upstream OAuth 2.0 Link ID {id}"));
    let found = state.upstream.links.get(&id).ok_or_else(unknown)?;
    Ok(single(state.settings.release(), StatusCode::OK, LINK, found, &format!("{LINK}s/{id}")))
}

/// `DELETE /upstream-oauth-links/{id}`
async fn remove(State(state): State<Shared<MasState>>, Path(id): Path<String>) -> Answer {
    let mut state = state.lock();
    let id = ulid_in_path(&id)?;
    let unknown = || AdminRefusal::not_found(&format!("Upstream OAuth 2.0 Link ID {id}"));
    state.upstream.links.remove(&id).ok_or_else(unknown)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn unknown_provider(id: &str) -> AdminRefusal {
    AdminRefusal::not_found(&format!("Upstream OAuth 2.0 Provider ID {id}"))
}
