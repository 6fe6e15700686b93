//! Writers: what can change an account. One is selected by the configuration; a dry run has none.

mod error;
mod mas_api;
mod mas_cli;
mod mas_config;

use enum_dispatch::enum_dispatch;

use crate::config::{WriterConfig, WriterKindConfig};
use crate::environment::Environment;
use crate::mas_api::MasApi;
use crate::model::ServerName;
use crate::plan::{DisableMode, Pass};

pub use error::WriterError;
pub use mas_api::MasApiWriter;
pub use mas_cli::{DatabaseLook, MasCli};
pub use mas_config::MasConfig;

/// What every writer does. Both calls of a kind leave the same state behind, whichever writer made them, and are
/// harmless when repeated.
#[enum_dispatch]
#[expect(async_fn_in_trait, reason = "the futures are driven by the one task that applies a plan and need not be Send")]
pub trait Write {
    /// Whether the writer is in working order; asked before the first change.
    async fn check(&self) -> Result<(), WriterError>;

    /// Unlock and reactivate.
    async fn activate(&self, action: Pass<'_>) -> Result<(), WriterError>;

    /// Lock, deactivate unless the mode is `lock`, and end the sessions; never erase.
    async fn disable(&self, action: Pass<'_>, mode: DisableMode) -> Result<(), WriterError>;

    /// How many accounts to work on at the same time.
    fn concurrency(&self) -> usize;
}

/// The selected writer.
#[enum_dispatch(Write)]
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has one writer")]
pub enum Writer {
    /// `mas-cli` as a subprocess.
    MasCli,
    /// MAS's Admin API.
    MasApiWriter,
}

impl Writer {
    /// The writer of the configuration, once its own settings are known to be good. `mas` is the Admin API, where the
    /// configuration has it; `env` gives the variables that a subprocess may see.
    pub fn new(
        config: &WriterConfig,
        server_name: &ServerName,
        mas: Option<&MasApi>,
        env: &Environment,
    ) -> Result<Self, WriterError> {
        match &config.kind {
            WriterKindConfig::MasCli(config) => {
                let mas_cli = MasCli::new(config.clone(), env);
                mas_cli.read_config(server_name)?;
                Ok(mas_cli.into())
            }
            WriterKindConfig::MasApi => {
                let mas = mas.expect("a configuration with writer.type = \"mas-api\" has the Admin API");
                Ok(MasApiWriter::new(mas).into())
            }
        }
    }
}
