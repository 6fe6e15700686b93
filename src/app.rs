//! Runs the program once: command line, log, command, exit code.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::{ExitCode, Termination as _};

use anstream::ColorChoice;
use clap::{CommandFactory, Parser};
use tracing::error;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, filter};

use crate::cli::{Cli, Color, Command, Global, LogFormat};
use crate::commands;
use crate::environment::{Environment, Surroundings};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::http::REQUESTS;
use crate::output::{Terminal, wrapped};
use crate::session::{print, say};
use crate::shell::this_program;
use crate::signals::{LineTime, LogLine, journald_layer};
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
    let format = format_of_errors(&arguments);
    set_color(color_of_errors(&arguments));
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return end_without_command(&error, format),
    };
    set_color(cli.global.color);
    let surroundings = Surroundings::default();
    let stays = matches!(cli.command, Some(Command::Watch));
    start_log(&cli.global, stays, &*surroundings.env);
    let format = cli.global.log_format;
    match run(cli, &surroundings).await {
        Ok(exit) => exit,
        Err(failure) => report(&failure, format),
    }
}

/// Prints why the program ends.
fn report(failure: &Failure, format: LogFormat) -> Exit {
    match format {
        LogFormat::Text => say(&wrapped(&failure.render(), Terminal::of_stderr())),
        LogFormat::Json => log_failure(failure),
    }
    failure.exit()
}

/// Logs an error as one event of a JSON log.
fn log_failure(failure: &Failure) {
    let exit_code = failure.exit() as u8;
    error!(hint = failure.hint(), exit_code, "{}", failure.without_excerpts());
}

/// Returns the format for errors of the command line, which is not parsed then.
fn format_of_errors(arguments: &[OsString]) -> LogFormat {
    if has_option(arguments, "--log-format", "json") { LogFormat::Json } else { LogFormat::Text }
}

/// Returns when to use colour for them, and for the help.
fn color_of_errors(arguments: &[OsString]) -> Color {
    let given = [("never", Color::Never), ("always", Color::Always)];
    let found = given.into_iter().find(|(value, _)| has_option(arguments, "--color", value));
    found.map_or(Color::Auto, |(_, color)| color)
}

fn has_option(arguments: &[OsString], name: &str, value: &str) -> bool {
    let ours = || arguments.iter().take_while(|argument| *argument != "--");
    let together = format!("{name}={value}");
    let mut pairs = ours().zip(ours().skip(1));
    pairs.any(|(one, two)| one == name && two == value)
        || ours().any(|argument| *argument == *together)
}

/// Prints the help, the version, or what is wrong with the command line.
fn end_without_command(error: &clap::Error, format: LogFormat) -> Exit {
    let text = error.render().ansi().to_string();
    if !error.use_stderr() {
        return print(&text).map_or_else(|failure| report(&failure, format), |()| Exit::InStep);
    }
    match format {
        LogFormat::Text => say(&wrapped(&text, Terminal::of_stderr())),
        LogFormat::Json => {
            let global = Global { log_format: format, ..Global::default() };
            start_log(&global, false, &*Surroundings::default().env);
            let text = error.render().to_string();
            let (message, hint) = text.split_once("\n\n").unwrap_or((&text, ""));
            let message = message.trim_start_matches("error: ");
            error!(hint = hint.trim(), exit_code = Exit::Usage as u8, "{message}");
        }
    }
    Exit::Usage
}

/// Runs one command.
pub async fn run(cli: Cli, surroundings: &Surroundings) -> Result<Exit, Failure> {
    let Cli { mut global, command } = cli;
    global.program = this_program(&*surroundings.env);
    match command {
        None => {
            print(&Cli::command().render_help().ansi().to_string())?;
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
        Some(Command::Status) => Box::pin(commands::status(&global, surroundings)).await,
        Some(Command::Healthcheck) => Box::pin(commands::healthcheck(&global, surroundings)).await,
        Some(Command::History(args)) => commands::history(&global, &args, surroundings),
        Some(Command::Undo(args)) => Box::pin(commands::undo(&global, &args, surroundings)).await,
        #[cfg(feature = "demo")]
        Some(Command::Demo(args)) => Box::pin(commands::demo(&global, &args, surroundings)).await,
        Some(Command::Completions { shell }) => commands::completions(shell),
        Some(Command::Man { command }) => commands::man(command.as_deref()),
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

/// Writes the log to stderr. On a terminal, warnings of a command that ends are wrapped like the rest
/// of what it prints.
struct LogWriter {
    wraps: bool,
}

impl io::Write for LogWriter {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        if self.wraps {
            let text = String::from_utf8_lossy(event);
            stderr.write_all(wrapped(&text, Terminal::of_stderr()).as_bytes())?;
        } else {
            stderr.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    // Requests are too many for the log of a command that keeps running.
    let requests = if global.verbose > 0 { LevelFilter::INFO } else { LevelFilter::OFF };
    let ours = filter::Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level)
        .with_target(REQUESTS, requests)
        .with_target("audit", audit);
    let ansi = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let time = if verbose == 0 { LineTime::Hidden } else { LineTime::Shown };
    // With the time in front, it is a log, one line an event.
    let wraps = global.log_format == LogFormat::Text && time == LineTime::Hidden;
    let lines = || {
        tracing_subscriber::fmt::layer()
            .with_writer(move || LogWriter { wraps })
            .with_ansi(ansi)
            // A terminal that was closed must not end a run that cleans up.
            .log_internal_errors(false)
    };
    let layer = match (global.log_format, journald_layer(env)) {
        (LogFormat::Text, Some(journal)) => journal.boxed(),
        (LogFormat::Text, None) => lines().event_format(LogLine(time)).boxed(),
        (LogFormat::Json, _) => lines().with_ansi(false).json().flatten_event(true).boxed(),
    };
    // Tests start this twice in one process; the first log stays.
    let _ = tracing_subscriber::registry().with(layer.with_filter(ours)).try_init();
    if global.log_format == LogFormat::Json {
        std::panic::set_hook(Box::new(|panic| error!("{panic}")));
    }
}
