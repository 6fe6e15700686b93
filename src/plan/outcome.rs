//! Defines the outcome of an action.

use strum::{EnumDiscriminants, IntoStaticStr, VariantArray};

use super::{ActionKind, Plan};
use crate::model::serde_with_words;

/// The outcome of an action.
#[derive(Debug, Clone, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(OutcomeKind),
    derive(IntoStaticStr, VariantArray),
    strum(serialize_all = "snake_case")
)]
#[strum_discriminants(doc = "The outcome of an action in one word.")]
pub enum Outcome {
    /// Done, and the homeserver shows it.
    Done,
    /// Requested, but not seen on the homeserver in time; with what was last seen.
    Scheduled(String),
    Failed {
        why: String,
        hint: String,
        kind: FailureKind,
        left: Left,
    },
    /// Not tried.
    Skipped(String),
}

/// What made an action fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// MAS has no such user.
    UserNotFound,
    Account,
    /// The writer: no connection, no permission, no database. It would fail with every account.
    Writer,
}

/// What a failed action has left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It was refused before its first change.
    Untouched,
    /// Something may have been changed.
    InDoubt,
}

serde_with_words!(OutcomeKind);

impl Outcome {
    /// Returns the outcome in one word.
    #[must_use]
    pub fn kind(&self) -> OutcomeKind {
        self.into()
    }

    /// Returns why the action was not done, if it was not.
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
    pub activated: usize,
    pub disabled: usize,
    /// New accounts.
    pub created: usize,
    /// Second stages.
    pub deactivated: usize,
    /// New administrators, and those who lost the right.
    pub admins: usize,
    /// Requested, not confirmed in time.
    pub scheduled: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl Counts {
    /// Counts the outcomes of a plan.
    #[must_use]
    pub fn compute(plan: &Plan, outcomes: &[Outcome]) -> Self {
        let mut counts = Self::default();
        for (action, outcome) in plan.actions.iter().zip(outcomes) {
            let count = match (outcome, action.kind) {
                (Outcome::Done, ActionKind::Activate) => &mut counts.activated,
                (Outcome::Done, ActionKind::Disable) => &mut counts.disabled,
                (Outcome::Done, ActionKind::Deactivate) => &mut counts.deactivated,
                (Outcome::Done, ActionKind::Create) => &mut counts.created,
                (Outcome::Done, ActionKind::GrantAdmin | ActionKind::RevokeAdmin) => {
                    &mut counts.admins
                }
                (Outcome::Scheduled(_), _) => &mut counts.scheduled,
                (Outcome::Failed { .. }, _) => &mut counts.failed,
                (Outcome::Skipped(_), _) => &mut counts.skipped,
            };
            *count += 1;
        }
        counts
    }
}
