//! Shows long text in a pager, as git does: on a terminal, and only what does not fit on it.

use std::env;
use std::io::{self, BufWriter, Write};
use std::process::{Command, ExitStatus, Stdio};

use anstream::{AutoStream, ColorChoice, StripStream};
use tokio::signal::unix::{SignalKind, signal};

use super::print::{PIECE, PrintError, ended, print_with};
use crate::config::ConfigKey;
use crate::failure::Failure;
use crate::output::Terminal;

/// The pager to use, before the one of all programs.
const OURS: &str = "MATRIX_KEYCLOAK_SYNC_PAGER";
/// A shell that does not find or cannot run a command ends with one of these.
const NOT_RUN: [i32; 2] = [126, 127];

/// Prints data to stdout, or shows it in a pager if stdout is a terminal on which it does not fit.
pub(crate) fn page(text: &str) -> Result<(), Failure> {
    page_with(|out| Ok(out.write_all(text.as_bytes())?))
}

/// Does the same piece by piece, as `write` makes it. It may make it, or its beginning, more than once.
pub(crate) fn page_with(
    write: impl Fn(&mut dyn Write) -> Result<(), PrintError>,
) -> Result<(), Failure> {
    let (Some(height), Some(command)) = (Terminal::of_stdout().height, command()) else {
        return print_with(write);
    };
    if fits(height, &write) {
        return print_with(write);
    }
    match show(&command, &write) {
        Ok((status, written)) if !status.code().is_some_and(|code| NOT_RUN.contains(&code)) => {
            ended(written)
        }
        // It is better to print too much than nothing.
        Ok(_) | Err(_) => print_with(write),
    }
}

/// Returns whether there are fewer lines than this. An error shows when it is printed.
fn fits(height: usize, write: impl Fn(&mut dyn Write) -> Result<(), PrintError>) -> bool {
    let mut lines = Lines { left: height };
    let _ = write(&mut lines);
    lines.left > 0
}

/// Counts lines, and is full after a number of them.
struct Lines {
    left: usize,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let lines = bytes.split(|byte| *byte == b'\n').count() - 1;
        self.left = self.left.saturating_sub(lines);
        if self.left == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the pager as a shell's command, unless there is to be none.
fn command() -> Option<String> {
    let of = |name| env::var(name).ok();
    let command = of(OURS).or_else(|| of("PAGER")).unwrap_or_else(|| "less".to_owned());
    (!matches!(command.trim(), "" | "cat")).then_some(command)
}

/// Shows what `write` makes, until the reader leaves.
fn show(
    command: &str,
    write: impl Fn(&mut dyn Write) -> Result<(), PrintError>,
) -> io::Result<(ExitStatus, Result<(), PrintError>)> {
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
    let written = pager.stdin.take().map_or(Ok(()), |stdin| {
        let is_coloured = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        let stdin: Box<dyn Write> = Box::new(stdin);
        let shown = if is_coloured { stdin } else { Box::new(StripStream::new(stdin)) };
        let mut out = BufWriter::with_capacity(PIECE, shown);
        write(&mut out).and_then(|()| Ok(out.flush()?))
    });
    Ok((pager.wait()?, written))
}
