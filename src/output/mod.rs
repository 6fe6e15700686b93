//! Prints for people: data on stdout, progress on stderr, everything readable without colour.

pub mod doctor;
pub mod explain;
pub mod history;
pub mod html;
pub mod markdown;
mod page;
pub mod plan_page;
mod progress;
pub mod report;
#[cfg(test)]
mod section_tests;
pub mod status;
pub mod text;
mod unverified;

use std::io::{IsTerminal, stderr, stdout};
use std::os::fd::AsFd;

use anstyle::{AnsiColor, Style};
use rustix::termios::tcgetwinsize;

pub use page::{Page, wrapped};
pub use progress::Progress;

/// Where text is printed.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Whether long lists are cut, as on a terminal; a file or a pipe gets them in full.
    pub cut: bool,
    /// The number of columns of a terminal; in a file or a pipe no line is wrapped.
    pub width: Option<usize>,
    /// The number of rows of a terminal.
    pub height: Option<usize>,
}

impl Terminal {
    /// A place without an end.
    pub const WHOLE: Self = Self { cut: false, width: None, height: None };
    /// The size of a terminal that does not say.
    const USUAL: (usize, usize) = (80, 24);

    /// Returns what stdout is.
    #[must_use]
    pub fn of_stdout() -> Self {
        Self::new(&stdout())
    }

    /// Returns what stderr is.
    #[must_use]
    pub fn of_stderr() -> Self {
        Self::new(&stderr())
    }

    fn new(stream: &(impl IsTerminal + AsFd)) -> Self {
        if !stream.is_terminal() {
            return Self::WHOLE;
        }
        let size = tcgetwinsize(stream).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
        let (width, height) =
            size.map_or(Self::USUAL, |size| (size.ws_col.into(), size.ws_row.into()));
        Self { cut: true, width: Some(width), height: Some(height) }
    }

    /// Returns the place with every list in full.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { cut: false, ..self }
    }

    /// Returns how many of these to list, if `most` fit.
    fn shown(self, all: usize, most: usize) -> usize {
        if self.cut { all.min(most) } else { all }
    }
}

const HEADING: Style = Style::new().bold();
const ACTIVATE: Style = AnsiColor::Green.on_default().bold();
const DISABLE: Style = AnsiColor::Red.on_default().bold();
const CHANGE: Style = AnsiColor::Yellow.on_default().bold();
const FAINT: Style = Style::new().dimmed();
