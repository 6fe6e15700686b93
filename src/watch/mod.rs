//! Keeps accounts in step: what Keycloak's events say, which accounts are new, when to read next,
//! what the last hour has used of the limits, and the loop that combines them.

mod after_run;
mod course;
mod event_cursor;
mod event_source;
mod known;
mod new_accounts;
mod notifications;
mod reached;
mod registrations;
mod round;
mod run_line;
mod schedule;
mod shown;
mod to_do;
mod watcher;
mod window;

pub use event_cursor::{EventCursor, Mention, NewEvents};
pub use registrations::Registrations;
pub use schedule::{Backoff, Due, Schedule};
pub use watcher::stay_in_step;
pub use window::Window;
