//! Adds the changes of administrators to a plan, so that enough of them are left.

use std::collections::{BTreeSet, HashSet};

use crate::model::{Localpart, UserId};
use crate::plan::{Action, ActionKind, Kept, KeptReason, Plan, Skip};

/// What becomes of the right of an account's owner, for `explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RightAfter {
    Given,
    Taken,
    /// It stays, and with it the account, because too few would be left.
    Last,
    /// The second look failed.
    Skipped,
    /// It stays as it is, because it is not clear who owns the account, or who that user is now.
    Unclear,
}

impl RightAfter {
    /// Returns what a plan makes of the right of this account's owner, if anything.
    #[must_use]
    pub fn by(plan: &Plan, user_id: &UserId) -> Option<Self> {
        let mut of_account = plan.actions.iter().filter(|action| action.user_id == *user_id);
        let is_last = |kept: &Kept| {
            kept.reason == KeptReason::LastAdmin
                && kept.localpart == *user_id.localpart()
                && plan.server_name == *user_id.server_name()
        };
        match of_account.find(|action| action.kind.is_about_admins()) {
            Some(action) if action.skipped.is_some() => Some(Self::Skipped),
            Some(action) if action.kind == ActionKind::GrantAdmin => Some(Self::Given),
            Some(_) => Some(Self::Taken),
            None => plan.kept.iter().any(is_last).then_some(Self::Last),
        }
    }
}

/// The changes of administrators with the second look, for a plan.
#[derive(Debug)]
pub struct AdminChanges {
    pub(super) actions: Vec<Action>,
    pub(super) contradictions: usize,
    /// The accounts whose right stays because it is not clear who owns them, or who they are now.
    pub(super) unclear: Vec<UserId>,
    /// The directories that may be down, and because of which a right stays.
    pub(super) doubtful: BTreeSet<Box<str>>,
    /// The administrators whose accounts are active.
    pub(super) in_office: HashSet<UserId>,
    /// The same, those whose names differ from another account's only in case, because MAS may mean
    /// either, and those that may be locked.
    pub(super) may_be_in_office: HashSet<UserId>,
    pub(super) min_admins: usize,
}

impl AdminChanges {
    /// Returns the accounts whose right stays as it is because the evidence is not clear.
    #[must_use]
    pub fn unclear(&self) -> &[UserId] {
        &self.unclear
    }

    /// Adds the changes to a plan. Those who would leave fewer administrators than
    /// `admins.min_admins` keep the right, and their accounts (`policy.protect_admins = false`); who
    /// gets it in this run or is disabled by it does not count. An account that the plan changes
    /// otherwise waits for the next run, unless that change has to wait itself.
    pub fn add_to(mut self, plan: &mut Plan) {
        let actions = std::mem::take(&mut self.actions);
        revoke_instead(plan, &actions);
        let last = self.last_ones(plan);
        plan.actions.retain(|action| !last.contains(&action.user_id));
        plan.unchanged += last.len();
        plan.kept.extend(last.iter().map(kept_as_last));

        let changed: HashSet<_> =
            plan.actions.iter().map(|action| action.user_id.clone()).collect();
        let mut left = self.in_office.difference(&changed).count();
        for action in actions {
            let is_revoked = action.kind == ActionKind::RevokeAdmin;
            if changed.contains(&action.user_id) || is_revoked && last.contains(&action.user_id) {
                continue;
            }
            let loses = is_revoked && action.skipped.is_none();
            let in_office = usize::from(loses && self.in_office.contains(&action.user_id));
            let may_be = loses && self.may_be_in_office.contains(&action.user_id);
            if may_be && left < self.min_admins + in_office {
                plan.kept.push(kept_as_last(&action.user_id));
                continue;
            }
            left -= in_office;
            plan.actions.push(action);
        }
        plan.contradictions += self.contradictions;
        let doubtful: BTreeSet<_> = plan.doubtful.drain(..).chain(self.doubtful).collect();
        plan.doubtful = doubtful.into_iter().collect();
        plan.actions.sort_by(|one, other| one.user_id.cmp(&other.user_id));
        plan.kept.sort_by(|one, other| one.localpart.cmp(&other.localpart));
    }

    /// Leaves out the disables of a plan that would leave too few administrators, such as those of
    /// `undo`.
    pub fn skip_last_ones(&self, plan: &mut Plan) {
        let last = self.last_ones(plan);
        for action in plan.actions.iter_mut().filter(|action| last.contains(&action.user_id)) {
            let why = format!("kept now: {}", KeptReason::LastAdmin.text());
            action.skipped = Some(Skip::MovedOn(why));
        }
    }

    /// Returns the administrators who would be disabled although too few would be left without them.
    fn last_ones(&self, plan: &Plan) -> BTreeSet<UserId> {
        let changed: HashSet<_> =
            plan.actions.iter().map(|action| action.user_id.clone()).collect();
        let mut left = self.in_office.difference(&changed).count();
        let mut last = BTreeSet::new();
        let disables = plan
            .actions
            .iter()
            // `undo` may include members later.
            .filter(|action| matches!(action.skipped, None | Some(Skip::Member)))
            .filter(|action| action.kind.shuts_out())
            .filter(|action| self.may_be_in_office.contains(&action.user_id));
        for action in disables {
            if left >= self.min_admins {
                break;
            }
            left += usize::from(self.in_office.contains(&action.user_id));
            last.insert(action.user_id.clone());
        }
        last
    }
}

/// Takes the disables out of a plan that wait for an approval, if the right of their owners is to be
/// taken: that does not have to wait.
fn revoke_instead(plan: &mut Plan, actions: &[Action]) {
    let is_revoked = |user_id: &UserId| {
        actions.iter().any(|action| {
            action.user_id == *user_id
                && action.kind == ActionKind::RevokeAdmin
                && action.skipped.is_none()
        })
    };
    let before = plan.actions.len();
    plan.actions.retain(|action| {
        let waits = action.approval.is_some() && action.skipped.is_none();
        !(waits && action.kind == ActionKind::Disable && is_revoked(&action.user_id))
    });
    plan.unchanged += before - plan.actions.len();
}

fn kept_as_last(user_id: &UserId) -> Kept {
    let localpart: Localpart = user_id.localpart().clone();
    Kept::new(localpart, KeptReason::LastAdmin)
}
