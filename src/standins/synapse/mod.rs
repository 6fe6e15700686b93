//! Stands in for a Synapse that delegates authentication to MAS.
//!
//! It follows `tests/contract/synapse.json`. `state` has the data, `auth` authenticates requests, `admin`
//! is the admin API, `mas_api` the API for MAS, `error` the refusals.

mod admin;
mod auth;
mod error;
mod mas_api;
mod state;

use std::io;
use std::net::SocketAddr;

use axum::Router;
use serde_json::json;

pub use state::{Account, ExternalId, Settings, State};

use super::{Server, Shared, StandIn};

/// A running Synapse.
pub type Synapse = StandIn<State>;

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
        Ok(Self::new(server, state))
    }
}
