//! Prints errors, once and in one place: what failed, on which server and request, why, and what to
//! do.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use crate::config::ConfigError;
use crate::error_chain::{causes, in_one_line};
use crate::exit::Exit;
use crate::lock::LockError;
use crate::model::{ServerText, UserId, Word as _, printable};
use crate::plan::{DisableMode, PLAN_VERSION, PlanChange};
use crate::readers::ReadError;
use crate::state::{RunId, StateError, StateProblem};
use crate::writers::WriterError;

/// An error that ends a run before anything was changed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A source did not answer as it should.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The writer is not in working order.
    #[error(transparent)]
    Writer(#[from] WriterError),
    /// Accounts would be disabled, and some may be those of administrators.
    #[error("the administrators made in MAS are unknown, so no account is disabled")]
    UnknownAdmins(#[source] WriterError),
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another run is in progress, or its lock cannot be read.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A signal came before anything was changed.
    #[error("stopped by a signal; nothing was changed")]
    Stopped,
    /// The state file is switched off.
    #[error("{0} needs the state file, and state_file is \"off\"")]
    NoState(&'static str),
    /// There is no place for the state file.
    #[error("{what} needs the state file, and there is no place for it")]
    NoPlace {
        /// The command or key.
        what: &'static str,
        /// Why the default place cannot be used, if there is one.
        #[source]
        source: Option<Box<StateError>>,
    },
    #[error("there is no run {0}")]
    NoRun(RunId),
    /// There is no listener to ask.
    #[error("watch.listen is \"off\", so there is nothing to ask")]
    NoListener,
    /// No `watch` answers.
    #[error("no watch answers at {address}")]
    NoWatch {
        address: std::net::SocketAddr,
        #[source]
        source: reqwest::Error,
    },
    /// No one is there to answer questions.
    #[error("config init asks questions, and there is no terminal")]
    NoTerminal,
    /// `config init` overwrites nothing.
    #[error("{} exists already, and config init never overwrites a file", .0.display())]
    ConfigExists(PathBuf),
    /// The administrator has ended the questions.
    #[error("stopped; nothing was written")]
    NothingWritten,
    /// Something else answers than the `watch` of this configuration.
    #[error("what answers at {address} is not the watch of this configuration")]
    NoStatus {
        address: std::net::SocketAddr,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
        hint: &'static str,
    },
    /// The administrator said no.
    #[error("not confirmed; nothing was changed")]
    Declined,
    /// No one answered the question in time.
    #[error("no answer within five minutes; nothing was changed")]
    Unanswered,
    /// Someone has joined or left, for example, after the plan was shown.
    #[error("the plan changed while the question was open ({0}); nothing was changed")]
    PlanChanged(PlanChange),
    /// Synapse does not show the locks of MAS, so members would stay locked out.
    #[error(
        "policy.disable = \"lock\": {unseen}, and without [writer.mas_api] MAS's own state is unknown"
    )]
    UnseenLocks {
        /// Why Synapse does not show them.
        unseen: UnseenLocks,
        /// How mas-cli is run, for a shell.
        mas_cli: String,
    },
    #[error("the plan {}: {problem}", path.display())]
    SavedPlan {
        path: PathBuf,
        #[source]
        problem: SavedPlanProblem,
    },
    /// No server knows this name.
    #[error("no server knows {}", printable(.0))]
    UnknownUser(String),
    /// The name is not valid for an account, and no user has it.
    #[error(
        "{0:?} is neither a localpart nor a Matrix user ID of the form @localpart:server.name, nor a user of Keycloak"
    )]
    NotAUser(String),
    /// Something failed on this machine.
    #[error("cannot {what}")]
    Local {
        /// What was tried.
        what: String,
        #[source]
        source: io::Error,
    },
}

/// Why Synapse does not show the locks of MAS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnseenLocks {
    /// Synapse is too old.
    #[error("Synapse {0} does not show the locks of MAS (1.150 is the first that does)")]
    BySynapse(ServerText),
    /// MAS is too old.
    #[error("the locks of {0} do not reach Synapse (1.14 is the first whose do)")]
    OfMas(ServerText),
}

/// Why a saved plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanProblem {
    #[error("cannot read this file")]
    Unreadable(#[source] io::Error),
    #[error("this is not a plan that `plan --out` or `plan --format json` wrote")]
    NotAPlan(#[source] serde_json::Error),
    #[error("this is a plan of version {0}, and this program reads versions 1 to {newest}", newest = PLAN_VERSION)]
    Version(u32),
    #[error("it was made for the writer {plan:?}, and writer.type is {configured:?}")]
    OtherWriter {
        /// Of the file.
        plan: ServerText,
        /// Of the configuration.
        configured: &'static str,
    },
    #[error("it was made with policy.disable = {:?}, and that is {:?} now", plan.word(), configured.word())]
    OtherDisableMode {
        /// Of the file.
        plan: DisableMode,
        /// Of the configuration.
        configured: DisableMode,
    },
    #[error("it names {user_id}, and server_name is {server_name}")]
    OtherServer {
        /// Of the file.
        user_id: UserId,
        /// Of the configuration.
        server_name: String,
    },
    #[error("it names {0} twice")]
    Twice(UserId),
    /// It was changed after it was made, or made for another server.
    #[error("its digest does not match its actions on this server")]
    DigestDoesNotFit,
}

/// Returns what to do about a configuration file that cannot be read.
fn hint_about_the_file(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::InvalidData => "Save the file as UTF-8.",
        io::ErrorKind::IsADirectory => "Name a file with `--config FILE`: this is a folder.",
        io::ErrorKind::PermissionDenied => {
            "Let this user read the file and enter its folders, or name another file with `--config FILE`."
        }
        _ => "Name another file with `--config FILE`, or write one with `config init`.",
    }
}

impl Failure {
    /// Returns the error of a program that cannot listen to signals.
    #[must_use]
    pub fn no_signals(source: io::Error) -> Self {
        Self::Local { what: "listen to signals".to_owned(), source }
    }

    /// Returns the exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::NoState(_) | Self::NoListener => Exit::Config,
            Self::NoTerminal => Exit::Usage,
            Self::Lock(LockError::Held { .. }) => Exit::Locked,
            Self::Writer(error) if error.is_configuration() => Exit::Config,
            _ => Exit::Error,
        }
    }

    /// Returns message and causes in one line, for a log.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        in_one_line(self)
    }

    /// Does the same with the lines of a configuration file as `FILE:LINE`, not as excerpts.
    #[must_use]
    pub fn without_excerpts(&self) -> String {
        match self {
            Self::Config(error) => error.without_excerpts(),
            _ => self.in_one_line(),
        }
    }

    /// Returns what to do about it, if there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(ConfigError::Problems(_)) => Some(
                "See config.example.toml for every key. With mas-cli and Synapse, the nine variables KC_URL KC_REALM KC_GROUP_NAME KC_CLIENT_ID \
                 KC_ADMIN_USER KC_ADMIN_PASS MATRIX_URL MATRIX_ADMIN_TOKEN MATRIX_SERVER_NAME are enough."
                    .to_owned(),
            ),
            Self::Config(ConfigError::Unreadable { source, .. }) => Some(hint_about_the_file(source).to_owned()),
            Self::Read(error) => Some(error.hint()),
            Self::Writer(error) => Some(error.hint()),
            Self::UnknownAdmins(error) => {
                Some(format!("{} Or configure [writer.mas_api], which lists administrators too.", error.hint()))
            }
            Self::State(error) => Some(error.hint()),
            Self::Lock(LockError::Held { .. }) => Some("Wait until that run ends, or check its process.".to_owned()),
            Self::Lock(LockError::Io { .. }) => {
                Some("Make the folder of `state_file` writable, or else RUNTIME_DIRECTORY.".to_owned())
            }
            Self::NoState(_) => Some("Remove `state_file`, or set it to a path. Later runs are then recorded.".to_owned()),
            Self::NoPlace { source: Some(error), .. } if matches!(error.problem, StateProblem::Full) => {
                Some(error.hint())
            }
            Self::NoPlace { .. } => Some("Set `state_file` to a path that this user can write.".to_owned()),
            Self::NoRun(_) => Some("Run `history` to list the runs.".to_owned()),
            Self::Unanswered => Some("Run again.".to_owned()),
            Self::PlanChanged(_) => Some("Run again, and check the new plan.".to_owned()),
            Self::NoListener => Some("Set `watch.listen` to an address, such as 127.0.0.1:9464.".to_owned()),
            Self::NoWatch { .. } => {
                Some("Check that `watch` runs, with the same configuration.".to_owned())
            }
            Self::NoStatus { hint, .. } => Some((*hint).to_owned()),
            Self::UnseenLocks { unseen, mas_cli } => {
                let server = match unseen {
                    UnseenLocks::BySynapse(_) => "Synapse to 1.150",
                    UnseenLocks::OfMas(_) => "MAS to 1.14",
                };
                Some(format!(
                    "Update {server} or later and run `{mas_cli} manage provision-all-users` once; or configure \
                     [writer.mas_api]; or set `policy.disable` to \"deactivate\"."
                ))
            }
            Self::SavedPlan { .. } => Some("Make a new plan with `plan --out FILE`, and check it.".to_owned()),
            Self::UnknownUser(_) | Self::NotAUser(_) => Some(
                "Give a localpart, a Matrix user ID, or a Keycloak username, ID or e-mail address; case does not matter."
                    .to_owned(),
            ),
            Self::NoTerminal => {
                Some("Copy config.example.toml, and set the keys that have no default.".to_owned())
            }
            Self::ConfigExists(_) => {
                Some("Edit that file, or set another place with `--out FILE`.".to_owned())
            }
            Self::Local { source, .. } => hint_about_this_host(source).map(ToOwned::to_owned),
            Self::Config(_)
            | Self::Stopped
            | Self::Declined
            | Self::NothingWritten => None,
        }
    }

    /// Returns the error as it is printed: message, causes, hint.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = format!("error: {self}\n");
        for cause in causes(self) {
            let _ = writeln!(text, "  because: {cause}");
        }
        if let Some(hint) = self.hint() {
            let _ = writeln!(text, "hint: {hint}");
        }
        text
    }
}

fn hint_about_this_host(error: &io::Error) -> Option<&'static str> {
    (error.kind() == io::ErrorKind::AddrInUse).then_some(
        "Another `watch` may be running: `status` shows it. Or set `watch.listen` to a free port.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hint_about_a_configuration_file_fits_the_reason() {
        let hint = |kind: io::ErrorKind| {
            let source = io::Error::from(kind);
            let error = ConfigError::Unreadable { path: "config.toml".into(), source };
            Failure::Config(error).hint().unwrap_or_default()
        };
        for (kind, begin) in [
            (io::ErrorKind::NotFound, "Name another file with `--config FILE`, or write one"),
            (io::ErrorKind::PermissionDenied, "Let this user read the file"),
            (io::ErrorKind::IsADirectory, "Name a file with `--config FILE`"),
            (io::ErrorKind::InvalidData, "Save the file as UTF-8."),
        ] {
            assert!(hint(kind).starts_with(begin), "{kind}: {}", hint(kind));
        }
    }
}
