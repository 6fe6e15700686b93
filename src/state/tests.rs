//! What is written down is read back, whatever happens in between.

use std::time::Duration;

use super::*;
use crate::model::{AccountState, Moment, ServerName, UserId};
use crate::plan::{Action, ActionKind, DisableMode, Outcome, Plan, ReadCounts, Reason, WriterKind};
use crate::planner::{OwnAction, Presence};

struct Fixture {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

fn fixture() -> Fixture {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.db");
    Fixture { _directory: directory, path }
}

impl Fixture {
    fn open(&self) -> State {
        State::open(&self.path).expect("a state file")
    }
}

fn user(name: &str) -> UserId {
    UserId::try_from(format!("@{name}:example.org").into_boxed_str()).expect("a user ID")
}

fn plan(actions: &[(ActionKind, &str)]) -> Plan {
    let action = |(kind, name): &(ActionKind, &str)| Action {
        kind: *kind,
        user_id: user(name),
        mas_id: None,
        reason: Reason::NotInGroup,
        before: AccountState::default(),
        evidence: None,
        skipped: None,
    };
    Plan {
        server_name: ServerName::from("example.org"),
        writer: WriterKind::MasCli,
        disable: DisableMode::Deactivate,
        read: ReadCounts::default(),
        actions: actions.iter().map(action).collect(),
        unchanged: 0,
        active: 0,
        not_registered: Vec::new(),
        kept: Vec::new(),
        contradictions: 0,
        not_looked: None,
    }
}

fn begin(state: &State, plan: &Plan) -> RunId {
    let beginning = Beginning { command: "sync", realm: "corp", plan, document: "{}", undoes: None };
    state.begin_run(&beginning).expect("a run")
}

fn outcomes(state: &State, run: RunId) -> Vec<String> {
    let (_, actions) = state.run(run).expect("readable").expect("a run");
    actions.into_iter().map(|action| action.outcome).collect()
}

#[test]
fn a_run_is_read_back_as_it_was() {
    let fixture = fixture();
    let state = fixture.open();
    let plan = plan(&[(ActionKind::Activate, "bob"), (ActionKind::Disable, "dave"), (ActionKind::Disable, "erin")]);
    let run = begin(&state, &plan);
    state.begin_action(run, 0).expect("written");
    state.end_action(run, 0, &Outcome::Done, Some(AccountState::default())).expect("written");
    state.begin_action(run, 1).expect("written");
    let failed = Outcome::Failed { why: "MAS is down".to_owned(), hint: String::new() };
    state.end_action(run, 1, &failed, None).expect("written");
    state.end_run(run, "incomplete").expect("written");
    drop(state);

    let state = fixture.open();
    let (row, actions) = state.run(run).expect("readable").expect("a run");
    assert_eq!((row.activated, row.disabled, row.not_done, row.result.as_deref()), (1, 0, 2, Some("incomplete")));
    assert_eq!(row.digest, plan.digest().to_string());
    assert_eq!(outcomes(&state, run), ["done", "failed", "skipped"]);
    assert_eq!(actions[1].error.as_deref(), Some("MAS is down"));
    assert_eq!(state.runs().expect("readable"), [row]);
}

#[test]
fn what_was_under_way_when_a_run_was_killed_is_interrupted() {
    let fixture = fixture();
    let state = fixture.open();
    let run = begin(&state, &plan(&[(ActionKind::Disable, "dave"), (ActionKind::Disable, "erin")]));
    state.begin_action(run, 0).expect("written");
    drop(state);

    let state = fixture.open();
    assert_eq!(outcomes(&state, run), ["interrupted", "skipped"]);
    let own = state.memory("corp").expect("readable").own;
    let half = OwnAction { kind: ActionKind::Disable, mode: DisableMode::Deactivate, is_done: false };
    assert_eq!(own.into_iter().collect::<Vec<_>>(), [(user("dave"), half)]);
}

#[test]
fn the_last_thing_tried_with_an_account_is_what_counts() {
    let fixture = fixture();
    let state = fixture.open();
    for kind in [ActionKind::Disable, ActionKind::Activate] {
        let run = begin(&state, &plan(&[(kind, "dave")]));
        state.begin_action(run, 0).expect("written");
        state.end_action(run, 0, &Outcome::Done, None).expect("written");
    }
    let own = state.memory("corp").expect("readable").own;
    let done = OwnAction { kind: ActionKind::Activate, mode: DisableMode::Deactivate, is_done: true };
    assert_eq!(own.get(&user("dave")), Some(&done));
    assert_eq!(state.actions_of(&user("dave")).expect("readable").len(), 2);
}

#[test]
fn what_was_tried_before_the_account_was_seen_active_is_over() {
    let fixture = fixture();
    let state = fixture.open();
    let dave = user("dave");
    let run = begin(&state, &plan(&[(ActionKind::Disable, "dave")]));
    state.begin_action(run, 0).expect("written");
    let seen_after = |minutes| {
        let moment = Moment::now().after(Duration::from_mins(minutes));
        state.record(&Presence { settled: vec![&dave], ..Presence::default() }, "corp", moment).expect("written");
        state.memory("corp").expect("readable").own.contains_key(&dave)
    };
    assert!(seen_after(1), "the homeserver may be behind");
    assert!(!seen_after(15));
    let run = begin(&state, &plan(&[(ActionKind::Activate, "dave")]));
    state.begin_action(run, 0).expect("written");
    assert!(seen_after(1), "what was tried since then counts");
}

#[test]
fn an_absence_begins_once_and_ends_with_the_first_return() {
    let fixture = fixture();
    let state = fixture.open();
    let (dave, moment) = (user("dave"), Moment::from_millis);
    let since = |state: &State| state.memory("corp").expect("readable").absent_since.get(&dave).copied();
    let absent = || Presence { absent: vec![&dave], ..Presence::default() };
    state.record(&absent(), "corp", moment(1000)).expect("written");
    state.record(&absent(), "corp", moment(2000)).expect("written");
    assert_eq!(since(&state), Some(moment(1000)));
    state.record(&Presence::default(), "corp", moment(2500)).expect("written");
    assert_eq!(since(&state), Some(moment(1000)));
    state.record(&Presence { present: vec![&dave], ..Presence::default() }, "corp", moment(3000)).expect("written");
    assert_eq!(since(&state), None);
    state.record(&absent(), "corp", moment(4000)).expect("written");
    assert_eq!(since(&state), Some(moment(4000)));
}

#[test]
fn directories_are_remembered_for_their_realm() {
    let fixture = fixture();
    let state = fixture.open();
    let presence = Presence { directories: vec!["ldap"], ..Presence::default() };
    state.record(&presence, "corp", Moment::default()).expect("written");
    assert_eq!(state.memory("corp").expect("readable").directories.len(), 1);
    assert_eq!(state.memory("other").expect("readable").directories.len(), 0);
}

#[test]
fn a_file_that_is_none_of_ours_is_an_error_and_stays_as_it_is() {
    let fixture = fixture();
    std::fs::write(&fixture.path, "this is no database, whatever its name says; it is long enough to look like one\n")
        .expect("a writable directory");
    let before = std::fs::read(&fixture.path).expect("readable");
    let error = State::open(&fixture.path).expect_err("no database");
    assert!(error.to_string().contains("state.db") && error.hint().contains("state_file"));
    assert_eq!(std::fs::read(&fixture.path).expect("readable"), before);
}
