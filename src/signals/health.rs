//! Whether it lives, and whether it is in a state to be relied on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics::metrics;

/// The state of a program that stays up. Clones are the same.
#[derive(Debug, Clone)]
pub struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    beat: Instant,
    ready: Result<(), NotReady>,
    /// When it was last said to be ready.
    since: Instant,
    /// For how long that holds.
    ready_for: Duration,
}

/// Why it cannot be relied on. Anybody may read it, so it has no names and no commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReady {
    /// Nothing is known yet.
    FirstRun,
    /// A plan waits to be approved.
    Refused,
    /// The last run failed.
    Failed,
    /// Another run holds the lock.
    Locked,
    /// No full run has succeeded for three intervals.
    Stale,
}

impl NotReady {
    /// Returns the reason as a person reads it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::FirstRun => "the first run is not over yet",
            Self::Refused => "a plan was refused",
            Self::Failed => "the last run failed",
            Self::Locked => "another run holds the lock",
            Self::Stale => "no full run has succeeded for three intervals",
        }
    }
}

impl Health {
    /// Alive as long as there is a beat every `patience`; not ready before the first run is over.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        let (beat, ready) = (Instant::now(), Err(NotReady::FirstRun));
        let state = State { beat, ready, since: beat, ready_for: Duration::MAX };
        Self(Arc::new(Inner { patience, state: Mutex::new(state) }))
    }

    /// A sign of life.
    pub fn beat(&self) {
        self.state().beat = Instant::now();
        // What was ready may not be any more.
        metrics().ready(self.is_ready());
    }

    /// Whether the last sign of life is recent enough.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.silent_for() <= self.0.patience
    }

    /// How long ago the last sign of life was.
    #[must_use]
    pub fn silent_for(&self) -> Duration {
        self.state().beat.elapsed()
    }

    /// It can be relied on, or why not. The metric `ready` says the same.
    pub fn set_ready(&self, ready: Result<(), NotReady>) {
        metrics().ready(ready.is_ok());
        let mut state = self.state();
        state.since = Instant::now();
        state.ready = ready;
    }

    /// How long it can be relied on after a run that succeeded.
    pub fn set_ready_for(&self, time: Duration) {
        self.state().ready_for = time;
    }

    /// Whether it can be relied on.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.why_not_ready().is_none()
    }

    /// Why it cannot be relied on, if it cannot.
    #[must_use]
    pub fn why_not_ready(&self) -> Option<NotReady> {
        let state = self.state();
        match state.ready {
            Ok(()) if state.since.elapsed() > state.ready_for => Some(NotReady::Stale),
            ready => ready.err(),
        }
    }

    /// No state is half changed, so one that somebody panicked over is good.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_sign_of_life_it_is_dead() {
        let health = Health::new(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(2));
        assert!(!health.is_alive());
        assert!(Health::new(Duration::from_mins(1)).is_alive());
    }

    #[test]
    fn a_beat_is_a_sign_of_life_for_every_clone() {
        let health = Health::new(Duration::from_mins(1));
        std::thread::sleep(Duration::from_millis(20));
        health.clone().beat();
        assert!(health.silent_for() < Duration::from_millis(20));
    }

    #[test]
    fn it_is_ready_once_it_was_said_and_tells_why_it_is_not() {
        let health = Health::new(Duration::from_mins(1));
        assert_eq!((health.is_ready(), health.why_not_ready().is_some()), (false, true));
        health.set_ready(Ok(()));
        assert_eq!((health.is_ready(), health.why_not_ready()), (true, None));
        health.set_ready(Err(NotReady::Refused));
        assert_eq!((health.is_ready(), health.why_not_ready()), (false, Some(NotReady::Refused)));
    }

    #[test]
    fn readiness_ages() {
        let health = Health::new(Duration::from_mins(1));
        health.set_ready(Ok(()));
        health.set_ready_for(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(health.why_not_ready(), Some(NotReady::Stale));
        health.set_ready_for(Duration::from_mins(1));
        assert_eq!(health.why_not_ready(), None);
    }
}
