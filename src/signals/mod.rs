//! Reports to others how it works: metrics, health, service manager, journal, hook.

mod health;
mod hook;
mod journald;
mod listener;
mod notify;

pub use health::{Health, NotReady};
pub use hook::{Event, HookInput, tell};
pub use journald::journald_layer;
pub use listener::serve;
pub use notify::ServiceManager;
