//! Runs and actions are read back, and only unreversed disables of ours count as ours.

use super::*;
use crate::model::{AccountDetail, Answer, Evidence, KeycloakPerson, Question};
use crate::plan::DisableMode;
use crate::planner::BegunCreation;

#[test]
fn a_run_is_read_back_as_it_was() {
    let fixture = fixture();
    let state = fixture.open();
    let plan = plan(&[
        (ActionKind::Activate, "bob"),
        (ActionKind::Disable, "dave"),
        (ActionKind::Disable, "erin"),
    ]);
    let run = begin(&state, &plan);
    state.begin_action(run, 0).expect("written");
    state.end_action(run, 0, &Outcome::Done, Some(AccountState::default())).expect("written");
    state.begin_action(run, 1).expect("written");
    state.end_action(run, 1, &failed(FailureKind::Writer, Left::InDoubt), None).expect("written");
    state.end_run(run, RunResult::Incomplete).expect("written");
    drop(state);

    let state = fixture.open();
    let (row, actions) = state.run(run).expect("readable").expect("a run");
    assert_eq!(
        (row.activated, row.disabled, row.not_done, row.result),
        (1, 0, 2, Some(RunResult::Incomplete))
    );
    assert_eq!(row.digest, plan.digest().to_string());
    assert_eq!(outcomes(&state, run), ["done", "failed", "skipped"]);
    assert_eq!(actions[1].error, Some("MAS is down".into()));
    assert_eq!(state.runs(&RunFilter::default()).expect("readable"), [row]);
}

#[test]
fn an_action_under_way_when_its_run_was_killed_is_interrupted() {
    let fixture = fixture();
    let state = fixture.open();
    record(&state, &Presence::default(), Timestamp::now());
    let run = begin(&state, &plan(&[(ActionKind::Disable, "dave"), (ActionKind::Disable, "erin")]));
    state.begin_action(run, 0).expect("written");
    drop(state);

    let state = fixture.open();
    assert_eq!(outcomes(&state, run), ["interrupted", "skipped"]);
    let own: Vec<_> =
        memory(&state).own.into_iter().map(|(user_id, own)| (user_id, own.progress)).collect();
    assert_eq!(own, [(user("dave"), Progress::Begun)]);
}

#[test]
fn undo_compares_an_action_under_way_when_its_run_was_killed_by_its_beginning() {
    let fixture = fixture();
    let state = fixture.open();
    let run = begin(&state, &plan(&[(ActionKind::Disable, "dave")]));
    state.begin_action(run, 0).expect("written");
    let (_, actions) = state.run(run).expect("readable").expect("a run");
    let undone = state.done_by(run).expect("readable").expect("a run");
    assert!(actions[0].begun.is_some());
    assert_eq!((actions[0].ended, undone[0].ended), (None, actions[0].begun));
}

pub(super) fn failed(kind: FailureKind, left: Left) -> Outcome {
    Outcome::Failed { why: "MAS is down".to_owned(), hint: String::new(), kind, left }
}

/// The disables that are ours after these actions with one account, and how far each came.
fn own_after(actions: &[(ActionKind, Option<Outcome>)]) -> Vec<Progress> {
    let fixture = fixture();
    let state = fixture.open();
    record(&state, &Presence::default(), Timestamp::now());
    for (kind, outcome) in actions {
        acted(&state, *kind, "dave", outcome.as_ref());
    }
    memory(&state).own.into_values().map(|own| own.progress).collect()
}

#[test]
fn disable_is_ours_until_an_activation_has_reversed_it() {
    let (disabled, scheduled) =
        ((ActionKind::Disable, Some(Outcome::Done)), Outcome::Scheduled(String::new()));
    let then = |outcome| own_after(&[disabled.clone(), (ActionKind::Activate, outcome)]);
    assert_eq!(then(Some(Outcome::Done)), []);
    assert_eq!(
        then(Some(scheduled)),
        [],
        "it was asked for, and what is done after that was by hand"
    );
    assert_eq!(then(Some(failed(FailureKind::Writer, Left::InDoubt))), [Progress::Done]);
    assert_eq!(then(None), [Progress::Done], "the run was killed");
    assert_eq!(own_after(&[(ActionKind::Activate, None)]), []);
}

#[test]
fn disable_that_was_refused_before_its_first_change_is_not_ours() {
    let left = |kind, left| own_after(&[(ActionKind::Disable, Some(failed(kind, left)))]);
    assert_eq!(left(FailureKind::Account, Left::Untouched), []);
    assert_eq!(left(FailureKind::Writer, Left::Untouched), []);
    assert_eq!(left(FailureKind::UserNotFound, Left::Untouched), []);
    assert_eq!(left(FailureKind::Writer, Left::InDoubt), [Progress::Begun]);
    assert_eq!(
        own_after(&[(ActionKind::Disable, Some(Outcome::Scheduled(String::new())))]),
        [Progress::Requested]
    );
}

#[test]
fn lock_counts_until_its_second_stage_is_seen_and_then_the_deactivation() {
    let after = |outcome: Option<Outcome>| {
        let fixture = fixture();
        let state = fixture.open();
        record(&state, &Presence::default(), Timestamp::now());
        let mut locks = plan(&[(ActionKind::Disable, "dave")]);
        locks.disable = DisableMode::Lock;
        let run = begin(&state, &locks);
        state.begin_action(run, 0).expect("written");
        state.end_action(run, 0, &Outcome::Done, None).expect("written");
        acted(&state, ActionKind::Deactivate, "dave", outcome.as_ref());
        let own: Vec<_> = memory(&state).own.into_values().collect();
        own.into_iter().map(|own| (own.mode, own.second_stage)).collect::<Vec<_>>()
    };
    let begun = [(DisableMode::Lock, SecondStage::Begun)];
    assert_eq!(after(None), begun, "the run was killed");
    assert_eq!(after(Some(Outcome::Scheduled(String::new()))), begun);
    assert_eq!(after(Some(failed(FailureKind::Writer, Left::InDoubt))), begun);
    let untouched = failed(FailureKind::Writer, Left::Untouched);
    assert_eq!(after(Some(untouched)), [(DisableMode::Lock, SecondStage::NotBegun)]);
    let done = after(Some(Outcome::Done));
    assert_eq!(done, [(DisableMode::Deactivate, SecondStage::NotBegun)]);
}

#[test]
fn account_that_mas_did_not_know_is_not_in_mas_for_a_day() {
    let fixture = fixture();
    let state = fixture.open();
    let not_found = failed(FailureKind::UserNotFound, Left::Untouched);
    let run = acted(&state, ActionKind::Disable, "dave", Some(&not_found));
    acted(
        &state,
        ActionKind::Disable,
        "erin",
        Some(&failed(FailureKind::Account, Left::Untouched)),
    );
    assert_eq!(memory(&state).not_in_mas, [user("dave")].into());
    assert_eq!(state.failed_before().expect("readable"), [user("dave"), user("erin")].into());
    fixture.sql(&format!("UPDATE actions SET begun = begun - 86400001 WHERE run = {run}"));
    assert_eq!(memory(&state).not_in_mas, [].into());
    acted(&state, ActionKind::Disable, "erin", Some(&Outcome::Done));
    assert_eq!(state.failed_before().expect("readable"), [user("dave")].into());
}

#[test]
fn a_disable_that_is_tried_again_keeps_the_time_of_its_first_try() {
    let fixture = fixture();
    let state = fixture.open();
    let at = |state: &State| memory(state).own[&user("dave")].at;
    let set = |run: RunId, begun: i64| {
        fixture.sql(&format!("UPDATE actions SET begun = {begun} WHERE run = {run}"));
    };
    set(acted(&state, ActionKind::Disable, "dave", None), 1000);
    set(acted(&state, ActionKind::Disable, "dave", Some(&Outcome::Done)), 2000);
    record(&state, &Presence::default(), Timestamp::now());
    assert_eq!(at(&state), Timestamp::from_millis(1000));
    set(acted(&state, ActionKind::Activate, "dave", Some(&Outcome::Done)), 3000);
    set(acted(&state, ActionKind::Disable, "dave", Some(&Outcome::Done)), 4000);
    assert_eq!(at(&state), Timestamp::from_millis(4000));
}

#[test]
fn an_account_seen_active_ends_every_earlier_action() {
    let fixture = fixture();
    let state = fixture.open();
    let dave = user("dave");
    acted(&state, ActionKind::Disable, "dave", None);
    let seen_after = |minutes| {
        let moment = Timestamp::now().after(Duration::from_mins(minutes));
        record(&state, &Presence { settled: vec![&dave], ..Presence::default() }, moment);
        memory(&state).own.contains_key(&dave)
    };
    assert!(!seen_after(1));
    let run = acted(&state, ActionKind::Disable, "dave", None);
    fixture.sql(&format!("UPDATE actions SET begun = begun + 120000 WHERE run = {run}"));
    assert!(memory(&state).own.contains_key(&dave), "what was tried since then counts");
}

#[test]
fn old_runs_are_forgotten_with_their_actions_and_no_number_is_given_twice() {
    let fixture = fixture();
    let state = fixture.open();
    let other = fixture.open_for("other", "example.org");
    let [old, theirs, undone, young] = [&state, &other, &state, &state]
        .map(|state| acted(state, ActionKind::Disable, "dave", Some(&Outcome::Done)));
    fixture.sql(&format!("UPDATE runs SET started = 1000, ended = 2000 WHERE id <= {undone}"));
    fixture.sql(&format!("UPDATE runs SET undoes = {undone} WHERE id = {young}"));
    let left = |state: &State| {
        state
            .runs(&RunFilter::default())
            .expect("readable")
            .into_iter()
            .map(|run| (run.run, run.undoes))
            .collect::<Vec<_>>()
    };
    state.forget_runs(Timestamp::from_millis(2000)).expect("written");
    assert_eq!(
        left(&state),
        [(young, Some(undone)), (undone, None), (old, None)],
        "not before that moment"
    );
    state.forget_runs(Timestamp::from_millis(2001)).expect("written");
    assert_eq!((left(&state), left(&other)), (vec![(young, None)], vec![(theirs, None)]));
    assert_eq!(state.actions_of(&user("dave")).expect("readable").len(), 1);
    state.forget_runs(Timestamp::now().after(Duration::from_hours(1))).expect("written");
    assert_eq!(left(&state), [(young, None)], "the newest one");
}

#[test]
fn run_that_locked_an_account_stays_until_its_second_stage() {
    let fixture = fixture();
    let state = fixture.open();
    let dave = user("dave");
    let lock = Presence { locked: vec![&dave], ..Presence::default() };
    let run = acted(&state, ActionKind::Disable, "dave", Some(&Outcome::Done));
    record(&state, &lock, Timestamp::now());
    let newest = acted(&state, ActionKind::Disable, "erin", Some(&Outcome::Done));
    let far = Timestamp::now().after(Duration::from_hours(1000));
    let left = || {
        state.forget_runs(far).expect("written");
        let runs = state.runs(&RunFilter::default()).expect("readable");
        runs.into_iter().map(|run| run.run).collect::<Vec<_>>()
    };
    assert_eq!(left(), [newest, run]);
    let over = Presence { not_locked: vec![&dave], ..Presence::default() };
    record(&state, &over, Timestamp::now());
    assert_eq!(left(), [newest]);
}

#[test]
fn account_seen_active_ends_what_was_done_before_by_any_clock() {
    for begun in ["2000000000000", "1000"] {
        let fixture = fixture();
        let state = fixture.open();
        let dave = user("dave");
        let run = acted(&state, ActionKind::Disable, "dave", Some(&Outcome::Done));
        // The clock of this host was wrong when it began.
        fixture.sql(&format!("UPDATE actions SET begun = {begun}, ended = {begun}"));
        assert_eq!(memory(&state).own.len(), 1);
        let active = Presence { settled: vec![&dave], ..Presence::default() };
        record(&state, &active, Timestamp::from_millis(1_795_000_000_000));
        assert_eq!(memory(&state).own.len(), 0, "{begun}");
        let undone = state.done_by(run).expect("readable").expect("a run");
        assert!(undone[0].since.is_some(), "{begun}");
        acted(&state, ActionKind::Disable, "dave", Some(&Outcome::Done));
        fixture.sql(&format!("UPDATE actions SET begun = {begun}, ended = {begun}"));
        assert_eq!(memory(&state).own.len(), 1, "{begun}: a later one");
    }
}

#[test]
fn an_unfinished_action_is_not_ours_after_a_long_pause() {
    let fixture = fixture();
    let state = fixture.open();
    let later = |hours| Timestamp::now().after(Duration::from_hours(hours));
    let own =
        |hours| state.memory(later(hours)).expect("readable").own.into_keys().collect::<Vec<_>>();
    record(&state, &Presence::default(), later(0));
    acted(&state, ActionKind::Disable, "dave", None);
    acted(&state, ActionKind::Disable, "erin", Some(&Outcome::Done));
    assert_eq!(own(30), [user("dave"), user("erin")]);
    assert_eq!(own(40), [user("erin")]);
    record(&state, &Presence::default(), later(40));
    assert_eq!(own(41), [user("erin")]);
}

#[test]
fn account_was_skipped_before_until_its_next_action() {
    let fixture = fixture();
    let state = fixture.open();
    assert_eq!(state.skipped_before().expect("readable"), [].into());
    let skipped = Outcome::Skipped("the look failed".to_owned());
    for (name, outcome) in [("dave", &skipped), ("erin", &skipped), ("frank", &Outcome::Done)] {
        let run = acted(&state, ActionKind::Disable, name, Some(outcome));
        if *outcome == skipped {
            fixture.sql(&format!("UPDATE actions SET begun = NULL WHERE run = {run}"));
        }
    }
    assert_eq!(state.skipped_before().expect("readable"), [user("dave"), user("erin")].into());
    acted(&state, ActionKind::Disable, "erin", Some(&Outcome::Done));
    let mut plan = plan(&[(ActionKind::Disable, "dave")]);
    plan.actions[0].skipped = Some(Skip::NotSeen(NotRechecked::ServerGivenUp));
    let run = begin(&state, &plan);
    state.end_action(run, 0, &skipped, None).expect("written");
    assert_eq!(state.skipped_before().expect("readable"), [user("dave")].into());
}

fn room(room_id: &str, name: Option<&str>) -> Room {
    Room { room_id: room_id.into(), name: name.map(Into::into) }
}

#[test]
fn rooms_of_an_account_stay_as_long_as_its_run() {
    let fixture = fixture();
    let state = fixture.open();
    let both = plan(&[(ActionKind::Activate, "bob"), (ActionKind::Disable, "dave")]);
    let run = begin(&state, &both);
    let rooms = [room("!lobby:example.org", Some("Lobby")), room("!dm:example.org", None)];
    state.note_rooms(run, 1, &[room("!other:example.org", None)]).expect("written");
    state.note_rooms(run, 1, &rooms).expect("written");
    let rooms_of = |run| -> Vec<Vec<Room>> {
        let (_, actions) = state.run(run).expect("readable").expect("a run");
        actions.into_iter().map(|action| action.rooms).collect()
    };
    assert_eq!(rooms_of(run), [vec![], rooms.to_vec()]);
    let later = begin(&state, &both);
    assert_eq!(rooms_of(later), [vec![], vec![]]);
    state.forget_runs(Timestamp::now().after(Duration::from_hours(1))).expect("written");
    let left: i64 = state
        .lock()
        .query_row("SELECT count(*) FROM rooms", [], |row| row.get(0))
        .expect("readable");
    assert_eq!(left, 0);
}

#[test]
fn creation_that_broke_off_had_ended_when_the_next_run_of_this_realm_began() {
    let fixture = fixture();
    let state = fixture.open();
    let mut creation = plan(&[(ActionKind::Create, "zoe")]);
    creation.actions[0].evidence = Some(Evidence {
        keycloak: vec![Answer { asked: Question::Id("z".into()), user: KeycloakPerson::Unknown }],
        account: AccountDetail::new(user("zoe")),
        signs: Vec::new(),
    });
    let run = begin(&state, &creation);
    state.begin_action(run, 0).expect("written");
    let attempt = || {
        let BegunCreation { attempts, .. } = memory(&state).creations[&user("zoe")].clone();
        attempts[0]
    };
    let (begun, ended) = attempt();
    assert_eq!(ended, begun.after(Duration::from_mins(2)));
    begin(&fixture.open_for("other", "example.org"), &plan(&[]));
    begin(&fixture.open_for("corp", "example.com"), &plan(&[]));
    assert_eq!(attempt(), (begun, ended));
    begin(&state, &plan(&[]));
    assert!(attempt().1 < ended);
    // Only the first of the runs after it counts.
    fixture.sql("UPDATE runs SET started = started + 3600000 WHERE id > 1");
    assert_eq!(attempt(), (begun, ended));
}
