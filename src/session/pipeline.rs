//! Makes every plan: second look, verdicts, what the state file records, the plan itself and its
//! warnings.

use super::Session;
use crate::failure::Failure;
use crate::metrics::metrics;
use crate::model::UserId;
use crate::plan::{AdminsOfMas, ApprovedDigest, Plan};
use crate::planner::{
    AdminChanges, Draft, Facts, Past, PlanScope, Reach, Rechecks, Review, ToRecheck, Undo, Verdicts,
};
use crate::readers::Reading;

/// What a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    /// To be shown: the state file records nothing.
    Show,
    /// To be carried out within the limits.
    Write,
    /// To be carried out with an approval, which lifts the limits.
    WriteApproved,
    /// To be compared with a plan to [`Self::Write`] that was confirmed: the state file records
    /// nothing.
    Compare,
}

impl Aim {
    /// Returns the aim of a command that writes.
    pub(crate) fn write(approve: Option<&ApprovedDigest>) -> Self {
        if approve.is_some() { Self::WriteApproved } else { Self::Write }
    }
}

/// The verdict on every account, and what it is based on.
pub(crate) struct Decision<'f> {
    pub(crate) draft: Draft<'f>,
    pub(crate) rechecks: Rechecks,
    pub(crate) verdicts: Verdicts<'f>,
    pub(crate) admins: AdminsOfMas,
    /// The changes of administrators, if `[admins]` is configured.
    admin_changes: Option<AdminChanges>,
}

impl<'f> Decision<'f> {
    /// Returns the accounts whose administrator's right stays because the evidence is not clear.
    pub(crate) fn unclear_rights(&self) -> &[UserId] {
        self.admin_changes.as_ref().map_or(&[], AdminChanges::unclear)
    }

    /// Makes the plan, and keeps every account's part in it.
    fn into_review(self) -> Review<'f> {
        let admins = self.admins;
        let mut review = Review::new(self.draft, self.verdicts, self.rechecks, self.admin_changes);
        review.plan_mut().admins_of_mas = admins;
        review
    }

    /// Makes the plan.
    pub(crate) fn into_plan(self) -> Plan {
        let mut plan = self.draft.plan(self.verdicts, &self.rechecks);
        if let Some(changes) = self.admin_changes {
            changes.add_to(&mut plan);
        }
        plan.admins_of_mas = self.admins;
        plan
    }
}

impl Session {
    /// Reads both sides and makes a plan about all accounts.
    pub(crate) async fn plan(&self, aim: Aim) -> Result<Plan, Failure> {
        let reading = self.read().await?;
        self.plan_of(&reading, None, aim).await
    }

    /// Makes a plan about all accounts, or about a few.
    pub(crate) async fn plan_of(
        &self,
        reading: &Reading,
        scope: Option<&PlanScope>,
        aim: Aim,
    ) -> Result<Plan, Failure> {
        let plan = self.whole_plan(self.decide(reading, scope, aim).await?);
        self.warn_of_doubts(&reading.facts, &plan);
        if scope.is_none() {
            metrics().plan(&plan);
        }
        Ok(plan)
    }

    /// Makes the plan, and leaves to later runs what there is no room for.
    pub(crate) fn whole_plan(&self, decision: Decision<'_>) -> Plan {
        let mut plan = decision.into_plan();
        self.config.limits.defer_stages(&mut plan, Past::default());
        plan
    }

    /// Makes the same plan about all accounts, only to be shown, with every account's part in it.
    pub(crate) async fn review<'f>(&'f self, reading: &'f Reading) -> Result<Review<'f>, Failure> {
        let mut review = self.decide(reading, None, Aim::Show).await?.into_review();
        self.config.limits.defer_stages(review.plan_mut(), Past::default());
        self.warn_of_doubts(&reading.facts, review.plan());
        metrics().plan(review.plan());
        Ok(review)
    }

    /// Rechecks and decides.
    pub(crate) async fn decide<'f>(
        &'f self,
        reading: &'f Reading,
        scope: Option<&'f PlanScope>,
        aim: Aim,
    ) -> Result<Decision<'f>, Failure> {
        metrics().facts(reading.facts.members.len(), &reading.facts.accounts);
        let draft = Draft::about(&reading.facts, &self.config.policy, scope);
        let accounts: Vec<_> = draft.to_recheck().collect();
        let to_disable = to_disable(&accounts);
        let (mut rechecks, of_mas) =
            self.recheck(accounts, self.most_rechecks(aim), reading, aim).await?;
        // Events are about members: an administrator waits for the next complete reading.
        let admin_changes = match scope {
            None => self.admin_changes(&draft, reading, &mut rechecks, &to_disable, aim).await,
            Some(_) => {
                self.no_admin_changes(&draft, reading, &mut rechecks, &to_disable, aim).await?
            }
        };
        let (admin_changes, known) = admin_changes.unzip();
        let admins = of_mas.and(known.unwrap_or_default());
        let verdicts = draft.verdicts(&rechecks);
        let decision = Decision { draft, rechecks, verdicts, admins, admin_changes };
        if matches!(aim, Aim::Write | Aim::WriteApproved) {
            self.record(&decision, &reading.facts)?;
        }
        Ok(decision)
    }

    /// Rechecks and decides about some accounts regardless of the limits, because nothing is
    /// changed because of it.
    pub(crate) async fn decide_closer<'f>(
        &self,
        decision: Decision<'f>,
        accounts: Vec<ToRecheck>,
        reading: &'f Reading,
    ) -> Result<Decision<'f>, Failure> {
        let (rechecks, of_mas) = self.recheck(accounts, usize::MAX, reading, Aim::Show).await?;
        let admins = of_mas.and(decision.admins);
        let verdicts = decision.draft.verdicts(&rechecks);
        Ok(Decision { rechecks, verdicts, admins, ..decision })
    }

    /// Makes the plan that undoes a run.
    pub(crate) async fn plan_undo(
        &self,
        undo: &Undo<'_>,
        reading: &Reading,
        aim: Aim,
    ) -> Result<Plan, Failure> {
        let accounts: Vec<_> = undo.to_recheck().collect();
        let to_disable = to_disable(&accounts);
        let (mut rechecks, of_mas) =
            self.recheck(accounts, self.most_rechecks(aim), reading, aim).await?;
        let mut admin_changes = None;
        if self.may_disable_admins() {
            let nothing = PlanScope::default();
            let draft = Draft::about(&reading.facts, &self.config.policy, Some(&nothing));
            admin_changes =
                self.no_admin_changes(&draft, reading, &mut rechecks, &to_disable, aim).await?;
        }
        let mut plan = undo.decide(&rechecks);
        plan.admins_of_mas = of_mas;
        if let Some((admins, known)) = admin_changes {
            admins.skip_last_ones(&mut plan);
            plan.admins_of_mas = of_mas.and(known);
        }
        if aim != Aim::Compare {
            self.warn_of_doubts(&reading.facts, &plan);
        }
        Ok(plan)
    }

    pub(super) fn most_rechecks(&self, aim: Aim) -> usize {
        match aim {
            Aim::Show | Aim::Write | Aim::Compare => self.config.limits.max_look,
            Aim::WriteApproved => usize::MAX,
        }
    }

    /// Records a complete reading in the state file.
    fn record(&self, decision: &Decision<'_>, facts: &Facts) -> Result<(), Failure> {
        let Some(state) = &self.state else { return Ok(()) };
        let presence = decision.draft.presence(&decision.verdicts, &decision.rechecks);
        state.record(&presence, facts.now)?;
        // Old runs are few: what `watch` reads for an event need not delete them.
        if let Some(keep) = self.config.history_keep.filter(|_| presence.reach == Reach::Everything)
        {
            state.forget_runs(facts.now.before(keep))?;
        }
        Ok(())
    }
}

/// Returns the accounts that would be taken from their owners.
pub(super) fn to_disable(accounts: &[ToRecheck]) -> Vec<UserId> {
    let to_disable = accounts.iter().filter(|account| account.kind.shuts_out());
    to_disable.map(|account| account.user_id.clone()).collect()
}
