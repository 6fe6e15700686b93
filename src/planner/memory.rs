//! Defines what a plan needs from the past, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{AccountState, KeycloakId, SeenState, Timestamp, UserId};
use crate::plan::{DisableMode, OutcomeKind};

/// The clocks of MAS and of this host may differ by this much.
pub(super) const CLOCKS: Duration = Duration::from_mins(1);

/// What the state file remembers; empty without one. Owners are stored with each account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    pub recall: Recall,
    /// Since when an account's owner has been out of the group in every complete reading.
    pub absent_since: BTreeMap<UserId, Timestamp>,
    /// The disables of this program that nothing has ended or reversed.
    pub own: BTreeMap<UserId, OwnDisable>,
    /// Since when an account has been locked by this program, and its owner out of the group, in
    /// every complete reading.
    pub locked_since: BTreeMap<UserId, Timestamp>,
    /// The owners of accounts that are gone, by the key of the localpart.
    pub former_owners: BTreeMap<Box<str>, KeycloakId>,
    /// The accounts that this program has begun to create.
    pub creations: BTreeMap<UserId, BegunCreation>,
    /// The accounts whose owners this program has begun to make no administrators any more: sessions
    /// that use the right may be open.
    pub revocations: BTreeSet<UserId>,
    /// The accounts that mas-cli did not find in the last 24 hours.
    pub not_in_mas: BTreeSet<UserId>,
    /// The accounts that belonged to a bridge when they were last read.
    pub bridges: BTreeSet<UserId>,
    /// The storage providers that were ever seen, up or not.
    pub directories: BTreeSet<Box<str>>,
}

/// An account that this program has begun to create, and that may be half made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunCreation {
    pub user: KeycloakId,
    /// The time of each attempt, from its beginning to its end.
    pub attempts: Vec<(Timestamp, Timestamp)>,
    /// The e-mail addresses that the user had at these attempts.
    pub emails: BTreeSet<Box<str>>,
}

/// Whether the state file is in use, so that unknown owners need an approval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recall {
    /// There is a memory, even if it is empty.
    #[default]
    On,
    /// `state_file = "off"`: nothing is remembered, so nothing waits for an approval.
    Off,
}

/// A disable of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnDisable {
    /// The mode at that time.
    pub mode: DisableMode,
    pub progress: Progress,
    /// When it was first started.
    pub at: Timestamp,
    /// When the last attempt ended.
    pub until: Timestamp,
    /// Whether a deactivation has followed the lock, as far as known.
    pub second_stage: SecondStage,
    /// Whether a later reading has shown it deactivated.
    pub was_deactivated: bool,
}

/// Whether a lock of this program was followed by a deactivation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SecondStage {
    #[default]
    NotBegun,
    /// It was tried, and the homeserver has not shown it.
    Begun,
}

impl OwnDisable {
    /// Returns whether an account in this state shows what was requested, and not confirmed before.
    pub(super) fn is_shown_by(self, state: AccountState) -> bool {
        let has_stage = self.second_stage == SecondStage::Begun;
        match (self.progress, self.mode) {
            _ if has_stage => state.deactivated,
            (Progress::Done, _) | (Progress::Begun, DisableMode::Lock) => false,
            (_, DisableMode::Deactivate) => state.deactivated && !self.was_deactivated,
            (Progress::Requested, DisableMode::Lock) => state.locked && !state.deactivated,
        }
    }

    /// Returns whether this disable can have left an account in this state. If not, an
    /// administrator has changed the account since: a lock does not deactivate, a deactivation that
    /// was confirmed does not leave a mere lock, and neither happens after it has ended.
    fn may_have_left(self, seen: SeenState, last_disabled_at: Option<Timestamp>) -> bool {
        // MAS locks at once, and deactivates by a job, which it may have run later.
        let has_ended = match (self.progress, self.mode, self.second_stage) {
            (Progress::Begun, ..) | (_, _, SecondStage::Begun) => false,
            (Progress::Requested, mode, _) => mode == DisableMode::Lock,
            (Progress::Done, ..) => true,
        };
        if has_ended && last_disabled_at.is_some_and(|at| self.until.after(CLOCKS) < at) {
            return false;
        }
        match self.mode {
            DisableMode::Lock => !seen.is_deactivated() || self.second_stage == SecondStage::Begun,
            DisableMode::Deactivate => {
                let is_complete = self.progress == Progress::Done || self.was_deactivated;
                seen.is_deactivated() || !is_complete
            }
        }
    }
}

/// How far a disable of this program came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It was begun, and then broke off or failed: something of it may be missing.
    Begun,
    /// Everything was requested, and the homeserver did not show it.
    Requested,
    /// The homeserver showed it.
    Done,
}

impl Progress {
    /// Returns how far a disable came by its recorded outcome; there is none if the run was killed.
    #[must_use]
    pub fn reached(outcome: Option<OutcomeKind>) -> Self {
        match outcome {
            Some(OutcomeKind::Done) => Self::Done,
            Some(OutcomeKind::Scheduled) => Self::Requested,
            Some(OutcomeKind::Failed | OutcomeKind::Skipped) | None => Self::Begun,
        }
    }
}

impl Memory {
    /// Returns whether this program disabled the account, or started to, and no one has changed
    /// that since. MAS shows at the second look when it was last locked or deactivated.
    pub(super) fn is_own(
        &self,
        user_id: &UserId,
        seen: SeenState,
        last_disabled_at: Option<Timestamp>,
    ) -> bool {
        self.own.get(user_id).is_some_and(|own| own.may_have_left(seen, last_disabled_at))
    }

    /// Returns whether a disable of ours has left a lock, and something of it is missing: the
    /// deactivation, or, if only locks are wanted, perhaps the end of the sessions.
    pub(super) fn left_half_done(
        &self,
        user_id: &UserId,
        state: AccountState,
        wanted: DisableMode,
    ) -> bool {
        let only_locked = state.locked && !state.deactivated;
        only_locked
            && self.own.get(user_id).is_some_and(|own| match wanted {
                DisableMode::Deactivate => {
                    own.mode == DisableMode::Deactivate
                        && own.progress != Progress::Done
                        && !own.was_deactivated
                }
                DisableMode::Lock => own.progress == Progress::Begun && !own.was_deactivated,
            })
    }

    /// Returns when this program last disabled the account, or started to.
    pub(super) fn disabled_at(&self, user_id: &UserId) -> Option<Timestamp> {
        self.own.get(user_id).map(|own| own.at)
    }
}
