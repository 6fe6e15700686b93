//! Provides what every running stand-in has: a server, and a state that a test can read and change.

use std::sync::MutexGuard;

use super::{Faults, Requests, Shared, StandInServer};

/// A running stand-in with the state `S`.
#[derive(Debug)]
pub struct RunningStandIn<S> {
    server: StandInServer,
    state: Shared<S>,
}

impl<S> RunningStandIn<S> {
    pub(super) fn new(server: StandInServer, state: Shared<S>) -> Self {
        Self { server, state }
    }

    /// Returns the URL without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the state, to read and to change.
    pub fn state(&self) -> MutexGuard<'_, S> {
        self.state.lock()
    }

    /// Returns the state in a form that a hook can keep.
    #[must_use]
    pub fn shared(&self) -> Shared<S> {
        self.state.clone()
    }

    /// Returns the rules that make it fail.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// Returns the requests that it has got.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        self.server.requests()
    }

    /// Returns the server itself, to stop and restart it.
    #[must_use]
    pub fn server(&self) -> &StandInServer {
        &self.server
    }
}
