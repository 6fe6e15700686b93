//! Prints for people: data on stdout, progress on stderr, everything readable without colour.

pub mod doctor;
pub mod explain;
pub mod history;
pub mod markdown;
mod progress;
pub mod text;
mod unverified;

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};
pub use progress::Progress;

/// Where text is printed.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Whether long lists are cut, as on a terminal; a file or a pipe gets them in full.
    pub cut: bool,
}

impl Terminal {
    /// A place without an end.
    pub const WHOLE: Self = Self { cut: false };

    /// Returns what stdout is.
    #[must_use]
    pub fn of_stdout() -> Self {
        Self { cut: std::io::stdout().is_terminal() }
    }
}

const HEADING: Style = Style::new().bold();
const ACTIVATE: Style = AnsiColor::Green.on_default().bold();
const DISABLE: Style = AnsiColor::Red.on_default().bold();
const FAINT: Style = Style::new().dimmed();
