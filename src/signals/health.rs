//! Whether it lives, and whether it is in a state to be relied on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::metrics::metrics;

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
    ready: Result<(), String>,
}

impl Health {
    /// Alive as long as there is a beat every `patience`; not ready before the first run is over.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        let state = State { beat: Instant::now(), ready: Err("the first run is not over yet".to_owned()) };
        Self(Arc::new(Inner { patience, state: Mutex::new(state) }))
    }

    /// A sign of life.
    pub fn beat(&self) {
        self.state().beat = Instant::now();
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
    pub fn set_ready(&self, ready: Result<(), String>) {
        metrics().ready(ready.is_ok());
        self.state().ready = ready;
    }

    /// Whether it can be relied on.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state().ready.is_ok()
    }

    /// Why it cannot be relied on, if it cannot.
    #[must_use]
    pub fn why_not_ready(&self) -> Option<String> {
        self.state().ready.clone().err()
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
        health.set_ready(Err("refused".to_owned()));
        assert_eq!((health.is_ready(), health.why_not_ready()), (false, Some("refused".to_owned())));
    }
}
