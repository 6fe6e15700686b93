//! Changes accounts: the configuration selects one writer, and a dry run has none.

mod admin_sessions;
mod error;
mod mas_api;
mod mas_cli;
mod mas_config;
mod new_account;

use enum_dispatch::enum_dispatch;

use crate::config::{WriterConfig, WriterKindConfig};
use crate::environment::Environment;
use crate::mas_api::MasApi;
use crate::model::{MasAdmin, ServerName};
use crate::plan::{DisableMode, LockSessions, Pass};

pub use error::WriterError;
pub use mas_api::MasApiWriter;
pub use mas_cli::{DatabaseCheck, MasCli};
pub use mas_config::MasConfig;

/// How an account is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shut {
    pub mode: DisableMode,
    /// What a lock does with open sessions. A deactivation ends them.
    pub sessions: LockSessions,
}

impl Shut {
    /// Deactivates, also if `policy.disable` only locks.
    pub const DEACTIVATE: Self =
        Self { mode: DisableMode::Deactivate, sessions: LockSessions::End };

    fn ends_sessions(self) -> bool {
        self.mode == DisableMode::Deactivate || self.sessions == LockSessions::End
    }
}

/// The interface of all writers. They leave the same state behind, and each call is harmless when
/// repeated.
#[enum_dispatch]
#[expect(
    async_fn_in_trait,
    reason = "the futures are driven by the one task that applies a plan and need not be Send"
)]
pub trait Write {
    /// Checks that the writer works, before the first change.
    async fn check(&self) -> Result<(), WriterError>;

    /// Unlocks and reactivates.
    async fn activate(&self, action: Pass<'_>) -> Result<(), WriterError>;

    /// Creates an account with display name, e-mail address and link, or finishes one that an
    /// earlier run has begun.
    async fn create(&self, action: Pass<'_>) -> Result<(), WriterError>;

    /// Makes the owner an administrator in MAS, or no longer; then the sessions end that use the
    /// right.
    async fn set_admin(&self, action: Pass<'_>, admin: MasAdmin) -> Result<(), WriterError>;

    /// Locks, deactivates unless the mode is `lock`, and ends the sessions, which a lock may leave;
    /// it never erases.
    async fn disable(&self, action: Pass<'_>, shut: Shut) -> Result<(), WriterError>;

    /// Returns how many accounts to work on at the same time.
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
    /// Creates the configured writer and checks its own settings. `mas` is the Admin API, if it is
    /// configured; `env` has the variables that a subprocess may see.
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
                let mas =
                    mas.expect("a configuration with writer.type = \"mas-api\" has the Admin API");
                Ok(MasApiWriter::new(mas).into())
            }
        }
    }
}
