//! Data on stdout, everything else on stderr.

use std::io::{self, BufWriter, Write};

use tracing::error;

use crate::cli::{Global, LogFormat};
use crate::error_chain::in_one_line;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::state::StateError;

/// The size of what is printed at once.
pub(super) const PIECE: usize = 64 * 1024;

/// Prints advice to stderr, and ignores a closed one. In a JSON log the advice is an event of its
/// own, which `log` writes.
pub(crate) fn tell(global: &Global, text: &str, log: impl FnOnce()) {
    match global.log_format {
        LogFormat::Text => say(text),
        LogFormat::Json => log(),
    }
}

/// Prints to the person at the terminal that stderr is.
pub(crate) fn say(text: &str) {
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Prints data to stdout. A closed pipe (`| head`) is not an error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Local { what: "write to standard output".to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Why printing piece by piece ended early.
#[derive(Debug)]
pub(crate) enum PrintError {
    Output(io::Error),
    /// What to print next could not be read.
    State(StateError),
}

impl From<io::Error> for PrintError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<StateError> for PrintError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

/// Prints data to stdout piece by piece, as `write` makes it.
pub(crate) fn print_with(
    write: impl FnOnce(&mut dyn Write) -> Result<(), PrintError>,
) -> Result<(), Failure> {
    let mut stdout = BufWriter::with_capacity(PIECE, anstream::stdout().lock());
    let written = write(&mut stdout).and_then(|()| Ok(stdout.flush()?));
    ended(written)
}

/// Returns how printing piece by piece ended. A closed pipe is not an error.
pub(super) fn ended(written: Result<(), PrintError>) -> Result<(), Failure> {
    match written {
        Err(PrintError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(PrintError::Output(source)) => {
            Err(Failure::Local { what: "write to standard output".to_owned(), source })
        }
        Err(PrintError::State(error)) => Err(error.into()),
        Ok(()) => Ok(()),
    }
}

/// Prints the outcome of a plan. Accounts may have been changed, so a failure to print must not end
/// the run as if nothing had been.
pub(crate) fn tell_the_end(told: &str, exit: Exit) -> Exit {
    match print(told) {
        Ok(()) => exit,
        Err(failure) => {
            error!("{}", in_one_line(&failure));
            Exit::Incomplete
        }
    }
}
