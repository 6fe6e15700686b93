//! Defines what a check found, as data.

use std::error::Error;

use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

use crate::error_chain::in_one_line;
use crate::http::HttpError;
use crate::model::serde_with_words;
use crate::readers::ReadError;
use crate::state::StateError;
use crate::writers::WriterError;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, but should be changed.
    Warning,
    /// A run would fail, or do less than it should.
    Problem,
    /// It cannot be known, or does not matter here.
    Skipped,
}

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Area {
    /// The configuration of this program.
    Settings,
    Keycloak,
    Synapse,
    /// MAS, through its Admin API.
    Mas,
    /// mas-cli, and MAS's database through it.
    MasCli,
}

serde_with_words!(Status, Area);

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The name of the check, which never changes.
    #[serde(rename = "check")]
    pub name: &'static str,
    pub status: Status,
    /// What was found. A line that begins with a blank is a line of its own.
    pub found: String,
    /// What to change, and where; a line that begins with a blank is part of an example.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// The checks of one server, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub area: Area,
    /// The address.
    pub at: String,
    pub checks: Vec<Check>,
    /// Whether the server has stopped answering: a hang is waited for only once.
    silent: bool,
}

/// All checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Server by server.
    pub sections: Vec<Section>,
}

impl Report {
    /// Returns how many checks have this result.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.sections
            .iter()
            .flat_map(|section| &section.checks)
            .filter(|check| check.status == status)
            .count()
    }
}

/// An error with a hint.
pub(super) trait Advice: Error {
    fn advice(&self) -> String;

    fn is_silence(&self) -> bool {
        false
    }
}

impl Advice for HttpError {
    fn advice(&self) -> String {
        self.hint()
    }

    fn is_silence(&self) -> bool {
        Self::is_silence(self)
    }
}

impl Advice for ReadError {
    fn advice(&self) -> String {
        self.hint()
    }

    fn is_silence(&self) -> bool {
        matches!(self, Self::Http(error) if error.is_silence())
    }
}

impl Advice for StateError {
    fn advice(&self) -> String {
        self.hint()
    }
}

impl Advice for WriterError {
    fn advice(&self) -> String {
        self.hint()
    }
}

impl Section {
    pub(crate) fn new(area: Area, at: impl Into<String>) -> Self {
        Self { area, at: at.into(), checks: Vec::new(), silent: false }
    }

    fn add(&mut self, name: &'static str, status: Status, found: String, fix: Option<String>) {
        self.checks.push(Check { name, status, found, fix });
    }

    pub(super) fn ok(&mut self, name: &'static str, found: impl Into<String>) {
        self.add(name, Status::Ok, found.into(), None);
    }

    pub(super) fn warn(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(name, Status::Warning, found.into(), Some(fix.into()));
    }

    pub(super) fn problem(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(name, Status::Problem, found.into(), Some(fix.into()));
    }

    pub(super) fn failed(&mut self, name: &'static str, error: &impl Advice) {
        self.silent |= error.is_silence();
        self.problem(name, in_one_line(error), error.advice());
    }

    /// Returns whether a check has found a problem.
    pub(super) fn has_problem(&self) -> bool {
        self.checks.iter().any(|check| check.status == Status::Problem)
    }

    /// Skips a check if the server has stopped answering. Returns whether it did.
    pub(super) fn gives_up(&mut self, name: &'static str) -> bool {
        if self.silent {
            self.skip(&[name], "the server has stopped answering");
        }
        self.silent
    }

    pub(super) fn skip(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            self.add(name, Status::Skipped, why.to_owned(), None);
        }
    }
}
