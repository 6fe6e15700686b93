//! The exit codes, in one place, because scripts rely on them.

use std::fmt::Write as _;
use std::process::{ExitCode, Termination};

use strum::VariantArray;
use textwrap::{Options, fill};

/// The width of the list in the help, for a terminal of 80 columns.
const LIST_WIDTH: usize = 78;

/// How a run of the program ended; the numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
#[repr(u8)]
pub enum Exit {
    InStep = 0,
    Error = 1,
    Changes = 2,
    Refused = 3,
    Incomplete = 4,
    Locked = 5,
    Usage = 64,
    Config = 78,
}

impl Exit {
    /// Returns what it means, in Markdown: for the help, the man pages and the book.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::InStep => "in step, or brought in step",
            Self::Error => {
                "an error before anything was changed, such as a server that did not answer as it should"
            }
            Self::Changes => "`plan --detailed-exitcode`: there are changes",
            Self::Refused => {
                "refused by a limit, or by a doubt about the whole plan; nothing was changed"
            }
            Self::Incomplete => {
                "incomplete: some actions failed, were skipped, were not confirmed in time or wait for an \
                 approval; a directory was unverified; or a signal or an error came after the first change"
            }
            Self::Locked => "another run holds the lock",
            Self::Usage => "wrong command line",
            Self::Config => "wrong configuration",
        }
    }
}

impl Exit {
    /// Returns all of them with what they mean, for the help.
    #[must_use]
    pub fn list() -> String {
        let mut list = String::new();
        for exit in Self::VARIANTS {
            let begin = format!("  {:>2}  ", *exit as u8);
            let wrapping =
                Options::new(LIST_WIDTH).initial_indent(&begin).subsequent_indent("      ");
            let _ = writeln!(list, "{}", fill(&exit.meaning().replace('`', ""), wrapping));
        }
        list
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}
