//! Writers: what can change an account. One is selected by the configuration; a dry run has none.

mod error;
mod mas_cli;

use enum_dispatch::enum_dispatch;

use crate::config::{WriterConfig, WriterKindConfig};
use crate::model::Localpart;
use crate::plan::DisableMode;

pub use error::WriterError;
pub use mas_cli::MasCli;

/// What every writer does. Both calls of a kind leave the same state behind, whichever writer made them, and are
/// harmless when repeated.
#[enum_dispatch]
#[expect(async_fn_in_trait, reason = "the futures are driven by the one task that applies a plan and need not be Send")]
pub trait Write {
    /// Whether the writer is in working order; asked before the first change.
    async fn check(&self) -> Result<(), WriterError>;

    /// Unlock and reactivate.
    async fn activate(&self, localpart: &Localpart) -> Result<(), WriterError>;

    /// Lock, deactivate unless the mode is `lock`, and end the sessions; never erase.
    async fn disable(&self, localpart: &Localpart, mode: DisableMode) -> Result<(), WriterError>;

    /// How many accounts to work on at the same time.
    fn concurrency(&self) -> usize;
}

/// The selected writer.
#[enum_dispatch(Write)]
#[derive(Debug)]
pub enum Writer {
    /// `mas-cli` as a subprocess.
    MasCli,
}

impl Writer {
    /// The writer of the configuration, once its own settings are known to be good. `env` gives the variables that a
    /// subprocess may see.
    pub fn new(config: &WriterConfig, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, WriterError> {
        match &config.kind {
            WriterKindConfig::MasCli(config) => Ok(MasCli::new(config.clone(), env)?.into()),
        }
    }
}
