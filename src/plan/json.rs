//! The plan as JSON: printed, saved and read back. The field names are part of the interface.

use serde::{Deserialize, Serialize};

use super::digest::PLAN_VERSION;
use super::{Action, ActionKind, Digest, DisableMode, Kept, Outcome, Plan, ReadCounts, Reason, Summary, WriterKind};
use crate::model::{Localpart, UserId};

/// What `plan --format json` prints and `apply` reads.
#[derive(Debug, Serialize)]
pub struct PlanDocument<'p> {
    version: u32,
    digest: Digest,
    writer: WriterKind,
    disable: DisableMode,
    read: ReadCounts,
    summary: Summary,
    #[serde(skip_serializing_if = "is_zero")]
    contradictions: usize,
    actions: Vec<ActionEntry<'p>>,
    not_registered: &'p [Localpart],
    kept: &'p [Kept],
    /// Why a sync of this plan would be, or was, refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ActionEntry<'p> {
    action: ActionKind,
    localpart: &'p Localpart,
    user_id: &'p UserId,
    reason: Reason,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'p str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl<'p> PlanDocument<'p> {
    /// A plan that nobody has applied.
    #[must_use]
    pub fn planned(plan: &'p Plan, refused: Vec<String>) -> Self {
        Self::new(plan, refused, |action| match &action.skipped {
            Some(skip) => (Some("skipped"), Some(skip.why())),
            None => (None, None),
        })
    }

    /// A plan with what became of each action; `outcomes` stand in the order of the plan's actions.
    #[must_use]
    pub fn applied(plan: &'p Plan, outcomes: &'p [Outcome]) -> Self {
        let mut outcomes = outcomes.iter();
        Self::new(plan, Vec::new(), |_| {
            let outcome = outcomes.next().unwrap_or(&Outcome::Done);
            (Some(outcome.word()), outcome.error())
        })
    }

    fn new(
        plan: &'p Plan,
        refused: Vec<String>,
        mut outcome: impl FnMut(&'p Action) -> (Option<&'static str>, Option<&'p str>),
    ) -> Self {
        let entry = |action: &'p Action| {
            let (outcome, error) = outcome(action);
            ActionEntry {
                action: action.kind,
                localpart: action.localpart(),
                user_id: &action.user_id,
                reason: action.reason,
                outcome,
                error,
            }
        };
        Self {
            version: PLAN_VERSION,
            digest: plan.digest(),
            writer: plan.writer,
            disable: plan.disable,
            read: plan.read,
            summary: plan.summary(),
            contradictions: plan.contradictions,
            actions: plan.actions.iter().map(entry).collect(),
            not_registered: &plan.not_registered,
            kept: &plan.kept,
            refused,
        }
    }

    /// The document as it is printed and saved, with a newline at the end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("strings and numbers always serialize");
        json.push('\n');
        json
    }
}

/// A plan read back from a file.
#[derive(Debug, Deserialize)]
pub struct SavedPlan {
    /// The version of the format.
    pub version: u32,
    /// What the file says its digest is.
    pub digest: Digest,
    /// The writer it was made for.
    pub writer: String,
    /// The disable mode it was made for.
    pub disable: DisableMode,
    /// What it would do.
    pub actions: Vec<SavedAction>,
}

/// An action of a saved plan.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SavedAction {
    /// What to do.
    pub action: ActionKind,
    /// To whom.
    pub user_id: UserId,
    /// The account's localpart.
    pub localpart: Localpart,
    /// Why.
    pub reason: Reason,
    /// `skipped` where the second look had failed; such an action is no part of the digest and never applied.
    #[serde(default)]
    pub outcome: Option<String>,
}
