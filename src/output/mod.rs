//! Prints for people: data on stdout, progress on stderr, everything readable without colour.

pub mod doctor;
pub mod explain;
pub mod history;
pub mod markdown;
mod progress;
pub(crate) mod refusal;
pub mod text;
mod unverified;

use std::fmt::Display;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};
use indicatif::HumanCount;

use crate::model::Localpart;
pub use progress::Progress;

/// Where text is printed.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Whether long lists are cut, as on a terminal; a file or a pipe gets them in full.
    pub cut: bool,
}

impl Terminal {
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

/// Joins as many names as fit, at least one.
pub(crate) fn examples(names: &[Localpart], room: usize) -> String {
    let mut joined = String::new();
    for name in names.iter().map(ToString::to_string) {
        if joined.is_empty() {
            joined = name;
        } else if joined.chars().count() + name.chars().count() + 2 <= room {
            joined = format!("{joined}, {name}");
        } else {
            break;
        }
    }
    joined
}

/// Joins the printed form of each item.
pub(crate) fn joined<T: Display>(items: &[T], separator: &str) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(separator)
}

/// Returns a count with its noun: `1,234 accounts`, `1 account`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", HumanCount(count as u64), if count == 1 { one } else { many })
}
