//! `demo`: the whole thing against built-in stand-ins, on a machine with none of the servers.

use crate::app::Surroundings;
use crate::cli::{DemoArgs, Global};
use crate::exit::Exit;
use crate::report::Failure;

/// Shows the whole table.
pub async fn demo(_global: &Global, _args: &DemoArgs, _surroundings: &Surroundings) -> Result<Exit, Failure> {
    Ok(Exit::Error)
}
