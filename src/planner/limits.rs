//! The limits on one run. They are checked before the first write, and a plan can be refused by several at once.

use crate::plan::{ActionKind, Plan};

/// `[limits]` of the configuration, those that are about a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most accounts that one run may disable.
    pub max_disable: usize,
    /// Largest share of the active, managed accounts that one run may disable, in percent.
    pub max_disable_percent: usize,
    /// Most accounts that one run may activate.
    pub max_activate: usize,
    /// Fewest members that a group is believed to have.
    pub min_members: usize,
    /// Most people to look at a second time.
    pub max_look: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_disable: 25, max_disable_percent: 10, max_activate: 100, min_members: 1, max_look: 5000 }
    }
}

/// A limit that a plan is over, with the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Fewer members than `limits.min_members`.
    MinMembers {
        /// Members read.
        members: usize,
        /// The limit.
        min: usize,
    },
    /// More people to look at than `limits.max_look`.
    MaxLook {
        /// People to look at.
        people: usize,
        /// The limit.
        max: usize,
    },
    /// More disables than `limits.max_disable`.
    MaxDisable {
        /// Disables planned.
        planned: usize,
        /// The limit.
        max: usize,
    },
    /// A larger share of disables than `limits.max_disable_percent`.
    MaxDisablePercent {
        /// Disables planned.
        planned: usize,
        /// Active, managed accounts.
        active: usize,
        /// The limit in percent.
        percent: usize,
        /// The limit in accounts.
        max: usize,
    },
    /// More activations than `limits.max_activate`.
    MaxActivate {
        /// Activations planned.
        planned: usize,
        /// The limit.
        max: usize,
    },
}

impl Limits {
    /// Every limit that the plan is over; empty means that it may be applied.
    #[must_use]
    pub fn refuse(&self, plan: &Plan) -> Vec<Refusal> {
        let disable = plan.count_to_apply(ActionKind::Disable);
        let activate = plan.count_to_apply(ActionKind::Activate);
        let share = self.share_of(plan.active);
        let members = plan.read.members;
        [
            (members < self.min_members).then_some(Refusal::MinMembers { members, min: self.min_members }),
            plan.not_looked.map(|people| Refusal::MaxLook { people, max: self.max_look }),
            (disable > self.max_disable).then_some(Refusal::MaxDisable { planned: disable, max: self.max_disable }),
            (disable > share).then_some(Refusal::MaxDisablePercent {
                planned: disable,
                active: plan.active,
                percent: self.max_disable_percent,
                max: share,
            }),
            (activate > self.max_activate)
                .then_some(Refusal::MaxActivate { planned: activate, max: self.max_activate }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The share in accounts, rounded down; one may always go, so that a server with ten people can still lose one.
    fn share_of(&self, active: usize) -> usize {
        (active.saturating_mul(self.max_disable_percent) / 100).max(1)
    }
}
