//! Decides what would be done from what was read. It is pure and synchronous: nothing here awaits,
//! reads a clock or writes.
//!
//! There are two steps, because one list without the user is not enough to disable an account:
//! [`Draft::new`] returns the accounts to recheck, and [`Draft::decide`] makes the plan with the
//! result.

mod admins;
mod common_prefix;
mod creation;
mod decision_table;
mod directory;
mod draft;
mod evidence;
mod identity;
mod limits;
mod mapping;
mod memory;
mod plan_scope;
mod policy;
mod presence;
mod review;
mod second_look;
mod template_fit;
mod undo;
mod verdict;
mod weak_signs;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::model::{
    Account, Evidence, Localpart, MemberList, Recheck, ServerClocks, ServerName, ServerText,
    Timestamp, TokenOwners, Unnamed, UserId,
};

pub use admins::{AdminChanges, AdminDraft, AdminNames, AdminsSeen, LocksOfAdmins, RightAfter};
pub use draft::{AskByName, AskFirst, Draft, ToRecheck, Verdicts};
pub use evidence::{AccountEvidence, Clue, EvidenceLine, Ruling, Side};
pub use identity::AccountsByLocalpart;
pub use limits::{Limits, Past};
pub use memory::{BegunCreation, Memory, OwnDisable, Progress, Recall, SecondStage};
pub use plan_scope::PlanScope;
pub use policy::{
    AdminRules, DisabledMembers, Federation, LockedMembers, Matching, Policy, ProtectError,
    Protection, Provision, Reactivate, Revoke, UnknownAccounts, WrongEntry,
};
pub use presence::{Presence, Reach};
pub use review::{Grounds, Remark, Review, Reviewed, RightNext, Standing};
pub use template_fit::TemplateFit;
pub use undo::{Since, Undo, Undone};
pub use verdict::Verdict;
pub use weak_signs::{SignsOfAccounts, members_with_signs};

/// Everything that one complete reading found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The homeserver whose accounts are managed.
    pub server_name: ServerName,
    pub members: MemberList,
    /// The members without a name that MAS accepts by the template.
    pub unnamed: Vec<Unnamed>,
    /// Whether the subjects of MAS's links are users of the realm.
    pub subjects: Subjects,
    /// The upstream provider of MAS that is the realm, for new accounts.
    pub provider: Option<ServerText>,
    /// The storage providers of the realm, if they are visible.
    pub providers: Option<Vec<Box<str>>>,
    /// The providers that the last full plan could not verify, for a partial plan.
    pub doubtful: Vec<Box<str>>,
    /// Every account of the homeserver's or MAS's list, in any order.
    pub accounts: Vec<Account>,
    /// The accounts behind the credentials in use.
    pub token_owners: TokenOwners,
    /// When all of this was read.
    pub now: Timestamp,
    /// The same on the clocks of the servers.
    pub clocks: ServerClocks,
    /// What the state file remembers.
    pub memory: Memory,
}

impl Facts {
    /// Returns an empty reading.
    #[must_use]
    pub fn empty(server_name: ServerName) -> Self {
        Self {
            server_name,
            members: MemberList::default(),
            unnamed: Vec::new(),
            subjects: Subjects::default(),
            provider: None,
            providers: None,
            doubtful: Vec::new(),
            accounts: Vec::new(),
            token_owners: TokenOwners::default(),
            now: Timestamp::default(),
            clocks: ServerClocks::default(),
            memory: Memory::default(),
        }
    }
}

/// Whether the subjects of MAS's upstream links are IDs of Keycloak users (trap 52).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Subjects {
    /// Nothing shows the opposite.
    #[default]
    Users,
    /// There are several, none is a member, and none of those requested is a user of the realm.
    NoUsers,
}

/// What the second look found, by account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rechecks {
    Taken {
        /// Each answer is evidence or an error.
        answers: BTreeMap<UserId, Recheck>,
        /// The members after the rechecks, if a directory has to be up before and after: it may go
        /// down meanwhile.
        members_after: Option<MemberList>,
    },
    /// More accounts than `limits.max_look` were left, and none of them was rechecked.
    TooMany {
        /// The accounts that stay as they are by Synapse alone, until there were too many others.
        aside: BTreeMap<UserId, Recheck>,
    },
}

impl Rechecks {
    /// Returns the result of rechecking an account, if it was rechecked.
    #[must_use]
    pub fn recheck(&self, user_id: &UserId) -> Option<&Recheck> {
        match self {
            Self::Taken { answers: rechecks, .. } | Self::TooMany { aside: rechecks } => {
                rechecks.get(user_id)
            }
        }
    }

    /// Returns the evidence about an account, if it was rechecked without an error.
    #[must_use]
    pub fn evidence(&self, user_id: &UserId) -> Option<&Evidence> {
        self.recheck(user_id)?.as_ref().ok()
    }

    /// Returns the evidence about all accounts that were rechecked without an error.
    pub fn all_evidence(&self) -> impl Iterator<Item = &Evidence> {
        let (Self::Taken { answers: rechecks, .. } | Self::TooMany { aside: rechecks }) = self;
        rechecks.values().filter_map(|recheck| recheck.as_ref().ok())
    }

    /// Lets the rechecks of these accounts count as failed. Returns whether any other is left.
    pub fn fail(&mut self, accounts: &[UserId], why: &str) -> bool {
        let (Self::Taken { answers: rechecks, .. } | Self::TooMany { aside: rechecks }) = self;
        for user_id in accounts {
            if let Some(recheck) = rechecks.get_mut(user_id).filter(|recheck| recheck.is_ok()) {
                *recheck = Err(why.to_owned());
            }
        }
        rechecks.values().any(Result::is_ok)
    }

    /// Marks the accounts of these administrators.
    pub fn mark_admins(&mut self, admins: &[Localpart]) {
        let (Self::Taken { answers: rechecks, .. } | Self::TooMany { aside: rechecks }) = self;
        for evidence in rechecks.values_mut().flatten() {
            let key = evidence.account.user_id.localpart().key();
            if admins.iter().any(|admin| admin.key() == key) {
                evidence.account.admin = true;
            }
        }
    }
}
