//! Waits after the last action: MAS queues changes, and an action is done once the homeserver shows
//! it.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use crate::apply::RunContext;
use crate::error_chain::in_one_line;
use crate::model::AccountState;
use crate::plan::{Action, ActionKind, DisableMode, Outcome, Plan};
use crate::readers::{CurrentState, Readers, Tally};

/// Accounts requested at the same time.
const AT_A_TIME: usize = 8;
/// The first pause between two rounds; each is half as long again, up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long one round may take if `confirm_timeout` is shorter.
const ONE_ROUND: Duration = Duration::from_secs(5);

/// Waits until the homeserver shows every action. Those that it does not show in time become
/// `scheduled`.
pub(super) async fn wait(
    plan: &Plan,
    outcomes: &mut [Outcome],
    readers: &Readers,
    timeout: Duration,
    context: &RunContext<'_>,
    confirmed: &Tally,
) {
    let start = Instant::now();
    // Even without time to wait, each account is read once.
    let (deadline, end) = (start + timeout, start + timeout.max(ONE_ROUND));
    let mut pause = SHORTEST_PAUSE;
    let done = (0..outcomes.len()).filter(|index| outcomes[*index] == Outcome::Done);
    // MAS itself has confirmed these; the homeserver does not show them (trap 48).
    let (confirmed_by_mas, mut open): (Vec<_>, Vec<_>) =
        done.partition(|index| plan.actions[*index].kind.is_about_admins());
    for index in confirmed_by_mas {
        confirmed.add(1);
        context.record.end(index, &Outcome::Done, None);
    }
    for index in &open {
        outcomes[*index] =
            Outcome::Scheduled("requested, but its result could not be read in time".to_owned());
    }
    loop {
        let mut round = stream::iter(open.clone())
            .map(|index| async move {
                (index, check_shown(&plan.actions[index], plan.disable, readers).await)
            })
            .buffer_unordered(AT_A_TIME);
        while let Ok(Some((index, (seen, after)))) =
            tokio::time::timeout_at(end, round.next()).await
        {
            outcomes[index] = match seen {
                Ok(()) => {
                    confirmed.add(1);
                    Outcome::Done
                }
                Err(why) => Outcome::Scheduled(why),
            };
            context.record.end(index, &outcomes[index], after);
        }
        open.retain(|index| outcomes[*index] != Outcome::Done);
        if open.is_empty() || Instant::now() + pause > deadline || context.stop.is_requested() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = context.stop.requested() => {}
        }
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// Returns whether the homeserver shows the action, and the state of the account.
async fn check_shown(
    action: &Action,
    mode: DisableMode,
    readers: &Readers,
) -> (Result<(), String>, Option<AccountState>) {
    match readers.current_state(&action.user_id, action.mas_id.as_ref()).await {
        Ok(CurrentState { server, state: Some(state) }) => {
            let AccountState { deactivated, locked, .. } = state;
            let told = || {
                format!(
                    "requested, but {server} does not show it yet (deactivated: {deactivated}, locked: {locked})"
                )
            };
            (shows(state, action.kind, mode).then_some(()).ok_or_else(told), Some(state))
        }
        Ok(CurrentState { server, state: None }) if action.kind == ActionKind::Create => {
            (Err(format!("requested, but {server} does not show the account yet")), None)
        }
        Ok(CurrentState { server, state: None }) => {
            (Err(format!("requested, but {server} no longer knows the account")), None)
        }
        Err(error) => (
            Err(format!(
                "requested, but {} could not be asked: {}",
                error.server,
                in_one_line(&error)
            )),
            None,
        ),
    }
}

/// Returns whether this state confirms the action. Before MAS 1.14 a lock does not reach Synapse,
/// but the deactivation does, and it keeps the user out.
fn shows(state: AccountState, kind: ActionKind, mode: DisableMode) -> bool {
    match (kind, mode) {
        (ActionKind::Activate | ActionKind::Create, _) => !state.deactivated && !state.locked,
        (ActionKind::GrantAdmin | ActionKind::RevokeAdmin, _) => true,
        (ActionKind::Disable, DisableMode::Deactivate) | (ActionKind::Deactivate, _) => {
            state.deactivated
        }
        (ActionKind::Disable, DisableMode::Lock) => state.locked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_is_confirmed_by_the_state_that_it_leads_to_and_by_no_other() {
        use ActionKind::{Activate, Disable};
        use DisableMode::{Deactivate, Lock};
        let kinds = [
            (Activate, Deactivate),
            (Activate, Lock),
            (Disable, Deactivate),
            (Disable, Lock),
            (ActionKind::Deactivate, Lock),
        ];
        let confirmed = |deactivated, locked| {
            let state = AccountState { deactivated, locked, erased: false };
            kinds.map(|(kind, mode)| shows(state, kind, mode))
        };
        assert_eq!(confirmed(false, false), [true, true, false, false, false], "active");
        assert_eq!(confirmed(false, true), [false, false, false, true, false], "locked");
        assert_eq!(confirmed(true, false), [false, false, true, false, true], "deactivated");
        assert_eq!(
            confirmed(true, true),
            [false, false, true, true, true],
            "locked and deactivated"
        );
    }
}
