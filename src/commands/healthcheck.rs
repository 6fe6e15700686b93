//! Asks a running `watch` whether it is alive (`healthcheck`).

use crate::cli::Global;
use crate::config::{self, Config};
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::print;
use crate::signals::{ListenerAnswer, ask_listener, reachable};

/// Asks `/healthz` at `watch.listen`, and prints the answer.
pub async fn healthcheck(global: &Global, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let config = config::load(global.config.as_deref(), &*surroundings.env)?.config;
    let answer = ask(&config, "healthz").await?;
    print(&answer.text)?;
    Ok(if answer.is_success { Exit::InStep } else { Exit::Error })
}

/// Asks for this path at the listener of a configuration.
pub(super) async fn ask(config: &Config, path: &str) -> Result<ListenerAnswer, Failure> {
    let listen = config.watch.listen.ok_or(Failure::NoListener)?;
    let address = reachable(listen);
    ask_listener(listen, path).await.map_err(|source| Failure::NoWatch { address, source })
}
