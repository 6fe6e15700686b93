//! Why a writer could not do what it was asked to.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::http::HttpError;
use crate::model::{Localpart, MasUserId, ServerName, ServerText};
use crate::plan::{FailureKind, Left};

/// Why a writer could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// MAS's configuration file cannot be used. mas-cli itself would ignore it and go to a default database.
    #[error("writer.mas_cli.config (MAS_CONFIG) = {path:?}: {problem}")]
    MasConfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: MasConfigProblem,
    },
    /// MAS did not do what the Admin API was asked for.
    #[error(transparent)]
    Api(#[from] HttpError),
    /// The Admin API of a MAS that cannot do all that is needed.
    #[error(
        "MAS at {url} is older than 1.4: its Admin API cannot end sessions, and before 0.20 it erases whom it deactivates"
    )]
    MasTooOld {
        /// `writer.mas_api.url`.
        url: Url,
    },
    /// The user was there when the plan was made.
    #[error("MAS does not know the user {id} any more: deleted since the plan was made")]
    UserGone {
        /// The user.
        id: MasUserId,
    },
    /// Nobody knows which user of MAS is meant.
    #[error("MAS does not know this account")]
    NotInMas,
    /// mas-cli found no user of this name.
    #[error("`{command}` failed: User not found")]
    UserNotFound {
        /// The program and its arguments.
        command: String,
    },
    /// A name that is not passed to a command.
    #[error("{localpart} has characters that no Matrix user ID has now, and is not passed to a command")]
    UnsafeName {
        /// The name.
        localpart: Localpart,
    },
    /// The lock is gone, the rest is not.
    #[error("unlocked, but not reactivated")]
    NotReactivated {
        /// Why not.
        #[source]
        source: Box<WriterError>,
    },
    /// The lock is there, the rest is not.
    #[error("locked, but not deactivated")]
    NotDeactivated {
        /// Why not.
        #[source]
        source: Box<WriterError>,
    },
    /// The program cannot be started.
    #[error("cannot run `{command}`")]
    CannotRun {
        /// The program and its arguments.
        command: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The first half is done, the second is not.
    #[error("locked, but the sessions may still be open")]
    SessionsLeft {
        /// Why the sessions could not be ended.
        #[source]
        source: Box<WriterError>,
    },
    /// The program did not end in time, and was killed.
    #[error("`{command}` did not end within {}", humantime::format_duration(*limit))]
    TooSlow {
        /// The program and its arguments.
        command: String,
        /// `writer.mas_cli.timeout`.
        limit: Duration,
    },
    /// The program ended with an error.
    #[error("`{command}` failed ({exit}): {message}")]
    Failed {
        /// The program and its arguments.
        command: String,
        /// How it ended.
        exit: std::process::ExitStatus,
        /// The text of its error, without the backtrace.
        message: ServerText,
    },
}

/// What can be wrong with MAS's configuration file.
#[derive(Debug, thiserror::Error)]
pub enum MasConfigProblem {
    /// Not there, or not readable.
    #[error("cannot read this file: {0}")]
    Unreadable(io::Error),
    /// Not YAML. The parser's own text would quote the file, which has secrets in it.
    #[error("this is not YAML (line {line}, column {column})")]
    NotYaml {
        /// Counted from 1.
        line: u64,
        /// Counted from 1.
        column: u64,
    },
    /// No database in it.
    #[error("this has no section `database`: mas-cli would go to a default database")]
    NoDatabase,
    /// No homeserver in it.
    #[error("this has no `matrix.homeserver`, so nothing shows that it is the configuration of this homeserver")]
    NoHomeserver,
    /// That of another homeserver.
    #[error(
        "`matrix.homeserver` is {actual}, and server_name is {configured}: accounts of another homeserver would be changed"
    )]
    OtherHomeserver {
        /// The homeserver in MAS's configuration.
        actual: ServerName,
        /// `server_name`.
        configured: ServerName,
    },
    /// YAML, but not a table of settings.
    #[error("this is not MAS's configuration: it has no settings by name")]
    NoSettings,
}

impl WriterError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::MasConfig { .. } => {
                "set writer.mas_cli.config (MAS_CONFIG) to the configuration file that MAS runs with, and let \
                                       this program read it"
                    .to_owned()
            }
            Self::CannotRun { .. } => {
                "install mas-cli on this host, or set writer.mas_cli.command to what runs it, for example \
                 [\"docker\", \"exec\", \"-i\", \"mas\", \"mas-cli\"]"
                    .to_owned()
            }
            Self::Api(error) => error.hint(),
            Self::MasTooOld { .. } => "update MAS, or use writer.type = \"mas-cli\" with the mas-cli of that MAS".to_owned(),
            Self::UserGone { .. } => {
                "nothing is left to do for this user; the next run sees who has the name now".to_owned()
            }
            Self::UserNotFound { .. } => {
                "MAS has no user of this name: for a day it counts as not_in_mas; policy.protect keeps it for good".to_owned()
            }
            Self::UnsafeName { .. } => {
                "use writer.type = \"mas-api\", which runs no command, or name the account in policy.protect".to_owned()
            }
            Self::NotReactivated { .. } => "the next run tries again".to_owned(),
            Self::NotInMas => "run again; the account may just have been made".to_owned(),
            Self::NotDeactivated { .. } => {
                "they cannot get in, but the next run leaves a lock as it is: deactivate them by hand, or unlock them and \
                 run again"
                    .to_owned()
            }
            Self::SessionsLeft { .. } => {
                "end the sessions by hand, because the next run finds the account disabled: `mas-cli manage kill-sessions \
                 NAME` on the host of MAS, or POST /api/admin/v1/{compat,oauth2,user}-sessions/ID/finish"
                    .to_owned()
            }
            Self::TooSlow { .. } => {
                "look at MAS's database; the call may have been carried out, which the next run will see. \
                 writer.mas_cli.timeout allows more time"
                    .to_owned()
            }
            Self::Failed { .. } => {
                "run the same command by hand on the MAS host; `mas-cli doctor` looks at the rest".to_owned()
            }
        }
    }

    /// Returns whose failure it is.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::UserNotFound { .. } => FailureKind::UserNotFound,
            Self::UserGone { .. } | Self::NotInMas | Self::UnsafeName { .. } => FailureKind::Account,
            Self::NotReactivated { source } | Self::NotDeactivated { source } | Self::SessionsLeft { source } => {
                source.kind()
            }
            Self::Api(error) if error.is_about_the_request() => FailureKind::Account,
            Self::Api(_)
            | Self::MasConfig { .. }
            | Self::MasTooOld { .. }
            | Self::CannotRun { .. }
            | Self::TooSlow { .. }
            | Self::Failed { .. } => FailureKind::Writer,
        }
    }

    /// Returns what the action has left.
    #[must_use]
    pub fn left(&self) -> Left {
        let is_in_doubt = match self {
            Self::NotReactivated { .. }
            | Self::NotDeactivated { .. }
            | Self::SessionsLeft { .. }
            | Self::TooSlow { .. } => true,
            Self::Api(error) => error.may_be_carried_out(),
            // mas-cli ends with 1 if it refuses; a signal or a panic may have come after the change.
            Self::Failed { exit, .. } => exit.code() != Some(1),
            Self::UserNotFound { .. }
            | Self::UnsafeName { .. }
            | Self::UserGone { .. }
            | Self::NotInMas
            | Self::MasConfig { .. }
            | Self::MasTooOld { .. }
            | Self::CannotRun { .. } => false,
        };
        if is_in_doubt { Left::InDoubt } else { Left::Untouched }
    }

    /// Whether the configuration is at fault, not the world.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(self, Self::MasConfig { .. })
    }
}
