//! Defines why a writer failed.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::http::HttpError;
use crate::model::{Localpart, MasUserId, ServerName, ServerText};
use crate::plan::{FailureKind, Left};

/// Why a writer failed.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// MAS's configuration file cannot be used. mas-cli itself would ignore it and use a default
    /// database.
    #[error("writer.mas_cli.config (MAS_CONFIG) = {path:?}: {problem}")]
    MasConfig { path: PathBuf, problem: MasConfigProblem },
    /// mas-cli ended with success, and its output has no complete list of administrators.
    #[error(
        "`{command}` ended with success, but listed no administrators, nor that there are none"
    )]
    NoAdminList {
        /// The program and its arguments.
        command: String,
    },
    /// A request to the Admin API failed.
    #[error(transparent)]
    Api(#[from] HttpError),
    /// The Admin API of this MAS is too old.
    #[error(
        "MAS at {url} is older than 1.4: its Admin API cannot end sessions, and before 0.20 it erases accounts that it deactivates"
    )]
    MasTooOld {
        /// `writer.mas_api.url`.
        url: Url,
    },
    /// The user was deleted after the plan was made.
    #[error("MAS no longer knows the user {id}: deleted since the plan was made")]
    UserGone { id: MasUserId },
    /// The account's user in MAS is unknown.
    #[error("MAS does not know this account")]
    NotInMas,
    /// mas-cli found no user of this name.
    #[error("`{command}` failed: User not found")]
    UserNotFound {
        /// The program and its arguments.
        command: String,
    },
    /// The name must not be passed to a command.
    #[error(
        "{localpart} has characters that are no longer allowed in a Matrix user ID, and is not passed to a command"
    )]
    UnsafeName { localpart: Localpart },
    /// The name belongs to an account that was not there at the second look.
    #[error(
        "ambiguous: {localpart} has an account meanwhile, and nothing shows that it is this user's"
    )]
    NameTaken { localpart: Localpart },
    /// mas-cli did not register the name.
    #[error("{localpart} was not registered: {message}")]
    NotRegistered {
        localpart: Localpart,
        /// The text of its error.
        message: ServerText,
    },
    /// Another account is linked to the user.
    #[error("created, but MAS already links {username} to another account")]
    LinkedElsewhere { username: ServerText },
    /// The account was created, but it is not complete.
    #[error("created, but not linked to its user yet")]
    HalfMade {
        #[source]
        source: Box<WriterError>,
    },
    /// No upstream provider is known, which new accounts are linked by.
    #[error(
        "accounts.provision = \"members\" needs the upstream provider of MAS that is the realm"
    )]
    NoProvider,
    /// The account to finish could not be read, so nothing was changed.
    #[error("the account could not be read before it was finished")]
    Unread {
        #[source]
        source: Box<HttpError>,
    },
    /// The right is gone, and sessions that use it may still be open.
    #[error("no administrator any more, but sessions with administrator rights may still be open")]
    AdminSessionsLeft {
        #[source]
        source: Box<WriterError>,
    },
    /// The account was unlocked, but not reactivated.
    #[error("unlocked, but not reactivated")]
    NotReactivated {
        #[source]
        source: Box<WriterError>,
    },
    /// The account was locked, but not deactivated.
    #[error("locked, but not deactivated")]
    NotDeactivated {
        #[source]
        source: Box<WriterError>,
    },
    #[error("cannot run `{command}`")]
    CannotRun {
        /// The program and its arguments.
        command: String,
        #[source]
        source: io::Error,
    },
    /// The account was locked, but its sessions could not be ended.
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
    #[error("`{command}` failed ({exit}): {message}")]
    Failed {
        /// The program and its arguments.
        command: String,
        exit: std::process::ExitStatus,
        /// The text of its error, without the backtrace.
        message: ServerText,
    },
}

/// What can be wrong with MAS's configuration file.
#[derive(Debug, thiserror::Error)]
pub enum MasConfigProblem {
    /// It is missing or not readable.
    #[error("cannot read this file: {0}")]
    Unreadable(io::Error),
    /// It is not YAML. The parser's own text would quote the file, which contains secrets.
    #[error("this is not YAML (line {line}, column {column})")]
    NotYaml {
        /// Counted from 1.
        line: u64,
        /// Counted from 1.
        column: u64,
    },
    #[error("this has no section `database`: mas-cli would use a default database")]
    NoDatabase,
    #[error(
        "this has no `matrix.homeserver`, so it may be the configuration of another homeserver"
    )]
    NoHomeserver,
    /// It belongs to another homeserver.
    #[error(
        "`matrix.homeserver` is {actual}, and server_name is {configured}: accounts of another homeserver would be changed"
    )]
    OtherHomeserver {
        /// The homeserver in MAS's configuration.
        actual: ServerName,
        configured: ServerName,
    },
    /// It is YAML, but not a table of settings.
    #[error("this is not MAS's configuration: it has no settings by name")]
    NoSettings,
}

impl MasConfigProblem {
    /// Returns whether the file may exist on the host of mas-cli, and only cannot be reached from
    /// here.
    pub(super) fn is_out_of_reach(&self) -> bool {
        use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
        matches!(self, Self::Unreadable(error) if matches!(error.kind(), NotFound | PermissionDenied | NotADirectory))
    }
}

impl WriterError {
    /// Returns what to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::MasConfig { .. } => {
                "Set `writer.mas_cli.config` (MAS_CONFIG) to the configuration file that MAS runs with, and let \
                                       this program read it."
                    .to_owned()
            }
            Self::NoAdminList { .. } => {
                "Run the same command by hand. The list is in log lines of the level INFO: if they are missing, set RUST_LOG=info \
                 in the environment of mas-cli, for example with \"-e\", \"RUST_LOG=info\" after \"exec\" in `writer.mas_cli.command`."
                    .to_owned()
            }
            Self::CannotRun { .. } => {
                "Install mas-cli on this host, or set `writer.mas_cli.command` to the command that runs it, for example \
                 [\"docker\", \"exec\", \"-i\", \"mas\", \"mas-cli\"]."
                    .to_owned()
            }
            Self::Api(error) => error.hint(),
            Self::Unread { source } => source.hint(),
            Self::MasTooOld { .. } => "Update MAS, or set `writer.type` to \"mas-cli\", with the mas-cli of that MAS.".to_owned(),
            Self::UserGone { .. } => {
                "Nothing is left to do for this user. The next run checks who has the name now.".to_owned()
            }
            Self::UserNotFound { .. } => {
                "MAS has no user of this name. The account is kept as not_in_mas for a day; add it to `policy.protect` to keep it.".to_owned()
            }
            Self::UnsafeName { .. } => {
                "Set `writer.type` to \"mas-api\", which runs no command, or add the account to `policy.protect`.".to_owned()
            }
            Self::NotReactivated { .. } => "The next run tries again.".to_owned(),
            Self::AdminSessionsLeft { .. } => {
                "The next run tries again; or end them by hand: `mas-cli manage kill-sessions NAME` on the host of MAS.".to_owned()
            }
            Self::NameTaken { .. }
            | Self::NotRegistered { .. }
            | Self::LinkedElsewhere { .. }
            | Self::HalfMade { .. }
            | Self::NoProvider => self.hint_about_new_accounts().to_owned(),
            Self::NotInMas => "Run again: the account may just have been created.".to_owned(),
            Self::NotDeactivated { .. } => {
                "The user cannot log in, but the next run does not touch a lock. Deactivate the account by hand, or unlock it \
                 and run again."
                    .to_owned()
            }
            Self::SessionsLeft { .. } => {
                "If the account is only locked, the next run with a state file ends them. Otherwise do it by hand: `mas-cli \
                 manage kill-sessions NAME` on the host of MAS, or POST /api/admin/v1/{compat,oauth2,user}-sessions/ID/finish."
                    .to_owned()
            }
            Self::TooSlow { .. } => {
                "Check MAS's database. The call may have been carried out; the next run will find out. \
                 Raise `writer.mas_cli.timeout` to allow more time."
                    .to_owned()
            }
            Self::Failed { .. } => {
                "Run the same command by hand on the MAS host. `mas-cli doctor` checks the rest.".to_owned()
            }
        }
    }

    fn hint_about_new_accounts(&self) -> &'static str {
        match self {
            Self::NameTaken { .. } => {
                "If the account is the user's, link it to them in MAS (upstream-oauth-links); if not, rename one of them."
            }
            Self::NotRegistered { .. } => "Check the name: MAS refuses it, or has it already.",
            Self::LinkedElsewhere { .. } => {
                "Decide which of the two accounts is the user's, and move the link in MAS (upstream-oauth-links). Nobody can log in to the \
                 other one."
            }
            Self::HalfMade { .. } => {
                "The next run goes on with it; until then the first login of the user stops at a conflict."
            }
            Self::NoProvider => {
                "Set `accounts.provider` to the ID of the provider in MAS's configuration (`upstream_oauth2.providers`), or configure \
                 [writer.mas_api]."
            }
            _ => "",
        }
    }

    /// Returns what failed: the writer, or one account.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::UserNotFound { .. } => FailureKind::UserNotFound,
            Self::UserGone { .. }
            | Self::NotInMas
            | Self::UnsafeName { .. }
            | Self::NameTaken { .. }
            | Self::NotRegistered { .. }
            | Self::LinkedElsewhere { .. } => FailureKind::Account,
            Self::HalfMade { source }
            | Self::AdminSessionsLeft { source }
            | Self::NotReactivated { source }
            | Self::NotDeactivated { source }
            | Self::SessionsLeft { source } => source.kind(),
            Self::Api(error) if error.is_about_the_request() => FailureKind::Account,
            Self::Unread { source } if source.is_about_the_request() => FailureKind::Account,
            Self::Api(_)
            | Self::Unread { .. }
            | Self::MasConfig { .. }
            | Self::NoProvider
            | Self::NoAdminList { .. }
            | Self::MasTooOld { .. }
            | Self::CannotRun { .. }
            | Self::TooSlow { .. }
            | Self::Failed { .. } => FailureKind::Writer,
        }
    }

    /// Returns whether the writer said nothing, or stayed busy for as long as a request is repeated.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        match self {
            Self::HalfMade { source }
            | Self::AdminSessionsLeft { source }
            | Self::NotReactivated { source }
            | Self::NotDeactivated { source }
            | Self::SessionsLeft { source } => source.is_silence(),
            Self::Api(error) => error.is_silence() || error.is_waited_out(),
            Self::Unread { source } => source.is_silence() || source.is_waited_out(),
            Self::TooSlow { .. } => true,
            _ => false,
        }
    }

    /// Returns what the action has left behind.
    #[must_use]
    pub fn left(&self) -> Left {
        let is_in_doubt = match self {
            Self::HalfMade { .. }
            | Self::AdminSessionsLeft { .. }
            | Self::LinkedElsewhere { .. }
            | Self::NotReactivated { .. }
            | Self::NotDeactivated { .. }
            | Self::SessionsLeft { .. }
            | Self::TooSlow { .. } => true,
            Self::Api(error) => error.may_be_carried_out(),
            // mas-cli ends with 1 if it refuses, and with 2 if it is called wrongly (trap 20); a shell,
            // docker or podman ends with the others if it cannot start it. A signal or a panic may
            // have come after the change. So may a connection that a remote podman loses, also with
            // 125, but then a lock counts as by hand: the other mistake cannot be taken back.
            Self::Failed { exit, .. } => !matches!(exit.code(), Some(1 | 2 | 125..=127)),
            Self::UserNotFound { .. }
            | Self::UnsafeName { .. }
            | Self::UserGone { .. }
            | Self::NotInMas
            | Self::NameTaken { .. }
            | Self::NotRegistered { .. }
            | Self::NoProvider
            | Self::MasConfig { .. }
            | Self::NoAdminList { .. }
            | Self::MasTooOld { .. }
            | Self::Unread { .. }
            | Self::CannotRun { .. } => false,
        };
        if is_in_doubt { Left::InDoubt } else { Left::Untouched }
    }

    /// Returns whether the configuration is wrong.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(self, Self::MasConfig { .. } | Self::NoProvider)
    }
}
