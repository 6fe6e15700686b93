//! The plan: a sorted plain value. What is printed is what is applied.

mod digest;
mod json;
mod outcome;
mod reason;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{AccountState, Evidence, Localpart, MasUserId, Moment, ServerName, UserId};

pub use digest::Digest;
pub use json::{PlanDocument, SavedAction, SavedPlan};
pub use outcome::{Counts, Outcome};
pub use reason::{KeptReason, Reason};

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
    /// What the second look found, for a disable.
    pub evidence: Option<Evidence>,
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
}

impl Skip {
    /// Why, as a person reads it.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::NotSeen(why) | Self::MovedOn(why) => why,
        }
    }
}

impl Action {
    /// The localpart of the account.
    #[must_use]
    pub fn localpart(&self) -> &Localpart {
        self.user_id.localpart()
    }
}

/// One account that the rule would act on and that is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// The account.
    pub localpart: Localpart,
    /// The first reason that holds.
    pub reason: KeptReason,
    /// Until when they have time to come back, where that is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
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
    /// Sorted by localpart.
    pub kept: Vec<Kept>,
    /// How often the member list and the look at a person disagreed.
    pub contradictions: usize,
    /// More people to look at than `limits.max_look` allows; nobody was looked at.
    pub not_looked: Option<usize>,
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

    /// The actions that will be tried, in order of localpart.
    pub fn to_apply(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.skipped.is_none())
    }

    /// How many of a kind will be tried; the limits count these.
    #[must_use]
    pub fn count_to_apply(&self, kind: ActionKind) -> usize {
        self.to_apply().filter(|action| action.kind == kind).count()
    }

    /// The digest of what will be tried.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(
            &self.server_name,
            self.writer,
            self.disable,
            self.to_apply().map(|action| (action.kind, action.localpart(), action.reason)),
        )
    }

    /// Whether anything would be changed.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.to_apply().next().is_some()
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
