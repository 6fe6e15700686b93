//! Decides for `watch` without asking servers: what Keycloak's events say, which accounts are new, when
//! to read next, and what the last hour has used of the limits. `commands::watch` combines them.

mod feed;
mod registrations;
mod schedule;
mod window;

pub use feed::{Feed, Found, Named};
pub use registrations::Registrations;
pub use schedule::{Backoff, Due, Schedule};
pub use window::Window;
