//! Tracks whether the program is alive and ready.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::metrics::{Readiness, metrics};

/// The health of a program that keeps running. Clones share it.
#[derive(Debug, Clone)]
pub struct Health(Arc<SharedHealth>);

#[derive(Debug)]
struct SharedHealth {
    patience: Duration,
    state: Mutex<HealthState>,
}

#[derive(Debug)]
struct HealthState {
    beat: Instant,
    ready: Result<(), NotReady>,
    /// When it was last set ready.
    since: Instant,
    /// For how long that is valid.
    ready_for: Duration,
}

/// Why it is not ready. Anyone may read it, so it contains no names and no commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReady {
    /// Nothing is known yet.
    FirstRun,
    /// A plan waits for an approval.
    Refused,
    Failed,
    /// Another run holds the lock.
    Locked,
    /// No full run has succeeded for three intervals.
    Stale,
}

impl NotReady {
    /// Returns the reason in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::FirstRun => "the first run has not ended yet",
            Self::Refused => "a plan was refused",
            Self::Failed => "the last run failed",
            Self::Locked => "another run holds the lock",
            Self::Stale => "no full run has succeeded for three intervals",
        }
    }
}

impl Health {
    /// Creates the state: alive as long as there is a beat every `patience`, and not ready before
    /// the end of the first run.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        let (beat, ready) = (Instant::now(), Err(NotReady::FirstRun));
        let state = HealthState { beat, ready, since: beat, ready_for: Duration::MAX };
        Self(Arc::new(SharedHealth { patience, state: Mutex::new(state) }))
    }

    /// Records a heartbeat.
    pub fn beat(&self) {
        self.state().beat = Instant::now();
        // It may no longer be ready.
        metrics().ready(readiness(self.why_not_ready()));
    }

    /// Returns whether the last heartbeat is recent enough.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.silent_for() <= self.0.patience
    }

    /// Returns how long ago the last heartbeat was.
    #[must_use]
    pub fn silent_for(&self) -> Duration {
        self.state().beat.elapsed()
    }

    /// Sets it ready, or not, with the reason. The metric `ready` shows the same.
    pub fn set_ready(&self, ready: Result<(), NotReady>) {
        metrics().ready(readiness(ready.err()));
        let mut state = self.state();
        state.since = Instant::now();
        state.ready = ready;
    }

    /// Sets how long it stays ready after a successful run.
    pub fn set_ready_for(&self, time: Duration) {
        self.state().ready_for = time;
    }

    /// Returns whether it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.why_not_ready().is_none()
    }

    /// Returns why it is not ready, if it is not.
    #[must_use]
    pub fn why_not_ready(&self) -> Option<NotReady> {
        let state = self.state();
        match state.ready {
            Ok(()) if state.since.elapsed() > state.ready_for => Some(NotReady::Stale),
            ready => ready.err(),
        }
    }

    /// Returns for how long it has not been ready because readiness aged, if so.
    #[must_use]
    pub fn stale_for(&self) -> Option<Duration> {
        let state = self.state();
        state.since.elapsed().checked_sub(state.ready_for).filter(|_| state.ready.is_ok())
    }

    /// Locks the state. It is never half changed, so it is valid even after a panic.
    fn state(&self) -> MutexGuard<'_, HealthState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn readiness(why_not: Option<NotReady>) -> Readiness {
    if why_not.is_none() { Readiness::Ready } else { Readiness::NotReady }
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
    fn a_beat_counts_for_every_clone() {
        let health = Health::new(Duration::from_mins(1));
        let before = health.state().beat;
        std::thread::sleep(Duration::from_millis(2));
        health.clone().beat();
        assert!(health.state().beat > before);
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
