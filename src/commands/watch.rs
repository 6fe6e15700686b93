//! `watch`: stays in step until a signal comes.

use crate::cli::Global;
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::watch::stay_in_step;

/// Keeps accounts in step until a signal comes.
pub async fn watch(global: &Global, surroundings: &Surroundings) -> Result<Exit, Failure> {
    // Its commands are read in a room, or on a page.
    stay_in_step(&global.from_anywhere(), surroundings).await
}
