//! A stand-in for a Synapse that delegates authentication to MAS.
//!
//! It follows `tests/contract/synapse.json`. `state` is what the homeserver knows, `auth` who may ask,
//! `admin` the API that an administrator reads, `mas_api` the one that MAS writes to, `error` the way it refuses.

mod admin;
mod auth;
mod error;
mod mas_api;
mod state;

use std::io;
use std::net::SocketAddr;
use std::sync::MutexGuard;

use axum::Router;
use serde_json::json;

pub use state::{Account, Settings, State};

use super::{Faults, Requests, Server, Shared};

/// A running Synapse.
#[derive(Debug)]
pub struct Synapse {
    server: Server,
    state: Shared<State>,
}

impl Synapse {
    /// Starts it with this state.
    pub fn start(listen: SocketAddr, state: State) -> io::Result<Self> {
        let state = Shared::new(state);
        let router = Router::new()
            .merge(admin::routes())
            .merge(mas_api::routes())
            .fallback(|| async { error::unrecognised() })
            .method_not_allowed_fallback(|| async { error::unrecognised() })
            .with_state(state.clone());
        let server = Server::start(listen, router, json!({"users": [], "total": 0}))?;
        Ok(Self { server, state })
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
