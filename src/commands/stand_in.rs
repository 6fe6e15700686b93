//! The hidden commands: one stand-in as a process of its own.

use crate::cli::StandIn;
use crate::exit::Exit;
use crate::report::Failure;

/// Runs a stand-in.
pub async fn stand_in(_stand_in: StandIn) -> Result<Exit, Failure> {
    Ok(Exit::Error)
}
