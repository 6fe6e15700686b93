//! A stand-in for Keycloak: tokens, groups, roles, members, users and admin events of its Admin
//! REST API.
//!
//! It follows `tests/contract/keycloak.json` and `keycloak-roles.json` (Keycloak 26) and, with [`KeycloakState::old`], trap
//! 40 of the contract's README (Keycloak 22). `state`, `realm` and `roles` contain the data, `events` the
//! admin events, `discovery` and `token` the login of clients, `admin` the endpoints,
//! `representation` the JSON.

mod admin;
mod discovery;
mod events;
mod realm;
mod representation;
mod roles;
mod state;
mod token;

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::http::StatusCode;
use serde_json::json;

pub use events::RecordedEvent;
pub use realm::Realm;
pub use roles::RealmRole;
pub use state::{KeycloakState, RealmGroup, RealmUser, StorageProvider};
pub use token::{Lifetimes, Login, ManagementRoles, RealmClient};

use super::{RunningStandIn, Shared, StandInServer};

/// A running Keycloak.
pub type Keycloak = RunningStandIn<KeycloakState>;

impl Keycloak {
    /// Starts it with this state.
    pub fn start(listen: SocketAddr, state: KeycloakState) -> io::Result<Self> {
        let state = Shared::new(state);
        let router = Router::new()
            .merge(discovery::routes())
            .merge(token::routes())
            .merge(admin::routes())
            .fallback(|| async { token::error(StatusCode::NOT_FOUND, "HTTP 404 Not Found") });
        let server = StandInServer::start(listen, router.with_state(state.clone()), json!([]))?;
        state.lock().url = server.url();
        Ok(Self::new(server, state))
    }
}
