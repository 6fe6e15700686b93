//! Runs the program once: command line, log, command, exit code.

use std::ffi::OsString;
use std::io::{IsTerminal, Write as _};
use std::process::{ExitCode, Termination as _};

use anstream::ColorChoice;
use clap::{CommandFactory, Parser};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, filter};

use crate::cli::{Cli, Color, Command, Global, LogFormat};
use crate::commands;
use crate::environment::{Environment, Surroundings};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::shell::this_program;
use crate::signals::journald_layer;
#[cfg(feature = "demo")]
use crate::standins::mas_cli;

/// Runs the program and prints the error, if any.
pub async fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // mas-cli has options of its own, so its stand-in parses the arguments itself.
    #[cfg(feature = "demo")]
    if let [_, first, second, words @ ..] = arguments.as_slice()
        && first == "stand-in"
        && second == "mas-cli"
    {
        return mas_cli::run(words.to_vec()).await.into();
    }
    program(arguments).await.report()
}

async fn program(arguments: Vec<OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::InStep };
            let _ = error.print();
            return exit;
        }
    };
    set_color(cli.global.color);
    let surroundings = Surroundings::default();
    let stays = matches!(cli.command, Some(Command::Watch));
    start_log(&cli.global, stays, &*surroundings.env);
    match run(cli, &surroundings).await {
        Ok(exit) => exit,
        Err(failure) => {
            let _ = anstream::stderr().write_all(failure.render().as_bytes());
            failure.exit()
        }
    }
}

/// Runs one command.
pub async fn run(cli: Cli, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let Cli { mut global, command } = cli;
    global.program = this_program(&*surroundings.env);
    match command {
        None => {
            let _ = Cli::command().print_help();
            Ok(Exit::InStep)
        }
        Some(Command::Plan(args)) => Box::pin(commands::plan(&global, &args, surroundings)).await,
        Some(Command::Sync(args)) => Box::pin(commands::sync(&global, &args, surroundings)).await,
        Some(Command::Apply(args)) => Box::pin(commands::apply(&global, &args, surroundings)).await,
        Some(Command::Watch) => Box::pin(commands::watch(&global, surroundings)).await,
        Some(Command::Explain(args)) => {
            Box::pin(commands::explain(&global, &args, surroundings)).await
        }
        Some(Command::Report(args)) => {
            Box::pin(commands::report(&global, &args, surroundings)).await
        }
        Some(Command::Doctor(args)) => {
            Box::pin(commands::doctor(&global, &args, surroundings)).await
        }
        Some(Command::Config(command)) => {
            Box::pin(commands::config(&global, &command, surroundings)).await
        }
        Some(Command::Healthcheck) => Box::pin(commands::healthcheck(&global, surroundings)).await,
        Some(Command::History(args)) => commands::history(&global, &args, surroundings),
        Some(Command::Undo(args)) => Box::pin(commands::undo(&global, &args, surroundings)).await,
        #[cfg(feature = "demo")]
        Some(Command::Demo(args)) => Box::pin(commands::demo(&global, &args, surroundings)).await,
        Some(Command::Completions { shell }) => commands::completions(shell),
        Some(Command::Man) => commands::man(),
        #[cfg(feature = "demo")]
        Some(Command::StandIn(stand_in)) => commands::stand_in(stand_in).await,
    }
}

fn set_color(color: Color) {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
}

/// Sends the log to stderr, or to the journal if stderr leads there. Only this crate logs: the
/// libraries below would print headers and bodies.
fn start_log(global: &Global, stays: bool, env: &Environment) {
    // A command that keeps running prints nothing but its log.
    let verbose = global.verbose + u8::from(stays);
    let level = match (global.quiet, verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    // In a JSON log, changes are more than details.
    let audit = match (global.quiet, global.log_format) {
        (false, LogFormat::Json) => level.max(LevelFilter::INFO),
        _ => level,
    };
    let ours = filter::Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level)
        .with_target("audit", audit);
    let ansi = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .with_target(false);
    let layer = match (global.log_format, journald_layer(env)) {
        (LogFormat::Text, Some(journal)) => journal.boxed(),
        (LogFormat::Text, None) if verbose == 0 => lines.without_time().boxed(),
        (LogFormat::Text, None) => lines.boxed(),
        (LogFormat::Json, _) => lines.json().flatten_event(true).with_target(true).boxed(),
    };
    // Tests start this twice in one process; the first log stays.
    let _ = tracing_subscriber::registry().with(layer.with_filter(ours)).try_init();
}
