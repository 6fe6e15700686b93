//! Prints, saves and reads the plan as JSON. The field names are part of the interface.

use serde::{Deserialize, Serialize};

use super::digest::PLAN_VERSION;
use super::is_zero;
use super::{
    Action, ActionKind, Approval, Digest, DisableMode, Kept, KeptReason, Mark, Outcome,
    OutcomeKind, Plan, ReadCounts, Reason, Refusal, RefusalKind, Summary, WriterKind,
};
use crate::model::{
    KeycloakUser, Localpart, ServerText, Sign, Timestamp, Unnamed, UserId, to_json,
};

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
    unnamed: Vec<UnnamedEntry<'p>>,
    kept: Vec<KeptEntry<'p>>,
    /// Accounts outside the group that only Synapse is known to have shut out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unverified: Vec<&'p Localpart>,
    /// Why a sync of this plan would be, or was, refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
    /// The same in one word each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused_by: Vec<RefusalKind>,
}

#[derive(Debug, Serialize)]
struct ActionEntry<'p> {
    action: ActionKind,
    localpart: &'p Localpart,
    user_id: &'p UserId,
    reason: Reason,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keycloak: Option<&'p KeycloakUser>,
    #[serde(skip_serializing_if = "Option::is_none")]
    needs_approval: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<OutcomeKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'p str>,
}

#[derive(Debug, Serialize)]
struct KeptEntry<'p> {
    localpart: &'p Localpart,
    reason: KeptReason,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keycloak: Option<&'p KeycloakUser>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Sign>,
}

#[derive(Debug, Serialize)]
struct UnnamedEntry<'p> {
    username: &'p ServerText,
    why: &'p ServerText,
}

impl<'p> PlanDocument<'p> {
    /// Returns the document of a plan that was not applied.
    #[must_use]
    pub fn planned(plan: &'p Plan, refusals: &[Refusal]) -> Self {
        Self::new(plan, plan.digest(), refusals, |action| match &action.skipped {
            Some(skip) => (Some(OutcomeKind::Skipped), Some(skip.why())),
            None => (None, None),
        })
    }

    /// Returns the document of a plan with its outcomes, in the order of its actions. Its digest is
    /// that of the plan that remains.
    #[must_use]
    pub fn applied(plan: &'p Plan, outcomes: &'p [Outcome]) -> Self {
        let digest = plan.digest_after(outcomes);
        let mut outcomes = outcomes.iter();
        Self::new(plan, digest, &[], |_| {
            let outcome = outcomes.next().unwrap_or(&Outcome::Done);
            (Some(outcome.kind()), outcome.error())
        })
    }

    fn new(
        plan: &'p Plan,
        digest: Digest,
        refusals: &[Refusal],
        mut outcome: impl FnMut(&'p Action) -> (Option<OutcomeKind>, Option<&'p str>),
    ) -> Self {
        let entry = |action: &'p Action| {
            let (outcome, error) = outcome(action);
            ActionEntry {
                action: action.kind,
                localpart: action.localpart(),
                user_id: &action.user_id,
                reason: action.reason,
                since: action.since,
                keycloak: action.owner(),
                needs_approval: action.approval.map(|_| true),
                why: action.approval.map(Approval::text).or(action.mark.map(Mark::text)),
                outcome,
                error,
            }
        };
        Self {
            version: PLAN_VERSION,
            digest,
            writer: plan.writer,
            disable: plan.disable,
            read: plan.read,
            summary: plan.summary(),
            contradictions: plan.contradictions,
            actions: plan.actions.iter().map(entry).collect(),
            not_registered: &plan.not_registered,
            unnamed: plan.unnamed.iter().map(UnnamedEntry::from).collect(),
            kept: plan.kept.iter().map(KeptEntry::from).collect(),
            unverified: plan.unverified.localparts().collect(),
            refused: refusals.iter().map(ToString::to_string).collect(),
            refused_by: refusals.iter().map(Refusal::kind).collect(),
        }
    }

    /// Returns the document as it is printed and saved, with a newline at the end.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

impl<'p> From<&'p Kept> for KeptEntry<'p> {
    fn from(kept: &'p Kept) -> Self {
        let strongest = kept.signs.first();
        Self {
            localpart: &kept.localpart,
            reason: kept.reason,
            until: kept.until,
            keycloak: strongest.map(|seen| &seen.user),
            evidence: strongest.map(|seen| seen.sign),
        }
    }
}

impl<'p> From<&'p Unnamed> for UnnamedEntry<'p> {
    fn from(unnamed: &'p Unnamed) -> Self {
        Self { username: &unnamed.username, why: &unnamed.why }
    }
}

/// A plan read back from a file.
#[derive(Debug, Deserialize)]
pub struct SavedPlan {
    pub version: u32,
    /// What the file says its digest is.
    pub digest: Digest,
    pub writer: ServerText,
    pub disable: DisableMode,
    pub actions: Vec<SavedAction>,
}

/// An action of a saved plan.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SavedAction {
    pub action: ActionKind,
    pub user_id: UserId,
    pub localpart: Localpart,
    pub reason: Reason,
    #[serde(default)]
    pub needs_approval: bool,
    /// `skipped` if the second look failed; such an action is not part of the digest and never
    /// applied.
    #[serde(default)]
    pub outcome: Option<String>,
}
