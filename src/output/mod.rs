//! What people see: data on stdout, progress on stderr, everything readable without colour.

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
    /// On a terminal long lists are cut; a file or a pipe gets them whole.
    pub cut: bool,
}

impl Terminal {
    /// What stdout is.
    #[must_use]
    pub fn of_stdout() -> Self {
        Self { cut: std::io::stdout().is_terminal() }
    }
}

const HEADING: Style = Style::new().bold();
const ACTIVATE: Style = AnsiColor::Green.on_default().bold();
const DISABLE: Style = AnsiColor::Red.on_default().bold();
const FAINT: Style = Style::new().dimmed();
