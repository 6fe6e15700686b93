//! Defines the plan, a sorted plain value. What is printed is what is applied.

mod digest;
mod json;
mod mapping;
mod outcome;
mod pass;
mod reason;
pub(crate) mod refusal;
mod run;
mod unverified;

use std::collections::BTreeMap;

use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

use crate::model::{
    AccountState, Evidence, KeycloakUser, Localpart, MasUserId, ServerName, SignSeen, Timestamp,
    Unnamed, UserId, serde_with_words,
};

pub use digest::{ApprovedDigest, Digest, PLAN_VERSION};
pub use json::{PlanDocument, SavedAction, SavedPlan};
pub use mapping::{MappingDoubt, MappingSummary, Pair, TieCount};
pub use outcome::{Counts, FailureKind, Left, Outcome, OutcomeKind};
pub use pass::Pass;
pub use reason::{Approval, KeptReason, Mark, Reason};
pub use refusal::{Refusal, RefusalKind};
pub use run::{RunCommand, RunResult};
pub use unverified::Unverified;

/// What an action does to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ActionKind {
    /// Unlock and reactivate.
    Activate,
    /// Deactivate or lock, as the policy says, and end the sessions.
    Disable,
}

impl ActionKind {
    /// Returns the state of an account after the action.
    #[must_use]
    pub fn leaves(self, mode: DisableMode) -> AccountState {
        match self {
            Self::Activate => AccountState::default(),
            Self::Disable => AccountState {
                deactivated: mode == DisableMode::Deactivate,
                locked: true,
                erased: false,
            },
        }
    }
}

/// What disabling means (`policy.disable`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum DisableMode {
    /// Lock, deactivate, end the sessions. Rooms and e-mail addresses are lost.
    #[default]
    Deactivate,
    /// Lock and end the sessions. Everything is kept.
    Lock,
}

/// Which writer a plan is for (`writer.type`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum WriterKind {
    /// `mas-cli` as a subprocess.
    #[default]
    MasCli,
    /// MAS's Admin API.
    MasApi,
}

serde_with_words!(ActionKind, DisableMode, WriterKind);

/// One account to change, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    pub kind: ActionKind,
    pub user_id: UserId,
    /// The account's ID in MAS, if it is known: a name may belong to another account when it is
    /// written.
    pub mas_id: Option<MasUserId>,
    pub reason: Reason,
    /// The account as it was read.
    pub before: AccountState,
    /// What the second look found.
    pub evidence: Option<Evidence>,
    /// Why an administrator has to approve it, if one has to.
    pub approval: Option<Approval>,
    /// A note for the administrator; the action is done anyway.
    pub mark: Option<Mark>,
    /// Why it will be skipped, if it will.
    pub skipped: Option<Skip>,
}

/// Why an account was not rechecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRechecked {
    /// A server did not answer as it should, with the error.
    Failed(String),
    /// A server had stopped answering before, because of other accounts perhaps.
    ServerGivenUp,
    /// More accounts than `limits.max_look` would have to be.
    TooMany,
}

impl NotRechecked {
    /// Returns the reason in words.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Failed(error) => error,
            Self::ServerGivenUp => "not rechecked, because a server had stopped answering",
            Self::TooMany => "more accounts than limits.max_look",
        }
    }
}

/// Why an action of a plan is not tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// The second look failed: the account is kept, and the run is incomplete.
    NotSeen(NotRechecked),
    /// The facts have changed since the plan was saved.
    MovedOn(String),
    NeedsApproval,
    /// It would disable a current member, and there was no yes.
    Member,
}

impl Skip {
    /// Returns the reason in words.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::NotSeen(why) => why.text(),
            Self::MovedOn(why) => why,
            Self::NeedsApproval => "needs approval",
            Self::Member => "a member now",
        }
    }
}

impl Action {
    /// Returns the Keycloak user the account belongs to, if Keycloak still has one.
    #[must_use]
    pub fn owner(&self) -> Option<&KeycloakUser> {
        let evidence = self.evidence.as_ref().filter(|_| self.reason != Reason::NotInKeycloak)?;
        let mut known = evidence.keycloak.iter().filter(|answer| !answer.user.is_unknown());
        known.find_map(|answer| answer.user.user())
    }

    /// Returns the localpart of the account.
    #[must_use]
    pub fn localpart(&self) -> &Localpart {
        self.user_id.localpart()
    }

    /// Returns whether an approval of the plan covers this action.
    fn is_in_digest(&self) -> bool {
        matches!(self.skipped, None | Some(Skip::NeedsApproval | Skip::Member))
    }
}

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
    /// Accounts that are as they should be.
    pub unchanged: usize,
    /// Enabled members without an account.
    pub not_registered: usize,
    /// Accounts that are kept although the rule would act on them.
    pub kept: usize,
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
        }
    }

    /// Returns the plan in numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            activate: self.of_kind(ActionKind::Activate).count(),
            disable: self.of_kind(ActionKind::Disable).count(),
            unchanged: self.unchanged,
            not_registered: self.not_registered.len(),
            kept: self.kept.len(),
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
    fn in_digest(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.is_in_digest())
    }

    /// Skips the actions that an administrator has to approve.
    pub fn hold_back(&mut self) {
        for action in &mut self.actions {
            if action.approval.is_some() && action.skipped.is_none() {
                action.skipped = Some(Skip::NeedsApproval);
            }
        }
    }

    /// Includes disables of current members, for a run with a yes.
    pub fn include_members(&mut self) {
        for action in &mut self.actions {
            action.skipped.take_if(|skip| *skip == Skip::Member);
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
        self.kept.iter().any(|kept| kept.reason == KeptReason::FederationInDoubt)
            || (self.not_rechecked.is_none()
                && self
                    .actions
                    .iter()
                    .any(|action| matches!(action.skipped, Some(Skip::NotSeen(_)))))
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
