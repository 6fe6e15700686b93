//! SIGTERM and Ctrl-C: what is under way is finished, nothing else is begun; a second one leaves at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tracing::warn;

use crate::exit::Exit;

/// Whether somebody wants the run to end.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
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
            warn!("stopping: what is under way is finished, nothing else is begun; a second signal leaves at once");
        }
        self.0.changed.notify_waiters();
    }

    /// From now on something may be changed.
    pub(super) fn writing_begins(&self) {
        self.0.writing.store(true, Ordering::SeqCst);
    }

    /// What was begun is over, for whoever goes on after it.
    pub fn writing_ends(&self) {
        self.0.writing.store(false, Ordering::SeqCst);
    }

    /// Whether a signal has come.
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

    /// What the work gives, or nothing where a signal comes first.
    pub async fn unless_requested<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.requested() => None,
            done = work => Some(done),
        }
    }
}
