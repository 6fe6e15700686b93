//! Reports all problems of a configuration at once.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::excerpt::{Excerpt, Place};
use crate::error_chain::in_one_line;

/// One problem: the key, its value, and what is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, with the variable that set it or could set it.
    pub key: String,
    /// The value; never a secret.
    pub value: Option<String>,
    pub expected: String,
    /// The origin of the value, or the place to add it.
    pub place: Option<Place>,
}

/// A mistake in the syntax of TOML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What the parser expected.
    pub message: String,
    pub place: Excerpt,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        write!(f, ": {}", self.expected)
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file is not TOML. The parser's own text would quote the line, which may contain a
    /// secret.
    #[error("{}: this is not TOML{}", path.display(), mistakes_listed(mistakes))]
    NotToml { path: PathBuf, mistakes: Vec<Mistake> },
    /// Keys and values that are wrong.
    #[error("the configuration has {}{}", count(.0), listed(.0))]
    Problems(Vec<Problem>),
}

impl ConfigError {
    /// Returns it in one line, with each place as `FILE:LINE`.
    #[must_use]
    pub fn without_excerpts(&self) -> String {
        let problems: Vec<_> = match self {
            Self::Unreadable { .. } => return in_one_line(self),
            Self::NotToml { mistakes, .. } => mistakes
                .iter()
                .map(|Mistake { message, place }| format!("{}: {message}", place.position()))
                .collect(),
            Self::Problems(problems) => {
                let mut sorted: Vec<_> = problems.iter().collect();
                sorted.sort_by_key(|problem| (problem.place.is_none(), problem.place.as_ref()));
                let place = |problem: &Problem| problem.place.as_ref().map(Place::position);
                let shown = |problem: &&Problem| match place(problem) {
                    Some(place) => format!("{place}: {problem}"),
                    None => problem.to_string(),
                };
                sorted.iter().map(shown).collect()
            }
        };
        problems.join("; ").replace('\n', " ")
    }
}

fn count(problems: &[Problem]) -> String {
    match problems.len() {
        1 => "a problem:".to_owned(),
        n => format!("{n} problems:"),
    }
}

/// Lists the problems in the order of the file. Those of one place share its excerpt.
fn listed(problems: &[Problem]) -> String {
    let mut sorted: Vec<_> = problems.iter().collect();
    sorted.sort_by_key(|problem| (problem.place.is_none(), problem.place.as_ref()));
    let mut places = sorted.iter().map(|problem| problem.place.as_ref()).skip(1);
    let mut text = String::new();
    for problem in &sorted {
        let place = problem.place.as_ref();
        let next = places.next().flatten();
        let is_shared = place.is_some() && next == place;
        text += &listed_one(*problem, place.filter(|_| !is_shared));
    }
    text
}

fn mistakes_listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|Mistake { message, place }| listed_one(message, Some(place))).collect()
}

/// Returns a message on a line of its own, with its place below it.
fn listed_one(message: &impl fmt::Display, place: Option<&impl fmt::Display>) -> String {
    let place = place.map(|place| place.to_string().replace('\n', "\n  ")).unwrap_or_default();
    let break_before = if place.is_empty() { "" } else { "\n  " };
    format!("\n  {message}{break_before}{place}")
}
