//! Asks a running `watch` how it stands (`status`).

use super::healthcheck::ask;
use crate::cli::Global;
use crate::config;
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Terminal, status as output};
use crate::plan::{ApprovedDigest, Digest};
use crate::session::{command_to_go_on, print};
use crate::signals::{Status, reachable};

/// Asks for `/status.json` at `watch.listen`, and prints a summary with the command to go on.
pub async fn status(global: &Global, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let config = config::load(global.config.as_deref(), &*surroundings.env)?.config;
    let listen = config.watch.listen.ok_or(Failure::NoListener)?;
    let answer = ask(&config, "status.json").await?;
    let status = Status::parse(&answer.text, &config.server_name).map_err(|error| {
        let (address, hint) = (reachable(listen), error.hint());
        Failure::NoStatus { address, hint, source: error.into() }
    })?;
    // The command has to work here, which may be another installation than that of `watch`.
    let command = status.decision.as_ref().and_then(|decision| {
        // Something else may listen there.
        decision.digest.parse::<ApprovedDigest>().ok()?;
        Some(command_to_go_on(global, "sync", &Digest::from(decision.digest.clone())))
    });
    print(&output::status(&status, command.as_deref(), Terminal::of_stdout()))?;
    Ok(if status.ready { Exit::InStep } else { Exit::Error })
}
