//! The commands: each says in which order things happen, and nothing else.

mod apply;
mod demo;
mod doctor;
mod explain;
mod generate;
mod plan;
mod session;
mod stand_in;
mod sync;

pub use apply::apply;
pub use demo::demo;
pub use doctor::doctor;
pub use explain::explain;
pub use generate::{completions, man};
pub use plan::plan;
pub use stand_in::stand_in;
pub use sync::sync;
