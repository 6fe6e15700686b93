//! What every stand-in that runs has: a server, and a state that a test can look at and change.

use std::sync::MutexGuard;

use super::{Faults, Requests, Server, Shared};

/// A running stand-in with the state `S`.
#[derive(Debug)]
pub struct StandIn<S> {
    server: Server,
    state: Shared<S>,
}

impl<S> StandIn<S> {
    pub(super) fn new(server: Server, state: Shared<S>) -> Self {
        Self { server, state }
    }

    /// The URL without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The state, to look at and to change.
    pub fn state(&self) -> MutexGuard<'_, S> {
        self.state.lock()
    }

    /// The state as something that a hook can keep.
    #[must_use]
    pub fn shared(&self) -> Shared<S> {
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
