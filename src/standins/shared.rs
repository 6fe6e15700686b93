//! Shares state between a server's handlers and the test.
//!
//! If a test panics while it holds the lock, later answers of the server must not cause more,
//! misleading panics. So a poisoned lock is still used.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A value behind one lock, cheap to clone and to capture in a hook.
#[derive(Debug, Default)]
pub struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    /// Puts a value behind a lock.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    /// Locks the value. Never hold the guard across an `await`.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
