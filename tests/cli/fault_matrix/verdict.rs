//! Compares the servers before and after a run with the members of the group and with the history.

use std::collections::{BTreeMap, BTreeSet};

use matrix_keycloak_sync::plan::DisableMode;
use matrix_keycloak_sync::standins::world::{MasUserState, ServerStates, SynapseAccountState};

use crate::harness::account;

/// The state of every account on both servers.
pub(super) type Everyone = BTreeMap<String, ServerStates>;
/// The enabled members at the end of the run. Users who joined in between joined before any change.
pub(super) type Members = BTreeSet<String>;

/// An action in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) action: String,
    pub(super) localpart: String,
    pub(super) outcome: String,
    /// Whether it was tried.
    pub(super) begun: bool,
}

/// What must never happen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) wrong_disables: Vec<String>,
    pub(super) wrong_activations: Vec<String>,
    pub(super) lost_records: Vec<String>,
    /// Accounts made twice or for the wrong user.
    pub(super) wrong_accounts: Vec<String>,
    /// Users who wrongly got or lost the right, and a server without administrators.
    pub(super) wrong_admins: Vec<String>,
}

impl Report {
    pub(super) fn all(&self) -> impl Iterator<Item = &String> {
        let accounts = self.wrong_disables.iter().chain(&self.wrong_activations);
        accounts.chain(&self.lost_records).chain(&self.wrong_accounts).chain(&self.wrong_admins)
    }

    /// Compares the state before with the state after.
    pub(super) fn of(
        before: &Everyone,
        after: &Everyone,
        records: &[Record],
        members: &Members,
        mode: DisableMode,
    ) -> Self {
        let mut report = Self::default();
        for (name, was) in before {
            let mut now =
                after.get(name).copied().unwrap_or(ServerStates { mas: None, synapse: None });
            let of_account = || records.iter().filter(|record| record.localpart == *name);
            let begun =
                |action: &str| of_account().any(|record| record.action == action && record.begun);
            // A user who loses the right loses sessions, and nothing else.
            if let (true, Some(was), Some(mas)) = (begun("revoke_admin"), was.mas, &mut now.mas) {
                mas.sessions = was.sessions;
            }
            let tried_to_disable = begun("disable") || begun("deactivate");
            if members.contains(name) && (tried_to_disable || is_worse(*was, now)) {
                report.wrong_disables.push(format!("{name}, a member: {was:?} became {now:?}"));
            }
            if !members.contains(name) && (begun("activate") || is_worse(now, *was)) {
                report
                    .wrong_activations
                    .push(format!("{name}, not a member: {was:?} became {now:?}"));
            }
            // Lock, deactivation and the end of a session are parts of a disable; undoing them, of
            // an activation.
            if is_worse(*was, now) && !tried_to_disable || is_worse(now, *was) && !begun("activate")
            {
                report.lost_records.push(format!(
                    "{name}: {was:?} became {now:?}, and the history has no such action"
                ));
            }
            for record in of_account() {
                let is_wrong = match (record.outcome.as_str(), record.action.as_str()) {
                    ("done", "disable") if mode == DisableMode::Lock => !is_locked(now),
                    ("done", "disable" | "deactivate") => !is_disabled(now),
                    ("done", "activate") => !is_active(now),
                    ("skipped", _) => now != *was,
                    _ => false,
                };
                if is_wrong {
                    report.lost_records.push(format!("{record:?}, but {was:?} became {now:?}"));
                }
            }
        }
        report
    }
}

/// Compares the exit code with what happened.
pub(super) fn of_exit(
    code: Option<i32>,
    before: &Everyone,
    after: &Everyone,
    records: &[Record],
) -> Vec<String> {
    let tried = records.iter().filter(|record| record.begun).count();
    let not_done = records.iter().filter(|record| record.outcome != "done").count();
    let exit = match code {
        Some(1 | 3 | 5) if tried > 0 || before != after => {
            "an error before anything was changed, and something was"
        }
        Some(0) if not_done > 0 => "in step, and something is not done",
        Some(4) if not_done == 0 => "incomplete, and everything is done",
        Some(0 | 1 | 3 | 4 | 5) | None => return Vec::new(),
        Some(_) => "no exit code of these",
    };
    vec![format!("exit {code:?} would mean {exit}: {records:?}")]
}

/// Returns whether an account is in the right state: unchanged or activated for members, else
/// disabled.
pub(super) fn in_place(name: &str, before: &Everyone, now: &Everyone, members: &Members) -> bool {
    let (Some(was), Some(now)) = (before.get(name), now.get(name)) else { return false };
    // The token's owner is no member, and is skipped.
    if members.contains(name) || name == "matrix-sync-bot" {
        is_active(*now) && (!is_active(*was) || was == now)
    } else {
        *now == account(true, true)
    }
}

pub(super) fn is_active(state: ServerStates) -> bool {
    matches!(state.mas, Some(MasUserState { locked: false, deactivated: false, .. }))
        && matches!(
            state.synapse,
            Some(SynapseAccountState { locked: false, deactivated: false, erased: false })
        )
}

pub(super) fn is_locked(state: ServerStates) -> bool {
    matches!(state.mas, Some(MasUserState { locked: true, .. }))
        && matches!(state.synapse, Some(it) if it.locked || it.deactivated)
}

fn is_disabled(state: ServerStates) -> bool {
    matches!(state.mas, Some(MasUserState { locked: true, deactivated: true, .. }))
        && matches!(state.synapse, Some(SynapseAccountState { deactivated: true, .. }))
}

/// Returns whether an account can do less than before, on either server.
fn is_worse(was: ServerStates, now: ServerStates) -> bool {
    let in_mas = match (was.mas, now.mas) {
        (Some(was), Some(now)) => {
            now.locked && !was.locked
                || now.deactivated && !was.deactivated
                || now.sessions < was.sessions
        }
        (was, now) => was.is_some() && now.is_none(),
    };
    let in_synapse = match (was.synapse, now.synapse) {
        (Some(was), Some(now)) => {
            now.locked && !was.locked
                || now.deactivated && !was.deactivated
                || now.erased && !was.erased
        }
        (was, now) => was.is_some() && now.is_none(),
    };
    in_mas || in_synapse
}

/// The report about one account.
fn report(was: ServerStates, now: ServerStates, records: &[Record], members: &Members) -> Report {
    Report::of(&one("ann", was), &one("ann", now), records, members, DisableMode::Deactivate)
}

fn one(name: &str, state: ServerStates) -> Everyone {
    [(name.to_owned(), state)].into()
}

fn record(action: &str, outcome: &str, begun: bool) -> Record {
    let (action, localpart, outcome) = (action.to_owned(), "ann".to_owned(), outcome.to_owned());
    Record { action, localpart, outcome, begun }
}

#[test]
fn member_who_can_do_less_is_a_wrong_disable() {
    let members: Members = ["ann".to_owned()].into();
    let (active, begun) = (account(false, false), [record("disable", "failed", true)]);
    let mut logged_out = active;
    let mut logged_in = active;
    logged_in.mas = Some(MasUserState { locked: false, deactivated: false, sessions: 2 });
    logged_out.mas = Some(MasUserState { locked: false, deactivated: false, sessions: 1 });
    let mut in_synapse_alone = active;
    in_synapse_alone.synapse =
        Some(SynapseAccountState { deactivated: true, locked: false, erased: false });
    for (was, now) in [
        (active, account(true, false)),
        (active, account(false, true)),
        (active, account(true, true)),
        (active, in_synapse_alone),
        (active, ServerStates { mas: None, ..active }),
        (logged_in, logged_out),
        // The action had no effect, but it was tried.
        (active, active),
    ] {
        let of = |members: &Members| report(was, now, &begun, members);
        assert_eq!(of(&members).wrong_disables.len(), 1, "{was:?} {now:?}");
        assert_eq!(of(&Members::new()).wrong_disables, [""; 0], "out of the group");
    }
    let same = report(active, active, &[], &members);
    assert_eq!(same, Report::default());
}

#[test]
fn activation_is_wrong_if_the_account_is_not_a_members() {
    let (active, disabled) = (account(false, false), account(true, true));
    let begun = [record("activate", "failed", true)];
    let members: Members = ["ann".to_owned()].into();
    for now in [active, account(true, false), account(false, true), disabled] {
        let of = |members: &Members| report(disabled, now, &begun, members);
        assert_eq!(of(&Members::new()).wrong_activations.len(), 1, "{now:?}");
        assert_eq!(of(&members).wrong_activations, [""; 0], "a member");
    }
    let unasked = report(disabled, active, &[], &Members::new());
    assert_eq!(unasked.wrong_activations.len(), 1);
}

#[test]
fn change_without_a_record_is_a_lost_record() {
    let (active, disabled) = (account(false, false), account(true, true));
    let lost = |was, now, records: &[Record]| {
        report(was, now, records, &Members::new()).lost_records.len()
    };
    for now in [disabled, account(true, false), account(false, true)] {
        assert_eq!(lost(active, now, &[]), 1);
        assert_eq!(lost(active, now, &[record("activate", "failed", true)]), 1);
        assert_eq!(lost(active, now, &[record("disable", "failed", true)]), 0);
    }
    assert_eq!(lost(disabled, active, &[record("disable", "failed", true)]), 1);
    assert_eq!(lost(disabled, active, &[record("activate", "done", true)]), 0);
    assert_eq!(lost(active, active, &[record("disable", "done", true)]), 1);
    assert_eq!(lost(active, account(true, false), &[record("disable", "done", true)]), 1);
    assert_eq!(lost(disabled, account(false, true), &[record("activate", "done", true)]), 1);
    assert!(lost(active, disabled, &[record("disable", "skipped", false)]) > 0);
}

#[test]
fn wrong_exit_code_is_noticed() {
    let (active, disabled) = (one("ann", account(false, false)), one("ann", account(true, true)));
    let (done, failed) = ([record("disable", "done", true)], [record("disable", "failed", true)]);
    for code in [1, 3, 5] {
        assert_ne!(of_exit(Some(code), &active, &disabled, &[]), [""; 0]);
        assert_ne!(of_exit(Some(code), &active, &active, &failed), [""; 0]);
        assert_eq!(
            of_exit(Some(code), &active, &active, &[record("disable", "skipped", false)]),
            [""; 0]
        );
    }
    assert_ne!(of_exit(Some(0), &active, &active, &failed), [""; 0]);
    assert_ne!(of_exit(Some(4), &active, &disabled, &done), [""; 0]);
    assert_ne!(of_exit(Some(78), &active, &active, &[]), [""; 0]);
    assert_eq!(of_exit(Some(0), &active, &disabled, &done), [""; 0]);
    assert_eq!(of_exit(Some(4), &active, &active, &failed), [""; 0]);
}
