//! Reports all problems of a configuration at once.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// One problem: the key, its value, and what is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, with the variable that set it or could set it.
    pub key: String,
    /// The value; never a secret.
    pub value: Option<String>,
    pub expected: String,
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
    #[error("{}: line {line}, column {column}: this is not TOML: {message}", path.display())]
    NotToml {
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What the parser expected.
        message: String,
    },
    /// Keys and values that are wrong.
    #[error("the configuration has {}{}", count(.0), listed(.0))]
    Problems(Vec<Problem>),
}

fn count(problems: &[Problem]) -> String {
    match problems.len() {
        1 => "a problem:".to_owned(),
        n => format!("{n} problems:"),
    }
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |text, problem| text + "\n  " + &problem.to_string())
}
