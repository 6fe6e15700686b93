//! Makes the plan of the decisions.

use super::{Draft, Verdicts};
use crate::model::{Account, Evidence, Localpart};
use crate::plan::{
    Action, ActionKind, AdminsOfMas, Kept, KeptReason, Mark, NotRechecked, Plan, ReadCounts,
    Reason, Skip, Unverified,
};
use crate::planner::decision_table::DecisionTable;
use crate::planner::{Rechecks, Verdict};

impl<'f> Draft<'f> {
    /// Returns the plan, once every account that would be changed was rechecked.
    #[must_use]
    pub fn decide(&self, rechecks: &Rechecks) -> Plan {
        self.plan(self.verdicts(rechecks), rechecks)
    }

    /// Returns the plan of these verdicts.
    #[must_use]
    pub fn plan(&self, verdicts: Verdicts<'f>, rechecks: &Rechecks) -> Plan {
        self.plan_and_verdicts(verdicts, rechecks).0
    }

    /// Returns the plan of these verdicts, and the verdicts on accounts.
    pub(in crate::planner) fn plan_and_verdicts(
        &self,
        verdicts: Verdicts<'f>,
        rechecks: &Rechecks,
    ) -> (Plan, Vec<(&'f Account, Verdict)>) {
        let DecisionTable { facts, policy } = &self.table;
        let Verdicts { of_accounts, creations, contradictions, doubtful, mapped } = verdicts;
        let mut plan = Plan {
            server_name: facts.server_name.clone(),
            writer: policy.writer,
            disable: policy.disable,
            read: ReadCounts { members: facts.members.len(), accounts: facts.accounts.len() },
            actions: Vec::new(),
            unchanged: self.others_active + self.others_inactive,
            active: self.others_active,
            not_registered: mapped.not_registered(&facts.unnamed),
            unnamed: mapped.unnamed(&facts.unnamed),
            kept: Vec::new(),
            contradictions,
            doubtful,
            not_rechecked: matches!(rechecks, Rechecks::TooMany { .. })
                .then(|| self.left_to_recheck(rechecks)),
            unverified: self.unverified(),
            mapping: mapped.into_summary(),
            next_stage: self.next_stage,
            admins_of_mas: AdminsOfMas::Known,
        };
        for (account, verdict) in &of_accounts {
            // An account that MAS does not know is kept in the end, so it makes no room for others.
            let is_kept =
                matches!(verdict, Verdict::DisableSkipped(..)) && self.table.is_not_in_mas(account);
            plan.active += usize::from(verdict.counts_as_active() && !is_kept);
            let evidence = rechecks.evidence(&account.user_id);
            let mark = self.mark(account, verdict, evidence);
            add_to_plan(&mut plan, account, verdict.clone(), evidence, mark);
        }
        self.add_creations(&mut plan, creations, rechecks);
        (plan, of_accounts)
    }

    fn left_to_recheck(&self, rechecks: &Rechecks) -> usize {
        self.to_recheck().filter(|account| rechecks.recheck(&account.user_id).is_none()).count()
    }

    fn unverified(&self) -> Unverified {
        let accounts =
            self.unverified.iter().map(|account| (account.localpart().clone(), account.state));
        Unverified { accounts: accounts.collect(), mas_cli: self.table.policy.mas_cli.clone() }
    }

    /// Returns a note for the administrator about the change of an account.
    #[must_use]
    pub fn mark(
        &self,
        account: &Account,
        verdict: &Verdict,
        evidence: Option<&Evidence>,
    ) -> Option<Mark> {
        let seen = evidence.map_or(account.seen(), |seen| seen.account.seen());
        let is_by_others = self.table.is_deactivated_by_others(account, seen);
        (*verdict == Verdict::Activate(Reason::InGroup) && is_by_others)
            .then_some(Mark::DeactivatedByOthers)
    }
}

fn add_to_plan(
    plan: &mut Plan,
    account: &Account,
    verdict: Verdict,
    evidence: Option<&Evidence>,
    mark: Option<Mark>,
) {
    let localpart: &Localpart = account.localpart();
    let kept = |reason| Kept::new(localpart.clone(), reason);
    let action = |kind, reason| Action {
        kind,
        user_id: account.user_id.clone(),
        mas_id: account.mas.id().cloned(),
        reason,
        since: None,
        new: None,
        before: account.state,
        evidence: evidence.cloned(),
        approval: None,
        mark,
        skipped: None,
    };
    match verdict {
        Verdict::MemberActive
        | Verdict::DisableMember
        | Verdict::OutsideDisabled
        | Verdict::OutsideLocked
        | Verdict::ActivationNotConfirmed => plan.unchanged += 1,
        Verdict::Deactivate(since) => {
            plan.unchanged += 1;
            let deactivate = action(ActionKind::Deactivate, Reason::LockedSince);
            plan.actions.push(Action { since: Some(since), ..deactivate });
        }
        Verdict::DeactivateSkipped(since, error) => {
            plan.unchanged += 1;
            let deactivate = not_seen(action(ActionKind::Deactivate, Reason::LockedSince), error);
            plan.actions.push(Action { since: Some(since), ..deactivate });
        }
        Verdict::Activate(reason) => plan.actions.push(action(ActionKind::Activate, reason)),
        Verdict::Disable(reason) => plan.actions.push(action(ActionKind::Disable, reason)),
        Verdict::NeedsApproval(reason, approval) => {
            plan.actions
                .push(Action { approval: Some(approval), ..action(ActionKind::Disable, reason) });
        }
        Verdict::DisableSkipped(reason, error) => {
            plan.actions.push(not_seen(action(ActionKind::Disable, reason), error));
        }
        Verdict::ActivateSkipped(reason, error) => {
            plan.actions.push(not_seen(action(ActionKind::Activate, reason), error));
        }
        Verdict::Kept(reason) => plan.kept.push(kept(reason)),
        Verdict::MayBeMember(signs) => {
            plan.kept.push(Kept { signs, ..kept(KeptReason::MayBeMember) });
        }
        Verdict::InGrace(until) => {
            plan.kept.push(Kept { until: Some(until), ..kept(KeptReason::InGrace) });
        }
    }
}

/// Returns an action that is skipped, because its account could not be rechecked.
fn not_seen(action: Action, error: NotRechecked) -> Action {
    Action { skipped: Some(Skip::NotSeen(error)), ..action }
}
