//! A stand-in for Keycloak: tokens, groups, members, users and admin events of its Admin REST API.
//!
//! It follows `tests/contract/keycloak.json` (Keycloak 26) and, with [`State::old`], trap 40 of the contract's
//! README (Keycloak 22). The parts change for different reasons: `state` and `realm` are what there is,
//! `events` what a realm remembers, `token` who may ask, `admin` the endpoints, `representation` the JSON.

mod admin;
mod events;
mod realm;
mod representation;
mod state;
mod token;

use std::io;
use std::net::SocketAddr;
use std::sync::MutexGuard;

use axum::Router;
use serde_json::json;

pub use events::AdminEvent;
pub use realm::Realm;
pub use state::{Group, State, StorageProvider, User};
pub use token::{Client, Lifetimes, Login, Roles};

use super::{Faults, Requests, Server, Shared};

/// A running Keycloak.
#[derive(Debug)]
pub struct Keycloak {
    server: Server,
    state: Shared<State>,
}

impl Keycloak {
    /// Starts it with this state.
    pub fn start(listen: SocketAddr, state: State) -> io::Result<Self> {
        let state = Shared::new(state);
        let router = Router::new().merge(token::routes()).merge(admin::routes()).with_state(state.clone());
        Ok(Self { server: Server::start(listen, router, json!([]))?, state })
    }

    /// The URL without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The state, to look at and to change.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The state as something that a hook can keep.
    #[must_use]
    pub fn shared(&self) -> Shared<State> {
        self.state.clone()
    }

    /// The means to make it fail.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// What it has been asked.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        self.server.requests()
    }

    /// The server itself, to stop and restart it.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }
}
