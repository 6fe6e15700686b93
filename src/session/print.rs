//! Data on stdout, everything else on stderr.

use std::io::{self, Write as _};

use tracing::error;

use crate::error_chain::in_one_line;
use crate::exit::Exit;
use crate::failure::Failure;

/// Prints to stderr, and ignores a closed one.
pub(crate) fn tell(text: &str) {
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
