//! Stands in for a Synapse that delegates authentication to MAS.
//!
//! It follows `synapse.json` and `synapse-lifecycle.json` in `tests/contract`. `state` has the data,
//! `auth` authenticates requests, `admin` is the admin API with the lists, `account` that of one
//! account, `rooms` has rooms and messages, `mas_api` the API for MAS, `error` the refusals.

mod account;
mod admin;
mod auth;
mod error;
mod mas_api;
mod rooms;
mod state;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;

use axum::Router;
use serde_json::json;

pub use rooms::{RoomMessage, SynapseRoom};
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
            .merge(account::routes())
            .merge(rooms::routes())
            .merge(mas_api::routes())
            .fallback(|| async { error::unrecognised() })
            .method_not_allowed_fallback(|| async { error::unrecognised() })
            .with_state(state.clone());
        let server = StandInServer::start(listen, router, json!({"users": [], "total": 0}))?;
        Ok(Self::new(server, state))
    }
}
