//! What the log and the status page say about a plan that was not carried out.

use std::fmt;

use crate::plan::Digest;

/// What an administrator can do about a plan that was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToDo {
    /// The command line that approves the plan, or shows it if no approval is offered.
    pub(super) command: String,
    /// What to do first, if no approval is offered.
    pub(super) advice: Option<&'static str>,
}

impl fmt::Display for ToDo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.advice {
            Some(advice) => f.write_str(advice),
            None => write!(f, "check the plan with `plan`, and if it is right: {}", self.command),
        }
    }
}

/// A plan that was reported.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) digest: Digest,
    /// What to do first, if no approval was offered.
    pub(super) advice: Option<&'static str>,
}
