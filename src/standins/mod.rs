//! Stands in for Keycloak, Synapse and MAS inside this process.
//!
//! With the stand-ins, the demo and the tests run on a machine without the real servers, and a test
//! can make a server fail in rare ways. Their answers follow recordings of the real servers
//! (`tests/contract`), and `tests/recordings/` replays all of them.
//!
//! Start with [`World`]: it describes groups, users and accounts in a few words and starts all
//! three.

mod connection;
pub mod faults;
mod handle;
mod ids;
pub mod keycloak;
pub mod mas;
pub mod mas_cli;
mod query;
mod runtime;
pub mod server;
mod shared;
mod sorted;
pub mod synapse;
#[cfg(test)]
mod tests;
mod time;
pub mod world;

pub use faults::{Fault, Faults};
pub use handle::RunningStandIn;
pub use server::{Requests, SeenRequest, StandInServer};
pub use shared::Shared;
pub use sorted::Sorted;
pub use world::{Auth, NewAccount, NewUser, RunningWorld, World};

/// Why a stand-in could not be started, reached or asked.
#[derive(Debug, thiserror::Error)]
pub enum StandInError {
    /// The port is taken, the directory cannot be written, and the like.
    #[error("stand-in: {0}")]
    Io(#[from] std::io::Error),
    /// A stand-in did not answer another one, or the test.
    #[error("stand-in: {0}")]
    Http(#[from] reqwest::Error),
    /// The described world is impossible.
    #[error("stand-in: {0}")]
    World(String),
}
