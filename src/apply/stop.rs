//! Handles SIGTERM, Ctrl-C and SIGHUP: actions in progress are finished, no others are started. A
//! second signal exits at once.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tracing::warn;

use crate::exit::Exit;
use crate::subprocess;

/// Whether the run should end.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<StopState>);

#[derive(Debug, Default)]
struct StopState {
    requested: AtomicBool,
    /// Whether it was requested by a signal that someone sends twice to end it at once.
    asked: AtomicBool,
    writing: AtomicBool,
    /// Whether it was started on a terminal that may be closed.
    on_terminal: AtomicBool,
    changed: Notify,
}

/// What a SIGHUP means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// The terminal or the connection of a run is gone.
    Stops,
    /// `watch` has its own listener, which reads the configuration again, unless its terminal is
    /// gone.
    Reloads,
}

impl Stop {
    /// Listens to the signals from now on.
    pub fn on_signals(hangup: Hangup) -> io::Result<Self> {
        let stop = Self::default();
        stop.listen(SignalKind::terminate())?;
        stop.listen(SignalKind::interrupt())?;
        match hangup {
            Hangup::Stops if ignores_hangup() => {}
            Hangup::Stops => stop.listen(SignalKind::hangup())?,
            Hangup::Reloads if io::stderr().is_terminal() => stop.listen_to_terminal()?,
            Hangup::Reloads => {}
        }
        Ok(stop)
    }

    /// Stops on a SIGHUP that comes because the terminal was closed.
    fn listen_to_terminal(&self) -> io::Result<()> {
        let (listener, mut signals) = (self.clone(), signal(SignalKind::hangup())?);
        listener.0.on_terminal.store(true, Ordering::SeqCst);
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if listener.has_lost_terminal() {
                    listener.request(SignalKind::hangup());
                }
            }
        });
        Ok(())
    }

    /// Returns whether the terminal that it was started on was closed.
    #[must_use]
    pub fn has_lost_terminal(&self) -> bool {
        self.0.on_terminal.load(Ordering::SeqCst) && !io::stderr().is_terminal()
    }

    fn listen(&self, kind: SignalKind) -> io::Result<()> {
        let (listener, mut signals) = (self.clone(), signal(kind)?);
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                listener.request(kind);
            }
        });
        Ok(())
    }

    fn request(&self, kind: SignalKind) {
        let writing = self.0.writing.load(Ordering::SeqCst);
        // A closing terminal sends several, and the service manager one right after SIGTERM.
        if kind != SignalKind::hangup() && self.0.asked.swap(true, Ordering::SeqCst) {
            subprocess::kill_all();
            std::process::exit(if writing { Exit::Incomplete } else { Exit::Error } as i32);
        }
        if !self.0.requested.swap(true, Ordering::SeqCst) && writing {
            warn!(
                "stopping once the actions in progress are finished; a second signal exits at once"
            );
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

/// Returns whether the program was started to survive a SIGHUP, as by `nohup`: a listener would end
/// that.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Bit 0 is signal 1, SIGHUP.
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
