//! From what was read to what would be done. Pure and synchronous: nothing here awaits, reads a clock or writes.
//!
//! Two steps, because a disable needs more than one list that does not name the person:
//! [`Draft::new`] says whom to look at a second time, [`Draft::decide`] makes the plan of what was then seen.

mod directory;
mod draft;
mod focus;
mod limits;
mod matching;
mod memory;
mod policy;
mod table;
mod undo;
mod verdict;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::model::{Account, Look, Member, Moment, ServerName, UserId};

pub use draft::{Draft, LookAt, Presence, Reach, Verdicts};
pub use focus::Focus;
pub use limits::{Limits, Past, Refusal};
pub use matching::people_of;
pub use memory::{Memory, OwnAction};
pub use policy::{
    DisabledMembers, Federation, LockedMembers, Matching, Policy, ProtectError, Protection, Reactivate, UnknownAccounts,
};
pub use undo::undo;
pub use verdict::Verdict;

/// Everything that one complete reading found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The homeserver whose accounts are managed.
    pub server_name: ServerName,
    /// The distinct people of the groups, in any order.
    pub members: Vec<Member>,
    /// The storage providers of the realm, where they may be seen.
    pub providers: Option<Vec<Box<str>>>,
    /// Every account of the homeserver's, or of MAS's list, in any order.
    pub accounts: Vec<Account>,
    /// The owner of Synapse's admin token, where there is one.
    pub token_owner: Option<UserId>,
    /// When all of this was read.
    pub now: Moment,
    /// What was before.
    pub memory: Memory,
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
    /// There were more people than `limits.max_look`, and nobody was asked for.
    TooMany,
}
