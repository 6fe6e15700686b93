//! Changes accounts by running `mas-cli`, on the host of MAS (recordings: `mas-cli.json`).

use std::ffi::OsString;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use tokio::process::Command;
use tracing::warn;

use super::{MasConfig, Shut, Write, WriterError};
use crate::config::{FilesToCheck, MasCliConfig};
use crate::environment;
use crate::environment::Environment;
use crate::http::LoggedRequest;
use crate::metrics::metrics;
use crate::model::{Localpart, MasAdmin, ServerName, ServerText, printable};
use crate::plan::{DisableMode, NewAccount, Pass};
use crate::shell::without_value;
use crate::subprocess;
use crate::subprocess::{Ended, NotEnded};

/// The most that is reported of an error of mas-cli.
const MESSAGE_LIMIT: usize = 2000;
/// The error about a name that MAS does not have (recordings: `mas-cli.json`), which has no exit
/// code of its own.
const USER_NOT_FOUND: &str = "User not found";
/// The error of a mas-cli before MAS 1.3, by clap and with exit code 2. A wrapper may use this code
/// for anything.
const NO_SUCH_COMMAND: &str = "unrecognized subcommand 'list-admin-users'";
/// The most that is shown of a version; a wrapper may print anything.
const VERSION_LIMIT: usize = 100;

/// Whether MAS's database answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseCheck {
    Answers,
    /// mas-cli has no command that only reads: `list-admin-users` came with MAS 1.3.
    Unknown,
}

/// Runs `mas-cli manage …`.
#[derive(Debug)]
pub struct MasCli {
    config: MasCliConfig,
    environment: Vec<(&'static str, String)>,
    /// Whether the configuration was read. Then it can be reached from here, and has to stay so.
    was_read: AtomicBool,
}

/// What mas-cli printed.
#[derive(Debug)]
struct Said {
    /// From stdout.
    data: String,
    /// From stderr, with its logs.
    log: String,
}

impl MasCli {
    /// Creates the writer, without running anything yet.
    pub fn new(config: MasCliConfig, env: &Environment) -> Self {
        Self {
            config,
            environment: environment::for_subprocess(env),
            was_read: AtomicBool::new(false),
        }
    }

    /// Reads MAS's configuration and checks that it is for this homeserver. Returns `None` if it
    /// cannot be read from here: no file is named, or the files are behind a wrapper.
    pub fn read_config(&self, server_name: &ServerName) -> Result<Option<MasConfig>, WriterError> {
        let files = &self.config.config_to_check;
        if files.paths().is_empty() {
            return Ok(None);
        }
        let may_be_elsewhere =
            matches!(files, FilesToCheck::BehindWrapper(_)) && !self.was_read.load(Relaxed);
        match MasConfig::read(files.paths(), server_name) {
            Err(WriterError::MasConfig { problem, .. })
                if may_be_elsewhere && problem.is_out_of_reach() =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
            Ok(config) => {
                self.was_read.store(true, Relaxed);
                Ok(Some(config))
            }
        }
    }

    /// Returns the version that mas-cli prints.
    pub async fn version(&self) -> Result<ServerText, WriterError> {
        let said = self.run(&["--version"]).await?;
        Ok(ServerText::beginning(said.data.trim(), VERSION_LIMIT))
    }

    /// Returns the administrators of MAS, or `None` if this mas-cli has no command that lists them
    /// (before MAS 1.3).
    ///
    /// Source: `mas-cli manage list-admin-users`, one log line on stderr for each (recording:
    /// `mas-cli-lifecycle.json`).
    pub async fn admins(&self) -> Result<Option<Vec<Localpart>>, WriterError> {
        const WORDS: [&str; 2] = ["manage", "list-admin-users"];
        match self.run(&WORDS).await {
            Ok(said) => {
                let command = self.command_line(&self.arguments(&WORDS));
                admins_in(&said.log).map(Some).ok_or(WriterError::NoAdminList { command })
            }
            Err(WriterError::Failed { exit, message, .. })
                if exit.code() == Some(2) && message.raw().contains(NO_SUCH_COMMAND) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Checks that MAS's database answers, without changing it.
    pub async fn check_database(&self) -> Result<DatabaseCheck, WriterError> {
        match self.admins().await? {
            Some(_) => Ok(DatabaseCheck::Answers),
            None => Ok(DatabaseCheck::Unknown),
        }
    }

    /// Runs `mas-cli --config FILE manage SUBCOMMAND… -- NAME`, because a name may begin with a
    /// dash. A wrapper such as ssh may join the words for a shell, so names with shell characters
    /// are refused.
    async fn manage(&self, subcommand: &[&str], localpart: &Localpart) -> Result<(), WriterError> {
        if !localpart.is_plain() {
            return Err(WriterError::UnsafeName { localpart: localpart.clone() });
        }
        let words = [&["manage"], subcommand, &["--", localpart.as_str()]].concat();
        self.run(&words).await.map(drop)
    }

    /// Returns whether a text may be an argument. An option would be mistaken, and a wrapper such as
    /// ssh joins the words for a shell.
    fn can_be_passed(&self, text: &str) -> bool {
        let is_plain = |c: char| c.is_alphanumeric() || "._-@+:".contains(c);
        let is_wrapped = !self.config.is_mas_cli_itself();
        !text.is_empty()
            && !text.starts_with('-')
            && !text.contains(char::is_control)
            && (!is_wrapped || text.chars().all(is_plain))
    }

    /// Returns what mas-cli prints. Each call is counted by its exit code, and logged as a request.
    async fn run(&self, words: &[&str]) -> Result<Said, WriterError> {
        let command = self.command_line(&self.arguments(words));
        let request = LoggedRequest::new("mas-cli", command);
        let ended = self.call(words).await;
        let outcome = match &ended {
            Ok(_) => "0".to_owned(),
            Err(WriterError::UserNotFound { .. }) => "1".to_owned(),
            Err(WriterError::Failed { exit, .. }) => {
                exit.code().map_or("signal".to_owned(), |code| code.to_string())
            }
            Err(WriterError::TooSlow { .. }) => "timeout".to_owned(),
            Err(_) => "not_run".to_owned(),
        };
        metrics().mas_cli(&outcome);
        request.ended(&outcome);
        ended
    }

    fn arguments(&self, words: &[&str]) -> Vec<OsString> {
        let MasCliConfig { arguments, config, .. } = &self.config;
        let mut all: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        all.extend(config.iter().flat_map(|path| ["--config".into(), path.into()]));
        all.extend(words.iter().map(OsString::from));
        all
    }

    /// Returns the program and its arguments, as they are reported.
    fn command_line(&self, arguments: &[OsString]) -> String {
        let shown = |word: &OsString| without_value(&word.to_string_lossy()).into_owned();
        let words: Vec<_> = arguments.iter().map(shown).collect();
        printable(&format!("{} {}", self.config.program, words.join(" "))).into_owned()
    }

    async fn call(&self, words: &[&str]) -> Result<Said, WriterError> {
        let limit = &self.config.timeout;
        let arguments = self.arguments(words);
        let command = self.command_line(&arguments);

        let mut run = Command::new(&self.config.program);
        run.args(arguments).env_clear();
        run.envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())));
        match subprocess::run(run, &[], *limit).await {
            Err(NotEnded::TooSlow) => Err(WriterError::TooSlow { command, limit: *limit }),
            Err(NotEnded::CannotRun(source)) => Err(WriterError::CannotRun { command, source }),
            Ok(Ended { status, stderr, .. }) if !status.success() => {
                let message = error_of(&stderr);
                if status.code() == Some(1) && message.raw() == USER_NOT_FOUND {
                    return Err(WriterError::UserNotFound { command });
                }
                Err(WriterError::Failed { command, exit: status, message })
            }
            Ok(Ended { stdout, stderr, .. }) => Ok(Said { data: stdout, log: stderr }),
        }
    }
}

impl Write for MasCli {
    async fn check(&self) -> Result<(), WriterError> {
        self.version().await.map(drop)
    }

    /// Makes both calls, because `--reactivate` does not unlock. The unlock comes first, because
    /// after an interruption the next run then still sees the account as disabled.
    async fn activate(&self, action: Pass<'_>) -> Result<(), WriterError> {
        let localpart = &action.localpart();
        self.manage(&["unlock-user"], localpart).await?;
        let reactivated = self.manage(&["unlock-user", "--reactivate"], localpart).await;
        reactivated.map_err(|source| WriterError::NotReactivated { source: Box::new(source) })
    }

    /// mas-cli registers an account with everything or not at all (recordings:
    /// `mas-cli-lifecycle.json`).
    async fn create(&self, action: Pass<'_>) -> Result<(), WriterError> {
        let Some(NewAccount { user, provider, .. }) = action.new.as_ref() else {
            return Err(WriterError::NotInMas);
        };
        let mut words = vec!["register-user".to_owned(), "--yes".to_owned()];
        let given = [("-d", &user.name), ("-e", &user.email)];
        for (option, text) in given {
            let text = text.as_ref().map(ServerText::raw);
            if let Some(text) = text.filter(|text| self.can_be_passed(text)) {
                words.extend([option.to_owned(), text.to_owned()]);
            }
        }
        let localpart = action.localpart();
        let subject = user.id.text();
        if !self.can_be_passed(&subject) || !self.can_be_passed(provider.raw()) {
            return Err(WriterError::UnsafeName { localpart: localpart.clone() });
        }
        words.extend(["-m".to_owned(), format!("{}:{subject}", provider.raw())]);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        match self.manage(&words, localpart).await {
            // It refuses the name, or another account has it.
            Err(WriterError::Failed { exit, message, .. }) if exit.code() == Some(1) => {
                Err(WriterError::NotRegistered { localpart: localpart.clone(), message })
            }
            registered => registered,
        }
    }

    /// mas-cli cannot tell the sessions apart, so all of them end: before the right is taken, and once
    /// more for those that began in between. If they cannot be ended, the right is taken all the
    /// same, and the next run ends them.
    async fn set_admin(&self, action: Pass<'_>, admin: MasAdmin) -> Result<(), WriterError> {
        let localpart = action.localpart();
        if admin == MasAdmin::Yes {
            return self.manage(&["promote-admin"], localpart).await;
        }
        if let Err(error) = self.manage(&["kill-sessions"], localpart).await
            && error.is_silence()
        {
            return Err(error);
        }
        let taken = self.manage(&["demote-admin"], localpart).await;
        if !matches!(taken, Ok(()) | Err(WriterError::TooSlow { .. })) {
            return taken;
        }
        let ended = self.manage(&["kill-sessions"], localpart).await;
        taken?;
        ended.map_err(|source| WriterError::AdminSessionsLeft { source: Box::new(source) })
    }

    /// Also ends the sessions: the lock alone does not, and the job of the deactivation may come
    /// late.
    async fn disable(&self, action: Pass<'_>, shut: Shut) -> Result<(), WriterError> {
        let localpart = &action.localpart();
        let locked = match shut.mode {
            DisableMode::Deactivate => self.manage(&["lock-user", "--deactivate"], localpart).await,
            DisableMode::Lock => self.manage(&["lock-user"], localpart).await,
        };
        if let Err(error) = locked {
            // A call that was killed may have locked, and then the next run would not end the
            // sessions.
            if shut.ends_sessions() && matches!(error, WriterError::TooSlow { .. }) {
                let _ = self.manage(&["kill-sessions"], localpart).await;
            }
            return Err(error);
        }
        if !shut.ends_sessions() {
            return Ok(());
        }
        // Once disabled, the next run would find nothing to do, so this half is not left to it.
        match self.manage(&["kill-sessions"], localpart).await {
            Ok(()) => Ok(()),
            Err(first) => {
                warn!("{first}; trying once more");
                let again = self.manage(&["kill-sessions"], localpart).await;
                again.map_err(|source| WriterError::SessionsLeft { source: Box::new(source) })
            }
        }
    }

    fn concurrency(&self) -> usize {
        self.config.concurrency
    }
}

/// Returns the names in the log of `list-admin-users`, or `None` if their number differs from the
/// announced one.
fn admins_in(log: &str) -> Option<Vec<Localpart>> {
    let announced = log.split_once("admin privileges (")?.1.split_once(" total)")?.0;
    let names =
        log.lines().filter_map(|line| line.split_once(" username=").map(|(_, name)| name.trim()));
    let names: Vec<Localpart> = names.map(Localpart::from).collect();
    (announced.parse() == Ok(names.len())).then_some(names)
}

/// Returns the text from `Error:` to the backtrace, or everything if there is none (stderr also has
/// the logs).
fn error_of(stderr: &str) -> ServerText {
    let from_error = stderr
        .match_indices("Error: ")
        .filter(|(at, _)| *at == 0 || stderr.as_bytes()[at - 1] == b'\n')
        .last()
        .map_or(stderr, |(at, label)| &stderr[at + label.len()..]);
    let before_backtrace = from_error.split("\nStack backtrace:").next().unwrap_or(from_error);
    let lines: Vec<_> =
        before_backtrace.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        "no error text".into()
    } else {
        ServerText::beginning(&lines.join("; "), MESSAGE_LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn administrators_are_read_if_they_are_as_many_as_announced() {
        let log = |count: usize| {
            format!(
                "2026-11-28T13:11:15.375114Z  INFO mas_cli::commands::manage:390 The following users can request admin \
                 privileges ({count} total):\n2026-11-28T13:11:15.381875Z  INFO mas_cli::commands::manage:395 \
                 user.id=01M8H4FRC7E21H8HYYECS9110G username=boss\n"
            )
        };
        assert_eq!(admins_in(&log(1)), Some(vec!["boss".into()]));
        assert_eq!(admins_in(&log(2)), None);
        assert_eq!(admins_in("something else"), None);
    }

    #[test]
    fn the_error_is_reported_without_logs_and_backtrace() {
        let stderr = "2026-11-23T10:31:26Z  INFO mas_cli: Locking\nError: could not connect to the database\n\n\
                      Caused by:\n    0: Connection refused (os error 111)\n\nStack backtrace:\n   0: std::backtrace\n";
        assert_eq!(
            error_of(stderr).raw(),
            "could not connect to the database; Caused by:; 0: Connection refused (os error 111)"
        );
        assert_eq!(
            error_of("error: unexpected argument '-m' found\n").raw(),
            "error: unexpected argument '-m' found"
        );
        assert_eq!(error_of("Error: no such file\n").raw(), "no such file");
        assert_eq!(error_of("INFO said Error: no\n").raw(), "INFO said Error: no");
        assert_eq!(error_of("").raw(), "no error text");
    }
}
