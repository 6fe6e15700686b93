//! Runs the commands: each module sets the order of the steps and decides nothing.

mod apply;
mod config;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod explain;
mod generate;
mod healthcheck;
mod history;
pub mod manual;
mod plan;
mod report;
#[cfg(feature = "demo")]
mod stand_in;
mod status;
mod sync;
mod undo;
mod watch;

pub use apply::apply;
pub use config::config;
#[cfg(feature = "demo")]
pub use demo::demo;
pub use doctor::doctor;
pub use explain::explain;
pub use generate::completions;
pub use healthcheck::healthcheck;
pub use history::history;
pub use manual::man;
pub use plan::plan;
pub use report::report;
#[cfg(feature = "demo")]
pub use stand_in::stand_in;
pub use status::status;
pub use sync::sync;
pub use undo::undo;
pub use watch::watch;
