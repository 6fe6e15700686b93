//! Serves clients, for checks of one's own client.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde::Serialize;
use serde_json::json;

use super::Answer;
use super::error::AdminRefusal;
use super::filter::ulid_in_path;
use super::resource::{AdminResource, single};
use crate::standins::Shared;
use crate::standins::mas::clients::RegisteredClient;
use crate::standins::mas::state::MasState;
use crate::standins::mas::version::Version;

const KIND: &str = "oauth2-client";
/// MAS allows all of these for each client of its configuration file.
const GRANT_TYPES: [&str; 4] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
];

pub(super) fn routes() -> Router<Shared<MasState>> {
    Router::new().route("/oauth2-clients/{id}", get(client))
}

/// `GET /oauth2-clients/{id}`
async fn client(State(state): State<Shared<MasState>>, Path(id): Path<String>) -> Answer {
    let state = state.lock();
    let id = ulid_in_path(&id)?;
    let unknown = || AdminRefusal::not_found(&format!("OAuth 2.0 client ID {id}"));
    let client = state.clients.by_id.get(&id).ok_or_else(unknown)?;
    let found = Configured { id: &id, client };
    Ok(single(state.settings.release(), StatusCode::OK, KIND, &found, &format!("{KIND}s/{id}")))
}

/// A client of the configuration file; the stand-in has no others.
struct Configured<'a> {
    id: &'a str,
    client: &'a RegisteredClient,
}

impl AdminResource for Configured<'_> {
    fn id(&self) -> &str {
        self.id
    }

    fn attributes(&self, _: Version) -> impl Serialize {
        json!({
            "client_id": self.id, "client_name": null, "client_uri": null, "logo_uri": null,
            "redirect_uris": self.client.redirect_uris, "grant_types": GRANT_TYPES, "is_static": true,
        })
    }
}
