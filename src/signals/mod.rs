//! How others see that it works: metrics, health, the service manager, the journal, a hook.

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
