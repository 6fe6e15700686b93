//! Reverses a run, with the same second look as every other change. Accounts that have changed
//! since are left out and reported.

use std::collections::BTreeMap;

use super::memory::{CLOCKS, Progress};
use super::{Draft, Facts, PlanScope, Policy, Rechecks, ToRecheck, Verdict, Verdicts};
use crate::model::{Account, Timestamp, UserId};
use crate::plan::{
    Action, ActionKind, DisableMode, KeptReason, MappingSummary, Plan, Reason, Skip,
};

/// What a run did to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    pub kind: ActionKind,
    pub user_id: UserId,
    /// The mode at that time.
    pub mode: DisableMode,
    /// When it ended, or else when it began.
    pub ended: Option<Timestamp>,
    /// How far it came.
    pub progress: Progress,
    /// What has happened to the account since, as far as known.
    pub since: Option<Since>,
}

/// What has happened to an account since a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// The run with this number has changed it.
    Run(i64),
    /// A reading has shown it active.
    SeenActive,
}

/// The reversal of a run before the second look.
#[derive(Debug)]
pub struct Undo<'f> {
    draft: Draft<'f>,
    undone: &'f [Undone],
    accounts: BTreeMap<&'f UserId, &'f Account>,
}

impl Undone {
    /// Returns the action that reverses it.
    fn reverse(&self) -> ActionKind {
        match self.kind {
            ActionKind::Activate | ActionKind::Create => ActionKind::Disable,
            ActionKind::GrantAdmin => ActionKind::RevokeAdmin,
            ActionKind::RevokeAdmin => ActionKind::GrantAdmin,
            ActionKind::Disable | ActionKind::Deactivate => ActionKind::Activate,
        }
    }

    /// Returns why it is not reversed, by the state file and the lists.
    fn left_out(&self, account: Option<&Account>) -> Option<String> {
        let Some(account) = account else { return Some("the account is gone".to_owned()) };
        match (self.kind, self.since) {
            (_, Some(Since::Run(run))) => Some(format!("run {run} has changed it since")),
            // After an activation the account is active.
            (ActionKind::GrantAdmin | ActionKind::RevokeAdmin, _) => {
                Some("administrators follow [admins]: change the group in Keycloak".to_owned())
            }
            (ActionKind::Activate | ActionKind::Create, _) => None,
            _ if account.can_log_in() => Some("active now".to_owned()),
            (ActionKind::Disable | ActionKind::Deactivate, Some(Since::SeenActive)) => {
                Some("it was active in between, and was disabled again".to_owned())
            }
            (ActionKind::Disable | ActionKind::Deactivate, None) => {
                let is_more = self.mode == DisableMode::Lock && account.seen().is_deactivated();
                is_more.then(|| "the run only locked it, and it was deactivated since".to_owned())
            }
        }
    }
}

impl<'f> Undo<'f> {
    /// Creates the reversal of a run; `scope` has its accounts.
    #[must_use]
    pub fn new(
        facts: &'f Facts,
        policy: &'f Policy,
        undone: &'f [Undone],
        scope: &'f PlanScope,
    ) -> Self {
        let in_scope = facts.accounts.iter().filter(|account| scope.covers(&account.user_id));
        let accounts: BTreeMap<_, _> =
            in_scope.map(|account| (&account.user_id, account)).collect();
        let open =
            undone.iter().filter(|one| one.left_out(accounts.get(&one.user_id).copied()).is_none());
        let kinds = open.map(|one| (&one.user_id, one.reverse())).collect();
        Self { draft: Draft::reversing(facts, policy, scope, &kinds), undone, accounts }
    }

    /// Returns the accounts to recheck.
    pub fn to_recheck(&self) -> impl Iterator<Item = ToRecheck> {
        self.draft.to_recheck()
    }

    /// Returns the plan. The current members that it would disable are skipped.
    #[must_use]
    pub fn decide(&self, rechecks: &Rechecks) -> Plan {
        let verdicts = self.draft.verdicts(rechecks);
        let mut actions: Vec<_> =
            self.undone.iter().map(|one| self.action(one, &verdicts, rechecks)).collect();
        actions.sort_by(|one, other| one.user_id.cmp(&other.user_id));
        let changed = |action: &&Action| {
            !action.kind.is_about_admins() && self.accounts.contains_key(&action.user_id)
        };
        let known = actions.iter().filter(changed).count();
        let plan = self.draft.plan(verdicts, rechecks);
        Plan {
            unchanged: plan.read.accounts.saturating_sub(known),
            actions,
            not_registered: Vec::new(),
            unnamed: Vec::new(),
            kept: Vec::new(),
            mapping: MappingSummary::default(),
            ..plan
        }
    }

    fn action(&self, undone: &Undone, verdicts: &Verdicts<'f>, rechecks: &Rechecks) -> Action {
        let account = self.accounts.get(&undone.user_id).copied();
        let evidence = rechecks.evidence(&undone.user_id);
        let verdict = account.and_then(|account| {
            let at = verdicts
                .of_accounts
                .binary_search_by_key(&&account.user_id, |(other, _)| &other.user_id);
            at.ok().map(|at| &verdicts.of_accounts[at].1)
        });
        let disabled_at = evidence.and_then(|seen| match undone.progress {
            // The lock may be the run's, and the deactivation a later one (trap 17).
            Progress::Done => seen.account.last_disabled_at,
            // MAS locks at once, and may have run the job of our own deactivation later. What has no
            // lock is not ours.
            Progress::Requested | Progress::Begun => {
                seen.account.locked_at.or(seen.account.disabled_at)
            }
        });
        let is_later = |at: Timestamp| undone.ended.is_some_and(|ended| ended.after(CLOCKS) < at);
        let disabled_since = disabled_at.filter(|at| undone.kind.shuts_out() && is_later(*at));
        let skipped = match (undone.left_out(account), disabled_since, verdict) {
            (Some(why), ..) => Some(Skip::MovedOn(why)),
            (None, Some(at), _) => Some(Skip::MovedOn(format!("it was disabled again at {at}"))),
            (None, None, Some(verdict)) => skip(undone.reverse(), verdict),
            (None, None, None) => Some(Skip::MovedOn("nothing to do".to_owned())),
        };
        Action {
            kind: undone.reverse(),
            user_id: undone.user_id.clone(),
            mas_id: account.and_then(|account| account.mas.id().cloned()),
            reason: Reason::Undone,
            since: None,
            new: None,
            before: account.map(|account| account.state).unwrap_or_default(),
            evidence: evidence.cloned(),
            approval: verdict.and_then(Verdict::approval),
            mark: None,
            skipped,
        }
    }
}

/// Returns why an account is not changed, by the second look.
fn skip(kind: ActionKind, verdict: &Verdict) -> Option<Skip> {
    let kept = |reason: KeptReason| Skip::MovedOn(format!("kept: {}", reason.text()));
    match verdict {
        Verdict::Activate(_) | Verdict::Disable(_) | Verdict::NeedsApproval(..) => None,
        Verdict::DisableMember => Some(Skip::Member),
        Verdict::MemberActive => Some(Skip::MovedOn("active now".to_owned())),
        Verdict::OutsideDisabled if kind == ActionKind::Activate => {
            Some(Skip::MovedOn("it was locked or deactivated since".to_owned()))
        }
        Verdict::OutsideDisabled | Verdict::OutsideLocked | Verdict::Deactivate(_) => {
            Some(Skip::MovedOn("disabled or locked now".to_owned()))
        }
        Verdict::ActivationNotConfirmed => {
            Some(Skip::MovedOn("the second look does not confirm the activation".to_owned()))
        }
        Verdict::Kept(reason) => Some(kept(*reason)),
        Verdict::MayBeMember(_) => Some(kept(KeptReason::MayBeMember)),
        Verdict::InGrace(_) => Some(kept(KeptReason::InGrace)),
        Verdict::DisableSkipped(_, error)
        | Verdict::ActivateSkipped(_, error)
        | Verdict::DeactivateSkipped(_, error) => Some(Skip::NotSeen(error.clone())),
    }
}
