//! What of the past a plan depends on, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{AccountState, Moment, UserId};
use crate::plan::{ActionKind, DisableMode};

/// What the state file remembers; empty without one. Whose account is whose is remembered with each account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Whether anything is remembered at all.
    pub recall: Recall,
    /// Since when an account's owner has been out of the group in every complete reading.
    pub absent_since: BTreeMap<UserId, Moment>,
    /// The last thing that this program tried with each account.
    pub own: BTreeMap<UserId, OwnAction>,
    /// The storage providers that were ever seen, alive or not.
    pub directories: BTreeSet<Box<str>>,
}

/// Whether an account that was never tied to a user may be one that this program has only forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recall {
    /// There is a memory, be it empty: what is in no complete reading was never tied.
    #[default]
    On,
    /// `state_file = "off"`: nothing is remembered, so nothing waits for an approval.
    Off,
}

/// What this program last tried with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnAction {
    /// What.
    pub kind: ActionKind,
    /// What disabling meant then.
    pub mode: DisableMode,
    /// Whether it was seen to be done. What was not may be half done.
    pub is_done: bool,
    /// When it was begun; for a disable that was tried again, when it was begun first.
    pub at: Moment,
}

impl Memory {
    /// Whether this program disabled the account, or began to.
    pub(super) fn is_own(&self, user_id: &UserId) -> bool {
        self.own.get(user_id).is_some_and(|own| own.kind == ActionKind::Disable || !own.is_done)
    }

    /// Whether a lock, and nothing but a lock, is what an action of ours has left: half of a deactivation or of an
    /// activation.
    pub(super) fn left_half_done(&self, user_id: &UserId, state: AccountState) -> bool {
        let only_locked = state.locked && !state.deactivated;
        only_locked && self.own.get(user_id).is_some_and(|own| !own.is_done && own.mode == DisableMode::Deactivate)
    }

    /// Returns when this program last disabled the account, or began to.
    pub(super) fn disabled_at(&self, user_id: &UserId) -> Option<Moment> {
        self.own.get(user_id).filter(|own| own.kind == ActionKind::Disable).map(|own| own.at)
    }
}
