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
use crate::config::{self, Config, Loaded, WriterKindConfig};
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::planner::Provision;
use crate::session::{print, provider_in_files};
use crate::writers::{MasCli, WriterError};

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
    let Loaded { config, warnings, shown } =
        config::load(global.config.as_deref(), &*surroundings.env)?;
    for warning in &warnings {
        warn!("{warning}");
    }
    let is_shown = matches!(command, ConfigCommand::Show);
    if !is_shown {
        check_provider(&config, surroundings)?;
    }
    print(&if is_shown {
        config::as_toml(&shown)
    } else {
        "The configuration is valid.\n".to_owned()
    })?;
    Ok(Exit::InStep)
}

/// Checks that accounts can be created, if they are to be. Without the Admin API the files say
/// which provider links them, and every run would be refused without one.
fn check_provider(config: &Config, surroundings: &Surroundings) -> Result<(), WriterError> {
    let WriterKindConfig::MasCli(settings) = &config.writer.kind else { return Ok(()) };
    if config.policy.provision == Provision::None || config.mas_api.is_some() {
        return Ok(());
    }
    let mas_cli = MasCli::new(settings.clone(), &*surroundings.env);
    provider_in_files(config, Some(&mas_cli)).map(drop)
}
