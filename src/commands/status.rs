//! Asks a running `watch` how it stands (`status`).

use super::healthcheck::ask;
use crate::cli::Global;
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Terminal, status as output};
use crate::plan::{ApprovedDigest, Digest};
use crate::session::{command_to_go_on, print};
use crate::signals::Status;

/// Asks for `/status.json` at `watch.listen`, and prints a summary with the command to go on.
pub async fn status(global: &Global, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let answer = ask(global, surroundings, "status.json").await?;
    let status: Status = serde_json::from_str(&answer.text)
        .map_err(|source| Failure::NoStatus { address: answer.address, source })?;
    // The command has to work here, which may be another installation than that of `watch`.
    let command = status.decision.as_ref().and_then(|decision| {
        // Something else may listen there.
        decision.digest.parse::<ApprovedDigest>().ok()?;
        Some(command_to_go_on(global, "sync", &Digest::from(decision.digest.clone())))
    });
    print(&output::status(&status, command.as_deref(), Terminal::of_stdout()))?;
    Ok(if status.ready { Exit::InStep } else { Exit::Error })
}
