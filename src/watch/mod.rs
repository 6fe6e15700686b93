//! Staying in step, the parts that decide and do not ask: what Keycloak's events say, when to look next, and what the last
//! hour has used of the limits. `commands::watch` puts them together.

mod feed;
mod schedule;
mod window;

pub use feed::{Feed, Found, Named};
pub use schedule::{Backoff, Due, Schedule};
pub use window::Window;
