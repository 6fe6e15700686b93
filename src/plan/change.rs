//! Compares a plan that was confirmed with a newer one.

use std::collections::BTreeMap;
use std::fmt;

use super::{Action, ActionKind, AdminsOfMas, Plan, Skip};
use crate::model::{Localpart, Word as _};

/// Why a plan no longer fits: the first of its changes that a newer plan does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanChange {
    /// An account to disable may be an administrator's now.
    UnknownAdmins,
    Action {
        kind: ActionKind,
        localpart: Localpart,
        why: NoLonger,
    },
}

/// Why a change no longer fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoLonger {
    /// The newer plan does not have it.
    Planned,
    /// The plan has it for another reason.
    ForThisReason,
    /// It is skipped.
    Tried(Skip),
}

impl fmt::Display for PlanChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAdmins => f.write_str("the administrators of MAS are unknown now"),
            Self::Action { kind, localpart, why } => {
                let kind = kind.word();
                match why {
                    NoLonger::Planned => write!(f, "{kind} {localpart}: no longer planned"),
                    NoLonger::ForThisReason => {
                        write!(f, "{kind} {localpart}: for another reason now")
                    }
                    NoLonger::Tried(skip) => write!(f, "{kind} {localpart}: {}", skip.why()),
                }
            }
        }
    }
}

impl Plan {
    /// Returns the first change of this plan that a newer one does not have for the same reason, or
    /// nothing if the newer one does all of it.
    #[must_use]
    pub fn change_in(&self, newer: &Self) -> Option<PlanChange> {
        let newer_actions: BTreeMap<_, _> =
            newer.actions.iter().map(|action| ((&action.user_id, action.kind), action)).collect();
        let why = |action: &Action| match newer_actions.get(&(&action.user_id, action.kind)) {
            None => Some(NoLonger::Planned),
            Some(Action { skipped: Some(skip), .. }) => Some(NoLonger::Tried(skip.clone())),
            Some(newer) if (newer.reason, newer.approval) != (action.reason, action.approval) => {
                Some(NoLonger::ForThisReason)
            }
            Some(_) => None,
        };
        let mut changes = self.to_apply().filter_map(|action| {
            let (kind, localpart) = (action.kind, action.localpart().clone());
            why(action).map(|why| PlanChange::Action { kind, localpart, why })
        });
        changes.next().or_else(|| {
            let is_less_known = self.admins_of_mas == AdminsOfMas::Known
                && newer.admins_of_mas == AdminsOfMas::Unknown;
            let shuts_out = || self.to_apply().any(|action| action.kind.shuts_out());
            (is_less_known && shuts_out()).then_some(PlanChange::UnknownAdmins)
        })
    }
}
