//! Handles SIGTERM and Ctrl-C: actions in progress are finished, no others are started. A second signal
//! exits at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tracing::warn;

use crate::exit::Exit;

/// Whether the run should end.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<StopState>);

#[derive(Debug, Default)]
struct StopState {
    requested: AtomicBool,
    writing: AtomicBool,
    changed: Notify,
}

impl Stop {
    /// Listens to the signals from now on.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let listener = stop.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                listener.request();
            }
        });
        Ok(stop)
    }

    fn request(&self) {
        let writing = self.0.writing.load(Ordering::SeqCst);
        if self.0.requested.swap(true, Ordering::SeqCst) {
            std::process::exit(if writing { Exit::Incomplete } else { Exit::Error } as i32);
        }
        if writing {
            warn!("stopping once the actions in progress are finished; a second signal exits at once");
        }
        self.0.changed.notify_waiters();
    }

    /// Notes that something may be changed from now on.
    pub(super) fn writing_begins(&self) {
        self.0.writing.store(true, Ordering::SeqCst);
    }

    /// Notes that all changes are finished, for `watch`, which goes on.
    pub fn writing_ends(&self) {
        self.0.writing.store(false, Ordering::SeqCst);
    }

    /// Returns whether a signal has come.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::SeqCst)
    }

    /// Waits for a signal.
    pub async fn requested(&self) {
        let changed = self.0.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if !self.is_requested() {
            changed.await;
        }
    }

    /// Returns the result of the work, or `None` if a signal comes first.
    pub async fn unless_requested<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.requested() => None,
            done = work => Some(done),
        }
    }
}
