//! From what was read to what would be done. Pure and synchronous: nothing here awaits, reads a clock or writes.
//!
//! Two steps, because a disable needs more than one list that does not name the person:
//! [`Draft::new`] says whom to look at a second time, [`Draft::decide`] makes the plan of what was then seen.

mod common_prefix;
mod directory;
mod draft;
mod evidence;
mod focus;
mod identity;
mod limits;
mod mapping;
mod memory;
mod policy;
mod presence;
pub(crate) mod refusal;
mod second_look;
mod signs;
mod table;
mod template_fit;
mod undo;
mod verdict;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::model::{Account, Evidence, Localpart, Look, Member, Moment, ServerName, TokenOwners, Unnamed, UserId};

pub use draft::{AskByName, AskFirst, Draft, LookAt, Verdicts};
pub use evidence::{AccountEvidence, Clue, EvidenceLine, Ruling, Side};
pub use focus::Focus;
pub use identity::AccountIndex;
pub use limits::{Limits, Past, Refusal};
pub use memory::{Memory, OwnDisable, Recall};
pub use policy::{
    DisabledMembers, Federation, LockedMembers, Matching, Policy, ProtectError, Protection, Reactivate, UnknownAccounts,
};
pub use presence::{Presence, Reach};
pub use signs::{SignsOfAccounts, members_with_signs};
pub use template_fit::TemplateFit;
pub use undo::{Since, Undo, Undone};
pub use verdict::Verdict;

/// Everything that one complete reading found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The homeserver whose accounts are managed.
    pub server_name: ServerName,
    /// The distinct people of the groups, in any order.
    pub members: Vec<Member>,
    /// Those of them for whom the template gives no name that MAS accepts.
    pub unnamed: Vec<Unnamed>,
    /// Whether the subjects of MAS's links name users of the realm.
    pub subjects: Subjects,
    /// The storage providers of the realm, where they may be seen.
    pub providers: Option<Vec<Box<str>>>,
    /// Those that the last plan about everything found in doubt, for a plan about a part.
    pub doubtful: Vec<Box<str>>,
    /// Every account of the homeserver's, or of MAS's list, in any order.
    pub accounts: Vec<Account>,
    /// The accounts behind the credentials in use.
    pub token_owners: TokenOwners,
    /// When all of this was read.
    pub now: Moment,
    /// What was before.
    pub memory: Memory,
}

impl Facts {
    /// Returns a reading that has found nothing.
    #[must_use]
    pub fn empty(server_name: ServerName) -> Self {
        Self {
            server_name,
            members: Vec::new(),
            unnamed: Vec::new(),
            subjects: Subjects::default(),
            providers: None,
            doubtful: Vec::new(),
            accounts: Vec::new(),
            token_owners: TokenOwners::default(),
            now: Moment::default(),
            memory: Memory::default(),
        }
    }
}

/// Whether the subjects of MAS's upstream links are IDs of Keycloak users (trap 52).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Subjects {
    /// Nothing says that they are not.
    #[default]
    Users,
    /// There are several, none is a member, and none of those that were asked for is a user of the realm.
    NoUsers,
}

/// What the second look found, by account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looks {
    /// People were asked for.
    Taken {
        /// Each answer is evidence or an error.
        answers: BTreeMap<UserId, Look>,
        /// The members as they were after everyone had been asked for, where a directory has to be alive before and
        /// after: it may go down while it is read.
        members_after: Option<Vec<Member>>,
    },
    /// More accounts than `limits.max_look` were left, and none of them was rechecked.
    TooMany {
        /// The accounts that Synapse alone has shown to stay as they are, until there were too many
        /// others.
        aside: BTreeMap<UserId, Look>,
    },
}

impl Looks {
    /// Returns the look at an account, if it was rechecked.
    #[must_use]
    pub fn look(&self, user_id: &UserId) -> Option<&Look> {
        match self {
            Self::Taken { answers: looks, .. } | Self::TooMany { aside: looks } => looks.get(user_id),
        }
    }

    /// Returns the evidence about an account, if it was rechecked without an error.
    #[must_use]
    pub fn evidence(&self, user_id: &UserId) -> Option<&Evidence> {
        self.look(user_id)?.as_ref().ok()
    }

    /// Returns the evidence about all accounts that were rechecked without an error.
    pub fn all_evidence(&self) -> impl Iterator<Item = &Evidence> {
        let (Self::Taken { answers: looks, .. } | Self::TooMany { aside: looks }) = self;
        looks.values().filter_map(|look| look.as_ref().ok())
    }

    /// Marks the accounts of these administrators.
    pub fn mark_admins(&mut self, admins: &[Localpart]) {
        let (Self::Taken { answers: looks, .. } | Self::TooMany { aside: looks }) = self;
        for evidence in looks.values_mut().flatten() {
            let key = evidence.account.user_id.localpart().key();
            if admins.iter().any(|admin| admin.key() == key) {
                evidence.account.admin = true;
            }
        }
    }
}
