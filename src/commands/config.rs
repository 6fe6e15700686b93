//! Shows and checks the configuration without asking any server (`config show`, `config check`), or
//! asks for one (`config init`).

mod answers;
mod init;
mod keycloak;
mod synapse;
mod terminal;
mod writer;

use tracing::warn;

use crate::cli::{ConfigCommand, Global};
use crate::config::{self, Loaded};
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::print;

/// Asks for a configuration; or loads it as every command does, and prints what it is, or that it is
/// valid.
pub async fn config(
    global: &Global,
    command: &ConfigCommand,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    if let ConfigCommand::Init(args) = command {
        return init::init(global, args, surroundings).await;
    }
    let Loaded { warnings, shown, .. } =
        config::load(global.config.as_deref(), &*surroundings.env)?;
    for warning in &warnings {
        warn!("{}", warning.what);
    }
    let is_shown = matches!(command, ConfigCommand::Show);
    print(&if is_shown {
        config::as_toml(&shown)
    } else {
        "The configuration is valid.\n".to_owned()
    })?;
    Ok(Exit::InStep)
}
