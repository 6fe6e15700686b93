//! Stands in for a Synapse that delegates authentication to MAS.
//!
//! It follows `tests/contract/synapse.json`. `state` has the data, `auth` authenticates requests,
//! `admin` is the admin API, `mas_api` the API for MAS, `error` the refusals.

mod admin;
mod auth;
mod error;
mod mas_api;
mod state;

use std::io;
use std::net::SocketAddr;

use axum::Router;
use serde_json::json;

pub use state::{SynapseAccount, SynapseExternalId, SynapseSettings, SynapseState};

use super::{RunningStandIn, Shared, StandInServer};

/// A running Synapse.
pub type Synapse = RunningStandIn<SynapseState>;

impl Synapse {
    /// Starts it with this state.
    pub fn start(listen: SocketAddr, state: SynapseState) -> io::Result<Self> {
        let state = Shared::new(state);
        let router = Router::new()
            .merge(admin::routes())
            .merge(mas_api::routes())
            .fallback(|| async { error::unrecognised() })
            .method_not_allowed_fallback(|| async { error::unrecognised() })
            .with_state(state.clone());
        let server = StandInServer::start(listen, router, json!({"users": [], "total": 0}))?;
        Ok(Self::new(server, state))
    }
}
