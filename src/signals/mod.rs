//! Reports to others how it works: metrics, health, service manager, journal, hook.

mod health;
mod hook;
mod journal;
mod listener;
mod notify;

pub use health::{Health, NotReady};
pub use hook::{Event, Reason, tell};
pub use journal::journal;
pub use listener::serve;
pub use notify::ServiceManager;
