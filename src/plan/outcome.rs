//! What became of an action.

use super::{ActionKind, Plan};

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and the homeserver shows it.
    Done,
    /// Asked for, and not seen at the homeserver in time; with what was last seen.
    Scheduled(String),
    /// Tried, and failed.
    Failed {
        /// What went wrong.
        why: String,
        /// What to do about it.
        hint: String,
        /// Whose failure it is.
        kind: FailureKind,
        /// What it has left.
        left: Left,
    },
    /// Not tried.
    Skipped(String),
}

/// Whose failure it is that an action failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// MAS has no such user.
    UserNotFound,
    /// That of this one account.
    Account,
    /// That of the writer: no connection, no right, no database. It would fail with every account.
    Writer,
}

/// What a failed action has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It was refused before its first change.
    Untouched,
    /// Something may have been changed.
    InDoubt,
}

impl Outcome {
    /// Every word there is.
    pub const WORDS: [&'static str; 4] = ["done", "scheduled", "failed", "skipped"];

    /// The word in JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Scheduled(_) => "scheduled",
            Self::Failed { .. } => "failed",
            Self::Skipped(_) => "skipped",
        }
    }

    /// What stood in the way.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Done => None,
            Self::Scheduled(why) | Self::Failed { why, .. } | Self::Skipped(why) => Some(why),
        }
    }
}

/// The outcomes of a run in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accounts activated.
    pub activated: usize,
    /// Accounts disabled.
    pub disabled: usize,
    /// Asked for, not confirmed in time.
    pub scheduled: usize,
    /// Failed.
    pub failed: usize,
    /// Not tried.
    pub skipped: usize,
}

impl Counts {
    /// Counts the outcomes of a plan.
    #[must_use]
    pub fn of(plan: &Plan, outcomes: &[Outcome]) -> Self {
        let mut counts = Self::default();
        for (action, outcome) in plan.actions.iter().zip(outcomes) {
            let count = match (outcome, action.kind) {
                (Outcome::Done, ActionKind::Activate) => &mut counts.activated,
                (Outcome::Done, ActionKind::Disable) => &mut counts.disabled,
                (Outcome::Scheduled(_), _) => &mut counts.scheduled,
                (Outcome::Failed { .. }, _) => &mut counts.failed,
                (Outcome::Skipped(_), _) => &mut counts.skipped,
            };
            *count += 1;
        }
        counts
    }
}
