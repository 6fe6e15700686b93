//! Applies a saved plan and nothing else (`apply FILE`). Actions that no longer fit are left out
//! and reported.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use crate::cli::{ApplyArgs, Global, SyncFormat};
use crate::environment::Surroundings;
use crate::exit::Exit;
use crate::failure::{Failure, SavedPlanProblem};
use crate::files;
use crate::model::Word as _;
use crate::plan::{
    Action, ActionKind, Digest, KeptReason, OutcomeKind, PLAN_VERSION, Plan, RunCommand,
    SavedAction, SavedPlan, Skip,
};
use crate::planner::{Past, Policy, Verdict};
use crate::readers::Reading;
use crate::session::{Aim, Asking, Order, Session, Writing};
use crate::shell::path_word;

/// More than a plan that keeps a million accounts.
const LONGEST_PLAN: u64 = 256 << 20;

/// Applies the actions of a saved plan that still fit.
pub async fn apply(
    global: &Global,
    args: &ApplyArgs,
    surroundings: &Surroundings,
) -> Result<Exit, Failure> {
    let run = Writing::begin(global, surroundings)?;
    let session = &run.session;
    let saved = load(&args.file, session)
        .map_err(|problem| Failure::SavedPlan { path: args.file.clone(), problem })?;
    let order = Order {
        command: RunCommand::Apply,
        line: format!("apply {}", path_word(&args.file)),
        digest: saved.digest,
        approve: args.approve.as_ref(),
        undoes: None,
    };
    let reading = run.unless_stopped(session.read()).await?;
    let still_holds = |aim| what_still_holds(session, &reading, saved.actions.clone(), aim);
    let mut plan = run.unless_stopped(still_holds(Aim::write(order.approve))).await?;
    session.warn_of_doubts(&reading.facts, &plan);

    let asking = Asking::unless(args.yes || args.approve.is_some());
    run.show("Saved plan", &plan, &order, asking, |_| Ok(String::new()))?;
    if !run.check(&order, global, &mut plan)?.is_empty() {
        return Ok(Exit::Refused);
    }
    run.confirmed(asking, &plan, async || still_holds(Aim::Compare).await).await?;
    let exit = run.finish(&order, global, &plan, SyncFormat::Text).await?;
    run.report_end(None, surroundings.timeouts).await;
    Ok(exit)
}

/// Reads the file and checks that it is complete, unchanged, and made for this server, writer and
/// disable mode. Actions that were skipped at that time are dropped.
fn load(path: &Path, session: &Session) -> Result<SavedPlan, SavedPlanProblem> {
    let Policy { writer, disable, .. } = session.config.policy;
    let server_name = &session.config.server_name;
    let bytes = files::read(path, LONGEST_PLAN).map_err(SavedPlanProblem::Unreadable)?;
    let mut saved: SavedPlan =
        serde_json::from_slice(&bytes).map_err(SavedPlanProblem::NotAPlan)?;
    if !(1..=PLAN_VERSION).contains(&saved.version) {
        return Err(SavedPlanProblem::Version(saved.version));
    }
    if saved.writer.raw() != writer.word() {
        return Err(SavedPlanProblem::OtherWriter {
            plan: saved.writer,
            configured: writer.word(),
        });
    }
    if saved.disable != disable {
        return Err(SavedPlanProblem::OtherDisableMode {
            plan: saved.disable,
            configured: disable,
        });
    }
    if let Some(action) =
        saved.actions.iter().find(|action| action.user_id.server_name() != server_name)
    {
        let user_id = action.user_id.clone();
        return Err(SavedPlanProblem::OtherServer {
            user_id,
            server_name: server_name.to_string(),
        });
    }
    // The digest covers actions that waited for an approval, but not those that could not be
    // rechecked.
    saved.actions.retain(|action| {
        action.needs_approval || action.outcome.as_deref() != Some(OutcomeKind::Skipped.word())
    });
    let mut named = HashSet::new();
    if let Some(action) = saved.actions.iter().find(|action| !named.insert(&action.user_id)) {
        return Err(SavedPlanProblem::Twice(action.user_id.clone()));
    }
    let consistent =
        saved.actions.iter().all(|action| *action.user_id.localpart() == action.localpart);
    let digest = Digest::new(
        saved.version,
        server_name,
        writer,
        disable,
        saved.actions.iter().map(|action| (action.action, &action.localpart, action.reason)),
    );
    if consistent && digest == saved.digest {
        Ok(saved)
    } else {
        Err(SavedPlanProblem::DigestDoesNotFit)
    }
}

/// Returns a plan of the saved actions. Those that would not be planned now are skipped, with the
/// reason.
async fn what_still_holds(
    session: &Session,
    reading: &Reading,
    saved: Vec<SavedAction>,
    aim: Aim,
) -> Result<Plan, Failure> {
    let decision = session.decide(reading, None, aim).await?;
    let wanted: HashSet<_> = saved.iter().map(|action| &action.user_id).collect();
    let wanted = reading.facts.accounts.iter().filter(|account| wanted.contains(&account.user_id));
    let by_user: BTreeMap<_, _> = wanted
        .map(|account| {
            (&account.user_id, (account, decision.draft.verdict(account, &decision.verdicts)))
        })
        .collect();

    let mut plan = decision.into_plan();
    let last = plan.kept.iter().filter(|kept| kept.reason == KeptReason::LastAdmin);
    let last: HashSet<_> = last.map(|kept| kept.localpart.clone()).collect();
    let mut planned: BTreeMap<_, _> = std::mem::take(&mut plan.actions)
        .into_iter()
        .map(|action| (action.user_id.clone(), action))
        .collect();
    plan.actions = saved
        .into_iter()
        .map(|action| {
            let found = by_user.get(&action.user_id);
            let planned = planned.remove(&action.user_id);
            let fits = planned.as_ref().filter(|planned| planned.kind == action.action);
            Action {
                skipped: match (action.action, fits) {
                    (kind, None) if last.contains(action.user_id.localpart()) => {
                        Some(not_planned(kind, Some(KeptReason::LastAdmin)))
                    }
                    (kind, Some(planned)) if is_by_plan(kind) => planned.skipped.clone(),
                    (kind, None) if is_by_plan(kind) => Some(not_planned(kind, None)),
                    _ => left_out(&action, found.map(|(_, verdict)| verdict)),
                },
                new: planned.as_ref().and_then(|planned| planned.new.clone()),
                approval: found.and_then(|(_, verdict)| verdict.approval()),
                mas_id: planned
                    .as_ref()
                    .and_then(|planned| planned.mas_id.clone())
                    .or_else(|| found.and_then(|(account, _)| account.mas.id().cloned())),
                before: found.map(|(account, _)| account.state).unwrap_or_default(),
                mark: planned.as_ref().and_then(|planned| planned.mark),
                since: planned.as_ref().and_then(|planned| planned.since),
                evidence: planned.and_then(|planned| planned.evidence),
                kind: action.action,
                user_id: action.user_id,
                reason: action.reason,
            }
        })
        .collect();
    let waiting = session.config.limits.defer_stages(&mut plan, Past::default());
    let why = || Some(Skip::MovedOn("limits.max_disable has no room for it now".to_owned()));
    plan.actions.extend(waiting.into_iter().map(|action| Action { skipped: why(), ..action }));
    plan.actions.sort_by(|one, other| one.user_id.cmp(&other.user_id));
    Ok(plan)
}

/// Returns whether an action is not about the state of an account, so that only the plan of now says
/// whether it still fits.
fn is_by_plan(kind: ActionKind) -> bool {
    kind == ActionKind::Create || kind.is_about_admins()
}

/// Returns why a saved creation or change of an administrator no longer fits.
fn not_planned(kind: ActionKind, kept: Option<KeptReason>) -> Skip {
    Skip::MovedOn(match kept {
        Some(reason) => format!("kept now: {}", reason.text()),
        None if kind == ActionKind::Create => "there is nothing to create now".to_owned(),
        None => "this change of the administrator's right is not planned now".to_owned(),
    })
}

/// Returns why a saved action no longer fits, if it does not.
fn left_out(action: &SavedAction, verdict: Option<&Verdict>) -> Option<Skip> {
    let why = match (verdict, action.action) {
        (Some(Verdict::Activate(reason)), ActionKind::Activate)
        | (
            Some(Verdict::Disable(reason) | Verdict::NeedsApproval(reason, _)),
            ActionKind::Disable,
        ) if *reason == action.reason => {
            return None;
        }
        (Some(Verdict::Deactivate(_)), ActionKind::Deactivate) => return None,
        (Some(Verdict::DisableSkipped(_, error)), ActionKind::Disable)
        | (Some(Verdict::ActivateSkipped(_, error)), ActionKind::Activate)
        | (Some(Verdict::DeactivateSkipped(_, error)), ActionKind::Deactivate) => {
            return Some(Skip::NotSeen(error.clone()));
        }
        (None, _) => "the account is gone".to_owned(),
        (Some(Verdict::MemberActive | Verdict::DisableMember), _) => {
            "in the group and active now".to_owned()
        }
        (Some(Verdict::OutsideDisabled), _) => "out of the group and disabled now".to_owned(),
        (Some(Verdict::Deactivate(_) | Verdict::DeactivateSkipped(..)), _) => {
            "locked for long enough now, to be deactivated".to_owned()
        }
        (Some(Verdict::OutsideLocked), _) => "out of the group and locked now".to_owned(),
        (Some(Verdict::ActivationNotConfirmed), _) => {
            "the second look does not confirm the activation".to_owned()
        }
        (Some(Verdict::Kept(reason)), _) => format!("kept now: {}", reason.text()),
        (Some(Verdict::MayBeMember(_)), _) => {
            format!("kept now: {}", KeptReason::MayBeMember.text())
        }
        (Some(Verdict::InGrace(until)), _) => {
            format!("kept until {until}: {}", KeptReason::InGrace.text())
        }
        (
            Some(
                Verdict::Activate(reason)
                | Verdict::Disable(reason)
                | Verdict::NeedsApproval(reason, _)
                | Verdict::DisableSkipped(reason, _)
                | Verdict::ActivateSkipped(reason, _),
            ),
            _,
        ) => format!("{} now", reason.text()),
    };
    Some(Skip::MovedOn(why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;
    use crate::plan::Reason;

    fn saved(kind: ActionKind, reason: Reason) -> SavedAction {
        let user_id = UserId::try_from(Box::from("@dave:example.org")).expect("well formed");
        SavedAction {
            action: kind,
            localpart: user_id.localpart().clone(),
            user_id,
            reason,
            needs_approval: false,
            outcome: None,
        }
    }

    #[test]
    fn an_action_whose_reason_has_changed_is_left_out() {
        let action = saved(ActionKind::Disable, Reason::NotInGroup);
        assert_eq!(left_out(&action, Some(&Verdict::Disable(Reason::NotInGroup))), None);
        assert_eq!(
            left_out(&action, Some(&Verdict::Disable(Reason::DisabledInKeycloak))),
            Some(Skip::MovedOn("disabled in Keycloak now".to_owned()))
        );
        assert_eq!(left_out(&action, None), Some(Skip::MovedOn("the account is gone".to_owned())));
    }
}
