//! Defines the command line; the commands decide what it means.

#[cfg(feature = "demo")]
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::{PathBuf, absolute};

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use strum::VariantNames;
#[cfg(feature = "demo")]
use url::Url;

use crate::exit::Exit;
use crate::model::Timestamp;
use crate::plan::ApprovedDigest;
use crate::shell;

/// The version, and which build it is.
const LONG_VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("MATRIX_KEYCLOAK_SYNC_BUILD"), ")");

const ABOUT: &str =
    "Only members of a Keycloak group may use Matrix, and no member is locked out by mistake";

/// Returns the end of the help: the exit codes, and what to try.
fn after_help() -> String {
    format!("Exit codes:\n{}\nTry it without any servers: matrix-keycloak-sync demo", Exit::list())
}

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "matrix-keycloak-sync", version, long_version = LONG_VERSION, about = ABOUT, after_help = after_help(), max_term_width = 100)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// The command; without one, the help is printed.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options that every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Read the configuration from FILE; environment variables override it
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Log more on stderr, with every request; -vv also logs details
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Log only errors on stderr
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Format of the log on stderr
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// What a user types to run this program, for commands to paste.
    #[arg(skip)]
    pub program: String,
}

impl Global {
    /// Returns the same options for a command that is typed in another folder than this one.
    #[must_use]
    pub fn from_anywhere(&self) -> Self {
        let config =
            self.config.as_ref().map(|file| absolute(file).unwrap_or_else(|_| file.clone()));
        Self { config, program: shell::from_anywhere(&self.program), ..self.clone() }
    }
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line, for everything on stderr.
    Json,
}

/// `--color`.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Command {
    /// Show what would change and why, without changing anything
    Plan(PlanArgs),
    /// Make a plan and apply it within the limits
    Sync(SyncArgs),
    /// Apply a saved plan and nothing else
    Apply(ApplyArgs),
    /// Stay in step: a full run every interval, and changes as they happen
    Watch,
    /// Show every fact about one user or account, and the rule that decides
    Explain(ExplainArgs),
    /// Show every account with its user, its state, the verdict and the reason: an access review
    Report(ReportArgs),
    /// Check settings, servers, versions, credentials and permissions, and show how to fix problems
    Doctor(DoctorArgs),
    /// Write a configuration by questions and answers, show it, or check it without a network
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask a running `watch` how it stands, and what waits for a decision: exit 0 if it is ready
    Status,
    /// Ask a running `watch` whether it is alive, for containers: exit 0 or 1
    Healthcheck,
    /// List past runs, or every action of one
    History(HistoryArgs),
    /// Reverse what a run changed, and show what cannot be restored
    Undo(UndoArgs),
    #[cfg(feature = "demo")]
    /// Try everything against built-in stand-ins for the servers
    Demo(DemoArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page of the program or of one command
    Man {
        /// The command
        #[arg(value_parser = commands_with_a_page())]
        command: Option<String>,
    },
    #[cfg(feature = "demo")]
    /// The servers that `demo` and the tests run against, one by one
    #[command(subcommand, hide = true)]
    StandIn(StandIn),
}

fn commands_with_a_page() -> PossibleValuesParser {
    PossibleValuesParser::new(Command::VARIANTS.iter().filter(|name| **name != "stand-in"))
}

/// `plan`.
#[derive(Debug, Clone, Default, Args)]
pub struct PlanArgs {
    /// Output format of the plan
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: PlanFormat,
    /// List every account on a terminal and in Markdown, too
    #[arg(long)]
    pub full: bool,
    /// Also write the plan to FILE as JSON, for `apply`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Exit with 2 if there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// How `plan` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For programs, and for `apply`.
    Json,
    /// For a merge request.
    Markdown,
    /// One page that stands alone, for a ticket or a mail.
    Html,
}

/// `sync`.
#[derive(Debug, Clone, Args)]
pub struct SyncArgs {
    /// Change nothing, as `plan` does
    #[arg(long, conflicts_with = "approve")]
    pub dry_run: bool,
    /// Apply the plan with this digest, even if it exceeds the limits
    #[arg(long, value_name = "DIGEST")]
    pub approve: Option<ApprovedDigest>,
    /// Do not ask before changing accounts
    #[arg(long)]
    pub yes: bool,
    /// Output format of the plan and its outcome
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: SyncFormat,
    /// Write metrics to FILE when the run ends, even if it failed, for Prometheus's textfile
    /// collector; a dry run writes none
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub metrics_file: Option<PathBuf>,
}

/// How `sync` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum SyncFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// `apply`.
#[derive(Debug, Clone, Args)]
pub struct ApplyArgs {
    /// A plan that `plan --out` wrote
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Apply the plan even if it exceeds the limits; DIGEST is the plan's own
    #[arg(long, value_name = "DIGEST")]
    pub approve: Option<ApprovedDigest>,
    /// Do not ask before changing accounts
    #[arg(long)]
    pub yes: bool,
}

/// `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// A localpart (alice), a Matrix user ID (@alice:example.org), or a Keycloak username, ID or
    /// e-mail address
    pub user: String,
}

/// `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Output format of the report
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: ReportFormat,
}

/// How `report` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For a spreadsheet.
    Csv,
    /// For programs.
    Json,
    /// One page that stands alone, with a filter.
    Html,
}

/// `config`.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Ask for what is needed, try each answer out, and write a configuration with comments
    Init(InitArgs),
    /// Show every value with its origin; secrets are masked
    Show,
    /// Check file and variables without asking any server
    Check,
}

/// `config init`.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// Write FILE [default: that of --config or `MATRIX_KEYCLOAK_SYNC_CONFIG`, else
    /// /etc/matrix-keycloak-sync/config.toml for root and ./config.toml for others]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Exit with 1 if there is a warning, too
    #[arg(long)]
    pub strict: bool,
    /// Output format of the findings
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: DoctorFormat,
}

/// How `doctor` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DoctorFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Parses the number of a run.
fn run_number(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "expected the number of a run, as `history` lists it".to_owned())
}

/// `history`.
#[derive(Debug, Clone, Args)]
pub struct HistoryArgs {
    /// The number of a run
    #[arg(value_parser = run_number)]
    pub run: Option<i64>,
    /// Only runs that changed or were to change this account: a localpart or a Matrix user ID
    #[arg(long, value_name = "NAME", conflicts_with = "run")]
    pub user: Option<String>,
    /// Only runs since TIME: 2026-11-29, 2026-11-29T08:00:00Z, or an age such as 7d
    #[arg(long, value_name = "TIME", conflicts_with = "run", value_parser = past)]
    pub since: Option<Timestamp>,
    /// Only the newest N runs
    #[arg(long, value_name = "N", conflicts_with = "run")]
    pub limit: Option<NonZero<usize>>,
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: SyncFormat,
}

/// `undo`.
#[derive(Debug, Clone, Args)]
pub struct UndoArgs {
    /// The number of the run, from `history`
    #[arg(value_parser = run_number)]
    pub run: i64,
    /// Show what would be reversed, without changing anything
    #[arg(long, conflicts_with = "approve")]
    pub dry_run: bool,
    /// Apply the plan with this digest, even if it exceeds the limits
    #[arg(long, value_name = "DIGEST")]
    pub approve: Option<ApprovedDigest>,
    /// Do not ask, and also disable current members that the run had activated
    #[arg(long)]
    pub yes: bool,
}

/// Reads a time in the past: a date, a time, or an age.
fn past(text: &str) -> Result<Timestamp, String> {
    if let Ok(age) = humantime::parse_duration(text) {
        return Ok(Timestamp::now().before(age));
    }
    let is_date = text.len() == "2026-11-29".len();
    let time = if is_date { format!("{text}T00:00:00Z") } else { text.to_owned() };
    humantime::parse_rfc3339(&time).map(Timestamp::from).map_err(|_| {
        "expected a date such as 2026-11-29, a time such as 2026-11-29T08:00:00Z, or an age such as 7d"
            .to_owned()
    })
}

/// `demo`.
#[cfg(feature = "demo")]
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Keep the stand-ins running, and print a configuration to use with them
    #[arg(long)]
    pub serve: bool,
}

#[cfg(feature = "demo")]
/// The hidden commands, which run stand-ins for the real servers. The one for mas-cli is not here:
/// its options are mas-cli's.
#[derive(Debug, Clone, Subcommand)]
pub enum StandIn {
    /// Serve the MAS stand-in for a Synapse, a real one too
    Mas {
        /// Where to listen
        #[arg(long)]
        listen: SocketAddr,
        /// The homeserver whose accounts it manages
        #[arg(long)]
        synapse: Url,
        /// A file with the secret shared with the homeserver
        #[arg(long)]
        secret_file: PathBuf,
        /// Address for the Admin API [default: with the rest]
        #[arg(long)]
        admin_listen: Option<SocketAddr>,
        /// The client that may use the Admin API [default: one whose secret is known]
        #[arg(long, requires = "client_secret_file")]
        client_id: Option<String>,
        /// A file with that client's secret
        #[arg(long, requires = "client_id")]
        client_secret_file: Option<PathBuf>,
        /// The homeserver's name in the Admin API [default: none, as in old releases]
        #[arg(long)]
        server_name: Option<String>,
    },
}
