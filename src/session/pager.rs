//! Shows long text in a pager, as git does: on a terminal, and only what does not fit on it.

use std::env;
use std::io::Write as _;
use std::process::{Command, ExitStatus, Stdio};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use tokio::signal::unix::{SignalKind, signal};

use super::print;
use crate::config::ConfigKey;
use crate::failure::Failure;
use crate::output::Terminal;

/// The pager to use, before the one of all programs.
const OURS: &str = "MATRIX_KEYCLOAK_SYNC_PAGER";
/// A shell that does not find or cannot run a command ends with one of these.
const NOT_RUN: [i32; 2] = [126, 127];

/// Prints data to stdout, or shows it in a pager if stdout is a terminal on which it does not fit.
pub(crate) fn page(text: &str) -> Result<(), Failure> {
    let fits = Terminal::of_stdout().height.is_none_or(|height| text.lines().count() < height);
    match command().filter(|_| !fits) {
        Some(command) => match show(text, &command) {
            Ok(status) if !status.code().is_some_and(|code| NOT_RUN.contains(&code)) => Ok(()),
            // It is better to print too much than nothing.
            Ok(_) | Err(_) => print(text),
        },
        None => print(text),
    }
}

/// Returns the pager as a shell's command, unless there is to be none.
fn command() -> Option<String> {
    let of = |name| env::var(name).ok();
    let command = of(OURS).or_else(|| of("PAGER")).unwrap_or_else(|| "less".to_owned());
    (!matches!(command.trim(), "" | "cat")).then_some(command)
}

fn show(text: &str, command: &str) -> std::io::Result<ExitStatus> {
    // Ctrl-C is for the pager, which this program must not outlive on the terminal.
    let _interrupt = signal(SignalKind::interrupt())?;
    let mut pager = Command::new("/bin/sh");
    pager.args(["-c", command]).stdin(Stdio::piped());
    // A pager can start a shell. Our secrets are not for it.
    for variable in ConfigKey::all().filter_map(|key| key.variable) {
        pager.env_remove(variable).env_remove(format!("{variable}_FILE"));
    }
    if env::var_os("LESS").is_none() {
        pager.env("LESS", "FRX");
    }
    let mut pager = pager.spawn()?;
    if let Some(mut stdin) = pager.stdin.take() {
        let is_coloured = AutoStream::choice(&std::io::stdout()) != ColorChoice::Never;
        let plain = (!is_coloured).then(|| strip_str(text).to_string());
        // A reader who leaves the pager early has seen enough.
        let _ = stdin.write_all(plain.as_deref().unwrap_or(text).as_bytes());
    }
    pager.wait()
}
