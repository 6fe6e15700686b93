//! Staying in step, the parts that decide and do not ask: what Keycloak's events say, when to look next, what the last hour
//! has used of the limits, and which files hold secrets that may change. `commands::watch` puts them together.

mod feed;
mod schedule;
mod secret_files;
mod window;

pub use feed::{Feed, Found};
pub use schedule::{Backoff, Due, Schedule};
pub use secret_files::SecretFiles;
pub use window::Window;
