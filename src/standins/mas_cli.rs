//! Stands in for mas-cli, the administrator's command of MAS.
//!
//! It follows `mas-cli.json` and `mas-cli-lifecycle.json` in `tests/contract`: the streams of its output, exit 1 for failures and 2
//! for usage, and a configuration that is silently ignored if it cannot be read (trap 21). Its
//! "database" is the MAS stand-in in `database.uri`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use serde::Deserialize;

use super::mas::{Done, LogLine, ManageRequest, Registration, UpstreamAccount};
use super::{runtime, time};

/// The result of a call of mas-cli.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The exit code.
    pub exit: u8,
    /// What went to stdout.
    pub stdout: String,
    /// What went to stderr.
    pub stderr: String,
}

#[derive(Parser)]
#[command(name = "mas-cli", version = "v1.22.0")]
struct MasCliArguments {
    /// Path to the configuration file
    #[arg(short, long, global = true)]
    config: Vec<PathBuf>,
    #[command(subcommand)]
    command: Top,
}

#[derive(Subcommand)]
enum Top {
    /// Configuration-related commands
    Config(Config),
    /// Manage the instance
    Manage(Manage),
}

#[derive(Args)]
struct Config {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check a config file
    Check,
}

#[derive(Args)]
struct Manage {
    #[command(subcommand)]
    command: ManageCommand,
}

#[derive(Subcommand)]
enum ManageCommand {
    /// Add an email address to the specified user
    AddEmail {
        /// User to add the email to
        username: String,
        /// Email to add
        email: String,
    },
    /// (DEPRECATED) Mark email address as verified
    VerifyEmail {
        /// User whose address it is
        username: String,
        /// The address
        email: String,
    },
    /// Set a user password
    SetPassword {
        /// User to set the password of
        username: String,
        /// The password
        password: Option<String>,
    },
    /// Make a user admin
    PromoteAdmin {
        /// User to make admin
        username: String,
    },
    /// Make a user non-admin
    DemoteAdmin {
        /// User to make non-admin
        username: String,
    },
    /// List all users with admin privileges
    ListAdminUsers,
    /// Issue a compatibility token
    IssueCompatibilityToken {
        /// User for which to issue the token
        username: String,
        /// Device ID to set in the token. If not specified, a random device ID will be generated
        device_id: Option<String>,
        /// Whether that token should be admin
        #[arg(long = "yes-i-want-to-grant-synapse-admin-privileges")]
        admin: bool,
    },
    /// Create a new user registration token
    IssueUserRegistrationToken {
        /// The token; a random one if not given
        #[arg(long)]
        token: Option<String>,
    },
    /// Trigger a provisioning job for all users
    ProvisionAllUsers,
    /// Kill all sessions for a user
    KillSessions {
        /// User for which to kill sessions
        username: String,
        /// Do a dry run
        #[arg(long)]
        dry_run: bool,
    },
    /// Lock a user
    LockUser {
        /// User to lock
        username: String,
        /// Whether to deactivate the user
        #[arg(long)]
        deactivate: bool,
    },
    /// Unlock a user
    UnlockUser {
        /// User to unlock
        username: String,
        /// Whether to reactivate the user if it had been deactivated
        #[arg(long)]
        reactivate: bool,
    },
    /// Register a user
    RegisterUser {
        /// Username to register
        username: String,
        /// Password to set
        #[arg(short, long)]
        password: Option<String>,
        /// Email to add
        #[arg(short, long = "email")]
        emails: Vec<String>,
        /// Users of upstream providers to link
        #[arg(
            short = 'm', long = "upstream-provider-mapping", value_name = "PROVIDER_ID:SUBJECT",
            value_parser = upstream_account
        )]
        links: Vec<UpstreamAccount>,
        /// Make the user an admin
        #[arg(short, long)]
        admin: bool,
        /// Don't make the user an admin
        #[arg(long, conflicts_with = "admin")]
        no_admin: bool,
        /// Don't ask questions, just do it
        #[arg(short, long)]
        yes: bool,
        /// Set the user's display name
        #[arg(short, long)]
        display_name: Option<String>,
        /// Don't enforce that the password provided is above the minimum configured complexity
        #[arg(long)]
        ignore_password_complexity: bool,
    },
}

fn upstream_account(text: &str) -> Result<UpstreamAccount, String> {
    let (provider, subject) = text.split_once(':').ok_or("no colon after the provider's ID")?;
    if provider.len() != 26 {
        return Err("the provider's ID is no ULID".to_owned());
    }
    Ok(UpstreamAccount { provider: provider.to_ascii_uppercase(), subject: subject.to_owned() })
}

impl TryFrom<ManageCommand> for ManageRequest {
    type Error = String;

    fn try_from(command: ManageCommand) -> Result<Self, String> {
        let not_played = |name| Err(format!("{name} is known to mas-cli, but not to its stand-in"));
        Ok(match command {
            ManageCommand::AddEmail { username, email } => Self::AddEmail { username, email },
            ManageCommand::VerifyEmail { .. } => return not_played("verify-email"),
            ManageCommand::SetPassword { .. } => return not_played("set-password"),
            ManageCommand::PromoteAdmin { username } => Self::PromoteAdmin { username },
            ManageCommand::DemoteAdmin { username } => Self::DemoteAdmin { username },
            ManageCommand::ListAdminUsers => Self::ListAdminUsers,
            ManageCommand::IssueCompatibilityToken { username, device_id, admin } => {
                Self::IssueCompatibilityToken { username, device_id, admin }
            }
            ManageCommand::IssueUserRegistrationToken { .. } => {
                return not_played("issue-user-registration-token");
            }
            ManageCommand::ProvisionAllUsers => Self::ProvisionAllUsers,
            ManageCommand::KillSessions { username, dry_run } => {
                Self::KillSessions { username, dry_run }
            }
            ManageCommand::LockUser { username, deactivate } => {
                Self::LockUser { username, deactivate }
            }
            ManageCommand::UnlockUser { username, reactivate } => {
                Self::UnlockUser { username, reactivate }
            }
            // Without a terminal it cannot ask.
            ManageCommand::RegisterUser { yes: false, .. } => {
                return Err("IO error: not a terminal".to_owned());
            }
            ManageCommand::RegisterUser {
                username, emails, links, admin, display_name, ..
            } => Self::RegisterUser(Registration {
                username,
                displayname: display_name,
                emails,
                links,
                admin,
            }),
        })
    }
}

/// Runs mas-cli with the arguments after the program's name. Writes to stdout and stderr, and
/// returns the exit code.
pub async fn run(arguments: Vec<OsString>) -> u8 {
    let output = execute(arguments, std::env::var_os("MAS_CONFIG")).await;
    // A closed pipe is not a failure of mas-cli.
    let _ = io::stdout().write_all(output.stdout.as_bytes());
    let _ = io::stderr().write_all(output.stderr.as_bytes());
    output.exit
}

/// Runs mas-cli with this value of `MAS_CONFIG`.
pub async fn execute(arguments: Vec<OsString>, mas_config: Option<OsString>) -> Output {
    let arguments = std::iter::once(OsString::from("mas-cli")).chain(arguments);
    let cli = match MasCliArguments::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let files = if cli.config.is_empty() { named_by(mas_config) } else { cli.config };
    let command = match cli.command {
        Top::Config(Config { command: ConfigCommand::Check }) => return config_looks_good(),
        Top::Manage(Manage { command }) => command,
    };
    let request = match ManageRequest::try_from(command) {
        Ok(request) => request,
        Err(error) => return failed(&error),
    };
    match database(&files) {
        None => cannot_connect("error returned from database: ", "role \"root\" does not exist"),
        Some(uri) => ask(&uri, &request).await,
    }
}

fn usage(error: &clap::Error) -> Output {
    let text = error.render().to_string();
    let exit = u8::try_from(error.exit_code()).unwrap_or(2);
    if error.use_stderr() {
        Output { exit, stderr: text, ..Output::default() }
    } else {
        Output { exit, stdout: text, ..Output::default() }
    }
}

fn named_by(mas_config: Option<OsString>) -> Vec<PathBuf> {
    mas_config.map_or_else(Vec::new, |files| std::env::split_paths(&files).collect())
}

#[derive(Deserialize)]
struct MasConfigFile {
    database: Option<Database>,
}

#[derive(Deserialize)]
struct Database {
    uri: Option<String>,
}

/// Returns the last database in the files. A file that is missing or not YAML is silently ignored
/// (trap 21).
fn database(files: &[PathBuf]) -> Option<String> {
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).ok()?;
        serde_saphyr::from_str::<MasConfigFile>(&text).ok()?.database?.uri
    };
    files.iter().rev().find_map(read)
}

async fn ask(uri: &str, command: &ManageRequest) -> Output {
    // Calls that only read are counted separately.
    let path = if matches!(command, ManageRequest::ListAdminUsers) { "read" } else { "manage" };
    // The query is for rules about one subcommand.
    let name: &'static str = command.into();
    let url = format!("{}/stand-in/{path}?{name}", uri.trim_end_matches('/'));
    let response = match runtime::client().post(url).json(command).send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() => {
            return cannot_connect(
                "error communicating with database: ",
                "Connection refused (os error 111)",
            );
        }
        Err(_) => {
            return cannot_connect("error communicating with database: ", "unexpected end of file");
        }
    };
    let status = response.status();
    match response.json::<Done>().await {
        Ok(Done { error: Some(error), .. }) if status == reqwest::StatusCode::UNAUTHORIZED => {
            cannot_connect("error returned from database: ", &error)
        }
        Ok(done) if status.is_success() => finished(&done),
        _ => failed("error returned from database"),
    }
}

fn finished(done: &Done) -> Output {
    let line =
        |LogLine { level, line, text }: &LogLine| logged(level, &format!("manage:{line}"), text);
    match (&done.error, &done.panic) {
        (Some(error), _) => failed(error),
        (None, Some((place, message))) => panicked(place, message),
        (None, None) => Output {
            exit: 0,
            stdout: done.stdout.clone(),
            stderr: done.log.iter().map(line).collect(),
        },
    }
}

fn logged(level: &str, place: &str, text: &str) -> String {
    format!("{} {level:>5} mas_cli::commands::{place} {text}\n", time::now_rfc3339())
}

/// A configuration that cannot be read is ignored here too (trap 21).
fn config_looks_good() -> Output {
    let stderr = logged("INFO", "config:91", "Configuration file looks good");
    Output { stderr, ..Output::default() }
}

fn panicked(place: &str, message: &str) -> Output {
    let id = std::process::id();
    let stderr = format!(
        "\nthread 'main' ({id}) panicked at {place}:\n{message}\n\
         note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n"
    );
    Output { exit: 101, stderr, ..Output::default() }
}

fn failed(error: &str) -> Output {
    Output { exit: 1, stderr: format!("Error: {error}\n"), ..Output::default() }
}

fn cannot_connect(what: &str, cause: &str) -> Output {
    failed(&format!(
        "could not connect to the database\n\nCaused by:\n    0: {what}{cause}\n    1: {cause}"
    ))
}

/// Writes an executable `mas-cli` into `directory` that calls the hidden subcommand of the program
/// `exe`.
pub fn install(directory: &Path, exe: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;

    let quoted = exe.to_string_lossy().replace('\'', r"'\''");
    let script = directory.join("mas-cli");
    std::fs::write(&script, format!("#!/bin/sh\nexec '{quoted}' stand-in mas-cli \"$@\"\n"))?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
    Ok(script)
}
