//! The plan: a sorted plain value. What is printed is what is applied.

mod digest;
mod json;
mod mapping;
mod outcome;
mod pass;
mod reason;
mod unverified;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{
    AccountState, Evidence, KeycloakUser, Localpart, MasUserId, Moment, ServerName, SignSeen, Unnamed, UserId,
};

pub use digest::{ApprovedDigest, Digest, PLAN_VERSION};
pub use json::{PlanDocument, SavedAction, SavedPlan};
pub use mapping::{MappingDoubt, MappingSummary, Pair, TieCount};
pub use outcome::{Counts, FailureKind, Left, Outcome};
pub use pass::Pass;
pub use reason::{Approval, KeptReason, Mark, Reason};
pub use unverified::Unverified;

/// What an action does to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Unlock and reactivate.
    Activate,
    /// Deactivate or lock, as the policy says, and end the sessions.
    Disable,
}

impl ActionKind {
    /// The word in the plan's JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Disable => "disable",
        }
    }

    /// The state that it leaves an account in, once it is done.
    #[must_use]
    pub fn leaves(self, mode: DisableMode) -> AccountState {
        match self {
            Self::Activate => AccountState::default(),
            Self::Disable => AccountState { deactivated: mode == DisableMode::Deactivate, locked: true, erased: false },
        }
    }
}

/// What disabling means (`policy.disable`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisableMode {
    /// Lock, deactivate, end the sessions. Rooms and e-mail addresses are lost.
    #[default]
    Deactivate,
    /// Lock and end the sessions. Everything is kept.
    Lock,
}

/// Which writer a plan is for (`writer.type`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriterKind {
    /// `mas-cli` as a subprocess.
    #[default]
    MasCli,
    /// MAS's Admin API.
    MasApi,
}

impl WriterKind {
    /// The name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MasCli => "mas-cli",
            Self::MasApi => "mas-api",
        }
    }
}

impl DisableMode {
    /// The name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deactivate => "deactivate",
            Self::Lock => "lock",
        }
    }
}

/// One account to change, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What to do.
    pub kind: ActionKind,
    /// To whom.
    pub user_id: UserId,
    /// Whom MAS has by this name, where it was asked: a name may belong to somebody else by the time of the writing.
    pub mas_id: Option<MasUserId>,
    /// The rule that decided.
    pub reason: Reason,
    /// The account as it was read.
    pub before: AccountState,
    /// What the second look found.
    pub evidence: Option<Evidence>,
    /// Why an administrator has to approve it, if one has to.
    pub approval: Option<Approval>,
    /// What an administrator should know about it, although it is done.
    pub mark: Option<Mark>,
    /// Why it will not be tried, if it will not.
    pub skipped: Option<Skip>,
}

/// Why an action of a plan is not tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// The second look at this person failed: an error keeps them, and leaves the run incomplete.
    NotSeen(String),
    /// The facts have moved since the plan was saved.
    MovedOn(String),
    /// An administrator has to approve it, and has not.
    NeedsApproval,
    /// It would disable a current member, and there was no yes.
    Member,
}

impl Skip {
    /// Why, as a person reads it.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::NotSeen(why) | Self::MovedOn(why) => why,
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

    /// The localpart of the account.
    #[must_use]
    pub fn localpart(&self) -> &Localpart {
        self.user_id.localpart()
    }

    /// Returns whether an approval of the plan is about this action too.
    fn is_in_digest(&self) -> bool {
        matches!(self.skipped, None | Some(Skip::NeedsApproval | Skip::Member))
    }
}

/// One account that the rule would act on and that is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The account.
    pub localpart: Localpart,
    /// The first reason that holds.
    pub reason: KeptReason,
    /// Until when its owner has time to come back, if that is the reason.
    pub until: Option<Moment>,
    /// The signs that it may be a member's, the strongest first, if that is the reason.
    pub signs: Vec<SignSeen>,
}

impl Kept {
    /// Returns an account that is kept for a reason that needs no more words.
    #[must_use]
    pub fn new(localpart: Localpart, reason: KeptReason) -> Self {
        Self { localpart, reason, until: None, signs: Vec::new() }
    }
}

/// How much was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ReadCounts {
    /// Distinct people of the groups, those disabled in Keycloak too.
    pub members: usize,
    /// Accounts in the list.
    pub accounts: usize,
}

/// The plan in numbers; `activate + disable + unchanged + kept` is the number of accounts read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Accounts to activate.
    pub activate: usize,
    /// Accounts to disable.
    pub disable: usize,
    /// Accounts that are as they should be.
    pub unchanged: usize,
    /// Enabled members without an account.
    pub not_registered: usize,
    /// Accounts that the rule would act on and that are left alone.
    pub kept: usize,
}

/// What would change and why, made from one complete reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The homeserver.
    pub server_name: ServerName,
    /// The writer it is for.
    pub writer: WriterKind,
    /// What disabling means.
    pub disable: DisableMode,
    /// How much was read.
    pub read: ReadCounts,
    /// Sorted by localpart.
    pub actions: Vec<Action>,
    /// Accounts that are as they should be.
    pub unchanged: usize,
    /// Active accounts that are not kept, members and disables together: what the share of disables is of.
    pub active: usize,
    /// Enabled members without an account, sorted.
    pub not_registered: Vec<Localpart>,
    /// Enabled members without a name that MAS accepts and without an account, sorted by username.
    pub unnamed: Vec<Unnamed>,
    /// Sorted by localpart.
    pub kept: Vec<Kept>,
    /// How often the member list and the look at a person disagreed.
    pub contradictions: usize,
    /// The storage providers behind Keycloak that may be down, sorted.
    pub doubtful: Vec<Box<str>>,
    /// More accounts to recheck than `limits.max_look` allows; none was rechecked.
    pub not_looked: Option<usize>,
    /// Accounts outside the group that only Synapse is known to have shut out.
    pub unverified: Unverified,
    /// How members and accounts fit together.
    pub mapping: MappingSummary,
}

impl Plan {
    /// The plan in numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            activate: self.of(ActionKind::Activate).count(),
            disable: self.of(ActionKind::Disable).count(),
            unchanged: self.unchanged,
            not_registered: self.not_registered.len(),
            kept: self.kept.len(),
        }
    }

    /// The actions of a kind, in order of localpart.
    pub fn of(&self, kind: ActionKind) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(move |action| action.kind == kind)
    }

    /// Returns the actions that will be tried, in order of localpart.
    pub fn to_apply(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.pass().is_some())
    }

    /// Returns how many of a kind will be tried and count to the limits, which those that need an approval do not.
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

    /// Returns the actions that an approval of this plan is about.
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

    /// Disables current members too; for a run with a yes.
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

    /// Returns the digest of the plan that remains after a run; that of the plan itself, if nothing remains.
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

    /// Returns whether nothing is left open but actions that wait for an approval.
    #[must_use]
    pub fn waits_for_approval_alone(&self, outcomes: &[Outcome]) -> bool {
        let mut open = self.actions.iter().zip(outcomes).filter(|(_, outcome)| **outcome != Outcome::Done);
        self.to_approve().next().is_some()
            && !self.is_in_doubt()
            && open.all(|(action, _)| action.skipped == Some(Skip::NeedsApproval))
    }

    /// Whether a run of this plan leaves something open: someone could not be looked at, or a directory is in doubt.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.kept.iter().any(|kept| kept.reason == KeptReason::FederationInDoubt)
            || (self.not_looked.is_none()
                && self.actions.iter().any(|action| matches!(action.skipped, Some(Skip::NotSeen(_)))))
    }

    /// How many accounts are kept for each reason.
    #[must_use]
    pub fn kept_by_reason(&self) -> BTreeMap<KeptReason, usize> {
        let mut counts = BTreeMap::new();
        for kept in &self.kept {
            *counts.entry(kept.reason).or_default() += 1;
        }
        counts
    }
}
