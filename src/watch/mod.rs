//! Staying in step, the parts that decide and do not ask: what Keycloak's events say, which accounts are new, when to look
//! next, and what the last hour has used of the limits. `commands::watch` puts them together.

mod feed;
mod registrations;
mod schedule;
mod window;

pub use feed::{Feed, Found, Named};
pub use registrations::Registrations;
pub use schedule::{Backoff, Due, Schedule};
pub use window::Window;
