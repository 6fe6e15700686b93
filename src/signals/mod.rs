//! How others see that it works: metrics, health, the service manager, the journal, a hook.

mod health;
mod hook;
mod journal;
mod listener;
mod metrics;
mod notify;
mod textfile;

pub use health::{Health, NotReady};
pub use hook::{Event, Reason, tell};
pub use journal::journal;
pub use listener::serve;
pub use metrics::{Metrics, RunKind, RunResult, metrics};
pub use notify::ServiceManager;
