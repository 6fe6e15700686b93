//! Shows a plan from the side of the accounts, for an access review: each account of the reading, as
//! it is and as the plan leaves it. All of it comes from the plan itself, so the two never disagree.

use std::collections::{BTreeMap, BTreeSet};

use strum::{IntoStaticStr, VariantArray};

use super::draft::by_the_list;
use super::identity::{Holder, TiedBy};
use super::second_look::SecondLook;
use super::{AdminChanges, Draft, Facts, Rechecks, Verdict, Verdicts};
use crate::model::{
    Account, Evidence, KeycloakId, Localpart, SignSeen, Timestamp, UserId, Word as _,
    serde_with_words,
};
use crate::plan::{Action, ActionKind, Approval, Kept, KeptReason, Mark, Plan, Reason};

/// What becomes of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Standing {
    /// It is a member's, and active: nothing to do.
    Member,
    /// It is no member's, and nothing is to be done now.
    Outside,
    /// Kept although the rule would act.
    Kept,
    /// Would be activated.
    Activate,
    /// A creation that broke off would be finished.
    Create,
    /// Would be disabled.
    Disable,
    /// Would be deactivated, because it was locked for long enough.
    Deactivate,
}

/// What becomes of the right of an account's owner as an administrator in MAS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RightNext {
    GrantAdmin,
    RevokeAdmin,
    /// It would be taken, but too few administrators would be left.
    LastAdmin,
}

serde_with_words!(Standing, RightNext);

/// Why an account has its standing: a word of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grounds {
    Reason(Reason),
    Kept(KeptReason),
}

impl Grounds {
    /// Returns the word of the plan.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reason(reason) => reason.word(),
            Self::Kept(reason) => reason.word(),
        }
    }

    /// Returns the reason in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Reason(reason) => reason.text(),
            Self::Kept(reason) => reason.text(),
        }
    }
}

/// What else there is to know about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// Locked by hand, so that it stays as it is.
    LockedByHand,
    /// The list has its user, but the second look does not confirm it.
    NotConfirmed,
    /// Its time to be deactivated has come, but a limit leaves no room.
    Waits,
    /// Its owner first loses the right of an administrator; a later run decides about the account.
    RightFirst,
    /// Only Synapse is known to have disabled it.
    OnlyInSynapse,
    NeedsApproval(Approval),
    Marked(Mark),
    /// The second look failed, so that the plan leaves it out.
    Skipped(String),
    /// The end of its grace period.
    GraceUntil(Timestamp),
    /// This program has locked it, and its time starts with the next run.
    BeforeItsTime,
    /// Since when this program has had it locked.
    LockedSince(Timestamp),
    /// The signs that it may be a member's.
    MayBelongTo(Vec<SignSeen>),
}

/// One account, with its part in the plan.
#[derive(Debug)]
pub struct Reviewed<'r> {
    pub account: &'r Account,
    pub standing: Standing,
    pub grounds: Grounds,
    pub right: Option<RightNext>,
    pub remarks: Vec<Remark>,
    /// The users that it belongs to; several only if nothing distinguishes them.
    pub owners: Vec<KeycloakId>,
    /// What the second look found, if it was rechecked.
    pub evidence: Option<&'r Evidence>,
    /// When it will be deactivated, at the earliest.
    pub next_stage: Option<Timestamp>,
}

/// A plan, and every account's part in it.
#[derive(Debug)]
pub struct Review<'f> {
    draft: Draft<'f>,
    rechecks: Rechecks,
    of_accounts: Vec<(&'f Account, Verdict)>,
    /// The owners of the accounts that were rechecked.
    owners: BTreeMap<&'f UserId, Vec<KeycloakId>>,
    plan: Plan,
    last_admins: BTreeSet<Localpart>,
}

impl<'f> Review<'f> {
    /// Makes the plan, and keeps what it was made of.
    #[must_use]
    pub fn new(
        draft: Draft<'f>,
        verdicts: Verdicts<'f>,
        rechecks: Rechecks,
        admin_changes: Option<AdminChanges>,
    ) -> Self {
        let (mut plan, of_accounts) = draft.plan_and_verdicts(verdicts, &rechecks);
        if let Some(changes) = admin_changes {
            changes.add_to(&mut plan);
        }
        let is_last = |kept: &&Kept| kept.reason == KeptReason::LastAdmin;
        let last_admins = plan.kept.iter().filter(is_last).map(|kept| kept.localpart.clone());
        let last_admins = last_admins.collect();
        let second = SecondLook::new(&draft.table, &draft.identity, &rechecks);
        let owners = of_accounts.iter().filter_map(|(account, _)| {
            let seen = rechecks.evidence(&account.user_id)?;
            let holder = draft.identity.holder(account);
            // The newest link decides without the look.
            let by_link = matches!(holder, Holder::Tied { by: TiedBy::Link, .. });
            (!by_link).then(|| (&account.user_id, second.owners(account, &holder, seen)))
        });
        let owners = owners.collect();
        Self { draft, rechecks, of_accounts, owners, plan, last_admins }
    }

    /// Returns the plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the plan, to leave second stages to a later run.
    pub fn plan_mut(&mut self) -> &mut Plan {
        &mut self.plan
    }

    /// Returns one account with its part in the plan.
    #[must_use]
    pub fn of(&self, account: &'f Account) -> Reviewed<'_> {
        let verdict = self.draft.verdict_among(account, &self.of_accounts);
        let actions = self.actions_on(&account.user_id);
        let action = actions.iter().find(|action| !action.kind.is_about_admins());
        let is_last = self.is_last_admin(account);
        let (standing, grounds) = match action {
            Some(action) => (standing_of(action.kind), Grounds::Reason(action.reason)),
            None => self.without_action(account, &verdict, is_last),
        };
        let right = actions.iter().find_map(|action| match action.kind {
            ActionKind::GrantAdmin => Some(RightNext::GrantAdmin),
            ActionKind::RevokeAdmin => Some(RightNext::RevokeAdmin),
            _ => None,
        });
        let keeps_right = is_last && grounds != Grounds::Kept(KeptReason::LastAdmin);
        let next_stage = self.draft.next_stage_of(account);
        let evidence = self.evidence(&account.user_id);
        let next_stage = next_stage.filter(|_| is_staged(standing, &verdict, evidence));
        let mut remarks: Vec<_> = remark(&verdict, standing).into_iter().collect();
        remarks.extend(actions.iter().flat_map(remarks_of));
        let is_deferred =
            standing == Standing::Outside && matches!(verdict, Verdict::Deactivate(_));
        if is_deferred || next_stage.is_some_and(|at| self.has_come(at)) {
            remarks.push(Remark::Waits);
        }
        if standing == Standing::Outside && self.draft.is_before_its_time(account) {
            remarks.push(Remark::BeforeItsTime);
        }
        if self.draft.is_unverified(account) {
            remarks.push(Remark::OnlyInSynapse);
        }
        Reviewed {
            account,
            standing,
            grounds,
            right: right.or(keeps_right.then_some(RightNext::LastAdmin)),
            remarks,
            owners: self.owners_of(account),
            evidence,
            next_stage,
        }
    }

    /// Returns the users that an account belongs to.
    #[must_use]
    pub fn owners_of(&self, account: &'f Account) -> Vec<KeycloakId> {
        match self.owners.get(&account.user_id) {
            Some(owners) => owners.clone(),
            None => self.draft.listed_owners(account),
        }
    }

    /// Returns what the second look found about an account, if it was rechecked.
    #[must_use]
    pub fn evidence(&self, user_id: &UserId) -> Option<&Evidence> {
        self.rechecks.evidence(user_id)
    }

    fn actions_on(&self, user_id: &UserId) -> &[Action] {
        let actions = &self.plan.actions;
        let first = actions.partition_point(|action| action.user_id < *user_id);
        let count = actions[first..].iter().take_while(|action| action.user_id == *user_id).count();
        &actions[first..first + count]
    }

    fn is_last_admin(&self, account: &Account) -> bool {
        account.is_on(&self.plan.server_name) && self.last_admins.contains(account.localpart())
    }

    fn without_action(
        &self,
        account: &'f Account,
        verdict: &Verdict,
        is_last: bool,
    ) -> (Standing, Grounds) {
        let kept = |reason| (Standing::Kept, Grounds::Kept(reason));
        match verdict {
            Verdict::MemberActive | Verdict::DisableMember => {
                (Standing::Member, Grounds::Reason(Reason::InGroup))
            }
            Verdict::Kept(reason) => kept(*reason),
            Verdict::MayBeMember(_) => kept(KeptReason::MayBeMember),
            Verdict::InGrace(_) => kept(KeptReason::InGrace),
            Verdict::Disable(_)
            | Verdict::NeedsApproval(..)
            | Verdict::DisableSkipped(..)
            | Verdict::Deactivate(_)
            | Verdict::DeactivateSkipped(..)
                if is_last =>
            {
                kept(KeptReason::LastAdmin)
            }
            Verdict::Disable(reason)
            | Verdict::NeedsApproval(reason, _)
            | Verdict::DisableSkipped(reason, _)
            | Verdict::Activate(reason)
            | Verdict::ActivateSkipped(reason, _) => (Standing::Outside, Grounds::Reason(*reason)),
            Verdict::OutsideDisabled
            | Verdict::OutsideLocked
            | Verdict::ActivationNotConfirmed
            | Verdict::Deactivate(_)
            | Verdict::DeactivateSkipped(..) => {
                let reason = by_the_list(&self.draft.identity.holder(account));
                (Standing::Outside, Grounds::Reason(reason))
            }
        }
    }

    /// Returns whether a time has come by every clock.
    fn has_come(&self, at: Timestamp) -> bool {
        let Facts { now, clocks, .. } = self.draft.table.facts;
        at <= clocks.earliest(*now)
    }
}

fn standing_of(kind: ActionKind) -> Standing {
    match kind {
        ActionKind::Activate => Standing::Activate,
        ActionKind::Disable => Standing::Disable,
        ActionKind::Deactivate => Standing::Deactivate,
        ActionKind::Create => Standing::Create,
        ActionKind::GrantAdmin | ActionKind::RevokeAdmin => Standing::Member,
    }
}

/// Returns whether an account is only locked now, and will be deactivated. One that stays locked by
/// the second look is not.
fn is_staged(standing: Standing, verdict: &Verdict, evidence: Option<&Evidence>) -> bool {
    standing == Standing::Outside
        && match verdict {
            Verdict::OutsideDisabled => evidence.is_none(),
            Verdict::Deactivate(_) => true,
            _ => false,
        }
}

fn remark(verdict: &Verdict, standing: Standing) -> Option<Remark> {
    match verdict {
        Verdict::OutsideLocked => Some(Remark::LockedByHand),
        Verdict::ActivationNotConfirmed => Some(Remark::NotConfirmed),
        Verdict::InGrace(until) => Some(Remark::GraceUntil(*until)),
        Verdict::MayBeMember(signs) => Some(Remark::MayBelongTo(signs.clone())),
        Verdict::NeedsApproval(..) if standing == Standing::Outside => Some(Remark::RightFirst),
        _ => None,
    }
}

fn remarks_of(action: &Action) -> impl Iterator<Item = Remark> + use<> {
    let skipped = action.skipped.as_ref().map(|skip| Remark::Skipped(skip.why().to_owned()));
    let since = action.since.map(Remark::LockedSince);
    let approval = action.approval.map(Remark::NeedsApproval);
    let mark = action.mark.map(Remark::Marked);
    [since, approval, mark, skipped].into_iter().flatten()
}
