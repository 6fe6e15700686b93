//! Checks the limits of one run before the first write. Several limits can refuse a plan at once.

use super::common_prefix::common_prefix;
use crate::plan::{Action, ActionKind, Plan, Refusal};

/// `[limits]` of the configuration, as far as they are about a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most accounts that one run may disable.
    pub max_disable: usize,
    /// Largest share of the active, managed accounts that one run may disable, in percent.
    pub max_disable_percent: usize,
    /// Most accounts that one run may activate.
    pub max_activate: usize,
    /// Most accounts that one run may create.
    pub max_create: usize,
    /// Most administrators that one run may make or unmake.
    pub max_admin_changes: usize,
    /// Fewest members that a group must have.
    pub min_members: usize,
    /// Most accounts to recheck, without those of bridges.
    pub max_look: usize,
}

/// What was already done in the time that limits are counted over; nothing if they are about one
/// run alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Past {
    pub disabled: usize,
    /// Accounts of these that are not active now, and so were active before.
    pub inactive: usize,
    pub activated: usize,
    pub created: usize,
    /// Changes of administrators.
    pub admins: usize,
    /// Second stages.
    pub deactivated: usize,
}

impl Limits {
    /// Returns every limit that the plan exceeds. If there is none, it may be applied.
    #[must_use]
    pub fn refuse(&self, plan: &Plan) -> Vec<Refusal> {
        self.refuse_after(plan, Past::default())
    }

    /// Does the same, and counts what was done before, so that many small steps do not evade a
    /// limit. A plan without actions of a kind exceeds none of its limits.
    #[must_use]
    pub fn refuse_after(&self, plan: &Plan, past: Past) -> Vec<Refusal> {
        let disable = plan.count_within_limits(ActionKind::Disable);
        let activate = plan.count_within_limits(ActionKind::Activate);
        let create = plan.count_within_limits(ActionKind::Create);
        let admin_changes = plan.count_within_limits(ActionKind::GrantAdmin)
            + plan.count_within_limits(ActionKind::RevokeAdmin);
        let Past { disabled, inactive, activated, created, admins, deactivated: _ } = past;
        let active = plan.active + inactive;
        let share = self.share_of(active);
        let members = plan.read.members;
        let is_over =
            |planned: usize, before: usize, max: usize| planned > 0 && planned + before > max;
        [
            (members < self.min_members)
                .then_some(Refusal::MinMembers { members, min: self.min_members }),
            plan.not_rechecked.map(|people| Refusal::MaxLook {
                people,
                max: self.max_look,
                prefix: common_prefix(plan.of_kind(ActionKind::Disable).map(Action::localpart)),
            }),
            is_over(disable, disabled, self.max_disable).then_some(Refusal::MaxDisable {
                planned: disable,
                before: disabled,
                max: self.max_disable,
            }),
            is_over(disable, disabled, share).then_some(Refusal::MaxDisablePercent {
                planned: disable,
                before: disabled,
                active,
                percent: self.max_disable_percent,
                max: share,
            }),
            is_over(activate, activated, self.max_activate).then_some(Refusal::MaxActivate {
                planned: activate,
                before: activated,
                max: self.max_activate,
            }),
            is_over(create, created, self.max_create).then_some(Refusal::MaxCreate {
                planned: create,
                before: created,
                max: self.max_create,
            }),
            is_over(admin_changes, admins, self.max_admin_changes).then_some(
                Refusal::MaxAdminChanges {
                    planned: admin_changes,
                    before: admins,
                    max: self.max_admin_changes,
                },
            ),
            plan.mapping.doubt.clone().map(Refusal::MappingInDoubt),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Leaves to a later run what `max_disable` has no room for after the disables: the second
    /// stage waits, and never refuses a plan. Returns the actions that wait.
    pub fn defer_stages(&self, plan: &mut Plan, past: Past) -> Vec<Action> {
        let disables = plan.count_within_limits(ActionKind::Disable) + past.disabled;
        plan.defer_stages(self.max_disable.saturating_sub(disables + past.deactivated))
    }

    /// Returns the share in accounts, rounded down, but at least one, so that a server with few
    /// accounts can still lose one.
    fn share_of(&self, active: usize) -> usize {
        (active.saturating_mul(self.max_disable_percent) / 100).max(1)
    }
}
