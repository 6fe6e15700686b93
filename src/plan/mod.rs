//! Defines the plan, a sorted plain value. What is printed is what is applied.

mod action;
mod admins_of_mas;
mod change;
mod digest;
mod json;
mod mapping;
mod outcome;
mod pass;
mod reason;
pub(crate) mod refusal;
mod run;
mod unverified;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Localpart, ServerName, SignSeen, Timestamp, Unnamed, UserId};
use crate::phrases::counted;
use serde::Serialize;

pub use action::{
    Action, ActionKind, DisableMode, LockSessions, NewAccount, NotRechecked, Skip, WriterKind,
};
pub use admins_of_mas::AdminsOfMas;
pub use change::{NoLonger, PlanChange};
pub use digest::{ApprovedDigest, Digest, PLAN_VERSION};
pub use json::{PlanDocument, SavedAction, SavedPlan};
pub use mapping::{MappingDoubt, MappingSummary, Pair, TieCount};
pub use outcome::{Counts, FailureKind, Left, Outcome, OutcomeKind};
pub use pass::Pass;
pub use reason::{Approval, KeptReason, Mark, Reason};
pub use refusal::{Refusal, RefusalKind};
pub use run::{RunCommand, RunResult};
pub use unverified::Unverified;

/// An account that is kept although the rule would act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub localpart: Localpart,
    /// The first reason that holds.
    pub reason: KeptReason,
    /// The end of the grace period, if that is the reason.
    pub until: Option<Timestamp>,
    /// The signs that it may be a member's, the strongest first, if that is the reason.
    pub signs: Vec<SignSeen>,
}

impl Kept {
    /// Returns an account that is kept for a reason without details.
    #[must_use]
    pub fn new(localpart: Localpart, reason: KeptReason) -> Self {
        Self { localpart, reason, until: None, signs: Vec::new() }
    }
}

/// How much was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ReadCounts {
    /// Distinct users in the groups, including those disabled in Keycloak.
    pub members: usize,
    pub accounts: usize,
}

/// The plan in numbers; `activate + disable + unchanged + kept` is the number of accounts read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub activate: usize,
    pub disable: usize,
    /// New accounts.
    #[serde(skip_serializing_if = "is_zero")]
    pub create: usize,
    /// Second stages; their accounts are counted as unchanged.
    #[serde(skip_serializing_if = "is_zero")]
    pub deactivate: usize,
    /// New administrators.
    #[serde(skip_serializing_if = "is_zero")]
    pub grant_admin: usize,
    /// Administrators who lose the right.
    #[serde(skip_serializing_if = "is_zero")]
    pub revoke_admin: usize,
    /// Accounts that are as they should be.
    pub unchanged: usize,
    /// Enabled members without an account.
    pub not_registered: usize,
    /// Accounts that are kept although the rule would act on them.
    pub kept: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// The accounts that are locked now and will be deactivated (`policy.deactivate_after`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NextStage {
    /// Accounts whose time has not come.
    pub accounts: usize,
    /// When the first of them comes.
    pub first: Option<Timestamp>,
    /// Accounts whose time has come, and that wait because of `limits.max_disable`.
    pub waiting: usize,
}

/// What would change and why, computed from one complete reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub server_name: ServerName,
    pub writer: WriterKind,
    pub disable: DisableMode,
    pub read: ReadCounts,
    /// Sorted by localpart.
    pub actions: Vec<Action>,
    /// Accounts that are as they should be.
    pub unchanged: usize,
    /// Active accounts that are not kept, members and disables together: the base of the share of
    /// disables.
    pub active: usize,
    /// Enabled members without an account, sorted.
    pub not_registered: Vec<Localpart>,
    /// Enabled members without a name that MAS accepts and without an account, sorted by username.
    pub unnamed: Vec<Unnamed>,
    /// Sorted by localpart.
    pub kept: Vec<Kept>,
    /// How often the member list and Keycloak's answer about a user disagreed.
    pub contradictions: usize,
    /// The storage providers behind Keycloak that may be down, sorted.
    pub doubtful: Vec<Box<str>>,
    /// The number of accounts to recheck, if `limits.max_look` is lower: then none was rechecked.
    pub not_rechecked: Option<usize>,
    /// Accounts outside the group that only Synapse is known to have shut out.
    pub unverified: Unverified,
    /// How members and accounts match.
    pub mapping: MappingSummary,
    pub next_stage: NextStage,
    pub admins_of_mas: AdminsOfMas,
}

impl Plan {
    /// Returns a plan about no account.
    #[must_use]
    pub fn empty(server_name: ServerName, writer: WriterKind, disable: DisableMode) -> Self {
        Self {
            server_name,
            writer,
            disable,
            read: ReadCounts::default(),
            actions: Vec::new(),
            unchanged: 0,
            active: 0,
            not_registered: Vec::new(),
            unnamed: Vec::new(),
            kept: Vec::new(),
            contradictions: 0,
            doubtful: Vec::new(),
            not_rechecked: None,
            unverified: Unverified::default(),
            mapping: MappingSummary::default(),
            next_stage: NextStage::default(),
            admins_of_mas: AdminsOfMas::Known,
        }
    }

    /// Returns the plan in numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            activate: self.of_kind(ActionKind::Activate).count(),
            disable: self.of_kind(ActionKind::Disable).count(),
            create: self.of_kind(ActionKind::Create).count(),
            deactivate: self.of_kind(ActionKind::Deactivate).count(),
            grant_admin: self.of_kind(ActionKind::GrantAdmin).count(),
            revoke_admin: self.of_kind(ActionKind::RevokeAdmin).count(),
            unchanged: self.unchanged,
            not_registered: self.not_registered.len(),
            kept: self.kept.iter().filter(|kept| kept.reason != KeptReason::LastAdmin).count(),
        }
    }

    /// Returns the actions of a kind, in order of localpart.
    pub fn of_kind(&self, kind: ActionKind) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(move |action| action.kind == kind)
    }

    /// Returns the actions that will be tried, in order of localpart.
    pub fn to_apply(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.pass().is_some())
    }

    /// Returns how many of a kind will be tried and count to the limits. Those that need an
    /// approval do not count.
    #[must_use]
    pub fn count_within_limits(&self, kind: ActionKind) -> usize {
        let counted = self.to_apply().filter(|action| action.approval.is_none());
        counted.filter(|action| action.kind == kind).count()
    }

    /// Returns how many of a kind will be tried.
    #[must_use]
    pub fn count_to_apply(&self, kind: ActionKind) -> usize {
        self.to_apply().filter(|action| action.kind == kind).count()
    }

    /// Returns the actions that wait for an approval, or would without one.
    pub fn to_approve(&self) -> impl Iterator<Item = &Action> {
        self.in_digest().filter(|action| action.approval.is_some())
    }

    /// Returns the actions that an approval of this plan covers.
    pub fn in_digest(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.is_in_digest())
    }

    /// Leaves all but `room` second stages to a later run: those locked longest go first. Returns
    /// the others.
    pub fn defer_stages(&mut self, room: usize) -> Vec<Action> {
        let tried = self.to_apply().filter(|action| action.kind == ActionKind::Deactivate);
        let mut order: Vec<_> =
            tried.map(|action| (action.since, action.user_id.clone())).collect();
        order.sort();
        let waiting: BTreeSet<_> =
            order.into_iter().skip(room).map(|(_, user_id)| user_id).collect();
        self.next_stage.waiting += waiting.len();
        self.actions.extract_if(.., |action| waiting.contains(&action.user_id)).collect()
    }

    /// Skips the actions that an administrator has to approve.
    pub fn hold_back(&mut self) {
        for action in &mut self.actions {
            if action.approval.is_some() && action.skipped.is_none() {
                action.skipped = Some(Skip::NeedsApproval);
            }
        }
    }

    /// Includes disables of current members, for a run with a yes. Returns their accounts.
    pub fn include_members(&mut self) -> BTreeSet<UserId> {
        let spared = self.actions.iter().filter(|action| action.skipped == Some(Skip::Member));
        let members = spared.map(|action| action.user_id.clone()).collect();
        self.include(&members);
        members
    }

    /// Includes the disables of these current members.
    pub fn include(&mut self, members: &BTreeSet<UserId>) {
        for action in &mut self.actions {
            if members.contains(&action.user_id) {
                action.skipped.take_if(|skip| *skip == Skip::Member);
            }
        }
    }

    /// Returns the digest of what will be tried, and of what waits for an approval.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest_of(self.in_digest())
    }

    /// Returns the digest of the plan that remains after a run; that of the plan itself, if nothing
    /// remains.
    #[must_use]
    pub fn digest_after(&self, outcomes: &[Outcome]) -> Digest {
        let is_done = |outcome: &Outcome| matches!(outcome, Outcome::Done | Outcome::Scheduled(_));
        let outcomes = self.actions.iter().zip(outcomes);
        let remain: Vec<_> = outcomes
            .filter(|(action, outcome)| !is_done(outcome) && action.is_in_digest())
            .map(|(action, _)| action)
            .collect();
        if remain.is_empty() { self.digest() } else { self.digest_of(remain.into_iter()) }
    }

    fn digest_of<'a>(&'a self, actions: impl Iterator<Item = &'a Action>) -> Digest {
        let actions = actions.map(|action| (action.kind, action.localpart(), action.reason));
        Digest::new(PLAN_VERSION, &self.server_name, self.writer, self.disable, actions)
    }

    /// Returns whether anything would be changed, with an approval or without.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.in_digest().next().is_some()
    }

    /// Returns whether accounts are to be deactivated, which loses their rooms and e-mail addresses.
    #[must_use]
    pub fn loses_rooms(&self) -> bool {
        self.in_digest().any(|action| self.is_for_good(action.kind))
    }

    /// Returns whether an action of this kind deactivates, which nothing undoes completely.
    #[must_use]
    pub fn is_for_good(&self, kind: ActionKind) -> bool {
        match kind {
            ActionKind::Disable => self.disable == DisableMode::Deactivate,
            kind => kind == ActionKind::Deactivate,
        }
    }

    /// Returns the actions that a run leaves waiting for an approval.
    pub fn held_back(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.skipped == Some(Skip::NeedsApproval))
    }

    /// Returns how many accounts of current members are left out until a yes.
    #[must_use]
    pub fn spared_members(&self) -> usize {
        self.actions.iter().filter(|action| action.skipped == Some(Skip::Member)).count()
    }

    /// Returns what to do about a refusal if there is no plan to approve.
    #[must_use]
    pub fn advice_without_approval(&self) -> Option<&'static str> {
        if self.not_rechecked.is_some() {
            Some(
                "There is no plan to approve yet. Check the group in Keycloak; if it is right, raise `limits.max_look`.",
            )
        } else if !self.has_changes() {
            Some("Check the group and the limits; if they are right, raise the limit in [limits].")
        } else if self.may_disable_unknown_admins() {
            Some(
                "The administrators of MAS are unknown, and an approval could disable one of them. A warning says why.",
            )
        } else {
            None
        }
    }

    /// Returns whether an approval could take the account of an administrator who is unknown.
    fn may_disable_unknown_admins(&self) -> bool {
        self.admins_of_mas == AdminsOfMas::Unknown
            && self.in_digest().any(|action| action.kind.shuts_out())
    }

    /// Returns what to say of a plan without actions.
    #[must_use]
    pub fn nothing_to_do(&self, command: RunCommand) -> Option<String> {
        if command == RunCommand::Undo {
            return self.nothing_to_undo().map(ToOwned::to_owned);
        }
        let in_doubt = |kept: &&Kept| kept.reason == KeptReason::FederationInDoubt;
        match self.kept.iter().filter(in_doubt).count() {
            _ if !self.actions.is_empty() => None,
            0 if self.doubtful.is_empty() => {
                Some("Nothing to do: everything is in step.".to_owned())
            }
            0 => Some("Nothing to do now: a directory is unverified.".to_owned()),
            count => {
                let waiting = counted(count, "account waits", "accounts wait");
                Some(format!("Nothing to do now: {waiting} until a directory is verified."))
            }
        }
    }

    /// Returns what to say of an undo that changes nothing. Other plans may wait.
    fn nothing_to_undo(&self) -> Option<&'static str> {
        let is_past = |action: &Action| matches!(action.skipped, Some(Skip::MovedOn(_)));
        match self.actions.as_slice() {
            [] => Some("Nothing to undo: the run changed no account."),
            actions => actions.iter().all(is_past).then_some("Nothing is left to undo."),
        }
    }

    /// Returns whether only actions that wait for an approval are left.
    #[must_use]
    pub fn waits_for_approval_alone(&self, outcomes: &[Outcome]) -> bool {
        let mut open =
            self.actions.iter().zip(outcomes).filter(|(_, outcome)| **outcome != Outcome::Done);
        self.to_approve().next().is_some()
            && !self.is_in_doubt()
            && open.all(|(action, _)| action.skipped == Some(Skip::NeedsApproval))
    }

    /// Returns whether a run of this plan is incomplete: an account could not be rechecked, or a
    /// directory is unverified.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.has_unverified_directory()
            || (self.not_rechecked.is_none()
                && self
                    .actions
                    .iter()
                    .any(|action| matches!(action.skipped, Some(Skip::NotSeen(_)))))
    }

    /// Returns whether accounts are kept because a directory is unverified.
    #[must_use]
    pub fn has_unverified_directory(&self) -> bool {
        self.kept.iter().any(|kept| kept.reason == KeptReason::FederationInDoubt)
    }

    /// Returns how many accounts are kept for each reason.
    #[must_use]
    pub fn kept_by_reason(&self) -> BTreeMap<KeptReason, usize> {
        let mut counts = BTreeMap::new();
        for kept in &self.kept {
            *counts.entry(kept.reason).or_default() += 1;
        }
        counts
    }
}
