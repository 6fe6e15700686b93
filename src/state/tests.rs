//! Tests that recorded data is read back, no matter what happens in between, and that a file that is older,
//! damaged or of another program does no harm.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::*;
use crate::model::{AccountState, KeycloakId, Localpart, Owner, ServerName, Tie, Timestamp, UserId};
use crate::plan::{
    Action, ActionKind, DisableMode, FailureKind, Left, MappingSummary, Outcome, Plan, ReadCounts, Reason, Unverified,
    WriterKind,
};
use crate::planner::{Memory, Presence, Progress, Reach};

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
        self.open_for("corp", "example.org")
    }

    fn open_for(&self, realm: &str, server_name: &str) -> State {
        State::open(&self.path, namespace(realm, server_name)).expect("a state file")
    }

    fn read(&self) -> Result<Option<State>, StateError> {
        State::read(&self.path, namespace("corp", "example.org"))
    }

    /// Puts in what another program, or another version of this one, would.
    fn sql(&self, text: &str) {
        let connection = Connection::open(&self.path).expect("a database");
        connection.execute_batch(text).expect("SQL");
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).expect("a file")
    }

    /// The names in the folder, and the mode of the file.
    fn folder(&self) -> (Vec<String>, u32) {
        let entries = std::fs::read_dir(self.path.parent().expect("a folder")).expect("readable");
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.expect("readable").file_name().into_string().expect("UTF-8")
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        (names, self.path.metadata().expect("a file").permissions().mode() & 0o777)
    }
}

fn namespace(realm: &str, server_name: &str) -> Namespace {
    Namespace { realm: realm.to_owned(), server_name: server_name.into() }
}

fn hours(hours: u64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000).after(Duration::from_hours(hours))
}

fn memory(state: &State) -> Memory {
    state.memory(Timestamp::now()).expect("readable")
}

fn owner(id: &str, tie: Tie) -> Owner {
    Owner { id: id.into(), tie }
}

fn record(state: &State, presence: &Presence<'_>, now: Timestamp) {
    state.record(presence, now).expect("written");
}

fn record_owner(state: &State, name: &str, owner: &Owner) {
    let user_id = Localpart::from(name).on(&state.namespace.server_name);
    record(state, &Presence { owners: vec![(&user_id, owner.clone())], ..Presence::default() }, Timestamp::now());
}

/// Every owner, one a line: `dave 1 link`.
fn owners(state: &State) -> Vec<String> {
    let mut lines = Vec::new();
    let take = |name: &str, owner: Owner| lines.push(format!("{name} {} {}", owner.id, history::word(&owner.tie)));
    state.owners(take).expect("readable");
    lines
}

/// An action that was begun, and done or not.
fn acted(state: &State, kind: ActionKind, name: &str, outcome: Option<&Outcome>) -> RunId {
    let run = begin(state, &plan(&[(kind, name)]));
    state.begin_action(run, 0).expect("written");
    if let Some(outcome) = outcome {
        state.end_action(run, 0, outcome, None).expect("written");
    }
    run
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
        approval: None,
        mark: None,
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
        unnamed: Vec::new(),
        kept: Vec::new(),
        contradictions: 0,
        doubtful: Vec::new(),
        not_rechecked: None,
        unverified: Unverified::default(),
        mapping: MappingSummary::default(),
    }
}

fn begin(state: &State, plan: &Plan) -> RunId {
    let beginning = Beginning { command: "sync", plan, document: "{}", undoes: None };
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
    state.end_action(run, 1, &failed(FailureKind::Writer, Left::InDoubt), None).expect("written");
    state.end_run(run, "incomplete").expect("written");
    drop(state);

    let state = fixture.open();
    let (row, actions) = state.run(run).expect("readable").expect("a run");
    assert_eq!((row.activated, row.disabled, row.not_done, row.result.as_deref()), (1, 0, 2, Some("incomplete")));
    assert_eq!(row.digest, plan.digest().to_string());
    assert_eq!(outcomes(&state, run), ["done", "failed", "skipped"]);
    assert_eq!(actions[1].error, Some("MAS is down".into()));
    assert_eq!(state.runs().expect("readable"), [row]);
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
    let own: Vec<_> = memory(&state).own.into_iter().map(|(user_id, own)| (user_id, own.progress)).collect();
    assert_eq!(own, [(user("dave"), Progress::Begun)]);
}

fn failed(kind: FailureKind, left: Left) -> Outcome {
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
    let (disabled, scheduled) = ((ActionKind::Disable, Some(Outcome::Done)), Outcome::Scheduled(String::new()));
    let then = |outcome| own_after(&[disabled.clone(), (ActionKind::Activate, outcome)]);
    assert_eq!(then(Some(Outcome::Done)), []);
    assert_eq!(then(Some(scheduled)), [], "it was asked for, and what is done after that was by hand");
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
    assert_eq!(own_after(&[(ActionKind::Disable, Some(Outcome::Scheduled(String::new())))]), [Progress::Requested]);
}

#[test]
fn account_that_mas_did_not_know_is_not_in_mas_for_a_day() {
    let fixture = fixture();
    let state = fixture.open();
    let not_found = failed(FailureKind::UserNotFound, Left::Untouched);
    let run = acted(&state, ActionKind::Disable, "dave", Some(&not_found));
    acted(&state, ActionKind::Disable, "erin", Some(&failed(FailureKind::Account, Left::Untouched)));
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
    let set = |run: RunId, begun: i64| fixture.sql(&format!("UPDATE actions SET begun = {begun} WHERE run = {run}"));
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
    let [old, theirs, undone, young] =
        [&state, &other, &state, &state].map(|state| acted(state, ActionKind::Disable, "dave", Some(&Outcome::Done)));
    fixture.sql(&format!("UPDATE runs SET started = 1000, ended = 2000 WHERE id <= {undone}"));
    fixture.sql(&format!("UPDATE runs SET undoes = {undone} WHERE id = {young}"));
    let left = |state: &State| {
        state.runs().expect("readable").into_iter().map(|run| (run.run, run.undoes)).collect::<Vec<_>>()
    };
    state.forget_runs(Timestamp::from_millis(2000)).expect("written");
    assert_eq!(left(&state), [(young, Some(undone)), (undone, None), (old, None)], "not before that moment");
    state.forget_runs(Timestamp::from_millis(2001)).expect("written");
    assert_eq!((left(&state), left(&other)), (vec![(young, None)], vec![(theirs, None)]));
    assert_eq!(state.actions_of(&user("dave")).expect("readable").len(), 1);
    state.forget_runs(Timestamp::now().after(Duration::from_hours(1))).expect("written");
    assert_eq!(left(&state), [(young, None)], "the newest one");
}

#[test]
fn bridge_is_remembered_for_thirty_days_by_its_realm_and_homeserver_alone() {
    let fixture = fixture();
    let state = fixture.open();
    let (ghost, day) = (user("telegram_1"), Duration::from_hours(24));
    let seen = Timestamp::now();
    let bridges = |state: &State, now| state.memory(now).expect("readable").bridges;
    record(&state, &Presence { bridges: vec![&ghost], ..Presence::default() }, seen);
    record(&state, &Presence::default(), seen.after(day));
    assert_eq!(bridges(&state, seen.after(29 * day)), [ghost.clone()].into());
    assert_eq!(bridges(&state, seen.after(30 * day)), [].into());
    assert_eq!(bridges(&state, seen.before(day)), [].into(), "the clock was wrong");
    assert_eq!(bridges(&fixture.open_for("other", "example.org"), seen), [].into());
    assert_eq!(bridges(&fixture.open_for("corp", "example.com"), seen), [].into());
}

#[test]
fn an_absence_begins_once_and_ends_with_the_first_return() {
    let fixture = fixture();
    let state = fixture.open();
    let (dave, moment) = (user("dave"), Timestamp::from_millis);
    let since = || state.memory(moment(4000)).expect("readable").absent_since.get(&dave).copied();
    let absent = || Presence { absent: vec![&dave], ..Presence::default() };
    record(&state, &absent(), moment(1000));
    record(&state, &absent(), moment(2000));
    assert_eq!(since(), Some(moment(1000)));
    record(&state, &Presence::default(), moment(2500));
    assert_eq!(since(), Some(moment(1000)));
    record(&state, &Presence { present: vec![&dave], ..Presence::default() }, moment(3000));
    assert_eq!(since(), None);
    record(&state, &absent(), moment(4000));
    assert_eq!(since(), Some(moment(4000)));
}

/// Since when dave is absent after readings at these hours, all of which miss him, and at which hour that is asked.
fn absent_after(readings: &[u64], asked: u64) -> Option<Timestamp> {
    let fixture = fixture();
    let state = fixture.open();
    let dave = user("dave");
    for hour in readings {
        record(&state, &Presence { absent: vec![&dave], ..Presence::default() }, hours(*hour));
    }
    state.memory(hours(asked)).expect("readable").absent_since.get(&dave).copied()
}

#[test]
fn an_absence_starts_again_after_a_long_pause() {
    assert_eq!(absent_after(&[0, 1], 100), None);
    assert_eq!(absent_after(&[0, 1, 100], 101), Some(hours(100)));
}

#[test]
fn an_absence_goes_on_if_readings_are_a_day_apart() {
    assert_eq!(absent_after(&[0, 25, 49], 74), Some(hours(0)));
}

#[test]
fn an_absence_goes_on_if_readings_are_rare_but_regular() {
    assert_eq!(absent_after(&[0, 720, 1440], 2160), Some(hours(720)));
}

#[test]
fn a_partial_reading_does_not_end_a_pause() {
    let fixture = fixture();
    let state = fixture.open();
    let dave = user("dave");
    let reading = |reach| Presence { reach, absent: vec![&dave], ..Presence::default() };
    record(&state, &reading(Reach::Everything), hours(0));
    record(&state, &reading(Reach::Some), hours(100));
    record(&state, &reading(Reach::Everything), hours(101));
    assert_eq!(state.memory(hours(101)).expect("readable").absent_since[&dave], hours(101));
}

#[test]
fn an_absence_in_the_future_counts_as_now() {
    let fixture = fixture();
    let state = fixture.open();
    let dave = user("dave");
    let absent = || Presence { absent: vec![&dave], ..Presence::default() };
    record(&state, &absent(), hours(1000));
    let since = |hour| state.memory(hours(hour)).expect("readable").absent_since[&dave];
    assert_eq!(since(0), hours(0));
    record(&state, &absent(), hours(1));
    assert_eq!(since(2), hours(1));
}

#[test]
fn an_unfinished_action_is_not_ours_after_a_long_pause() {
    let fixture = fixture();
    let state = fixture.open();
    let later = |hours| Timestamp::now().after(Duration::from_hours(hours));
    let own = |hours| state.memory(later(hours)).expect("readable").own.into_keys().collect::<Vec<_>>();
    record(&state, &Presence::default(), later(0));
    acted(&state, ActionKind::Disable, "dave", None);
    acted(&state, ActionKind::Disable, "erin", Some(&Outcome::Done));
    assert_eq!(own(30), [user("dave"), user("erin")]);
    assert_eq!(own(40), [user("erin")]);
    record(&state, &Presence::default(), later(40));
    assert_eq!(own(41), [user("erin")]);
}

#[test]
fn nothing_of_a_file_that_is_older_than_the_last_run_is_ours() {
    let fixture = fixture();
    let state = fixture.open();
    let dave = user("dave");
    record(&state, &Presence { absent: vec![&dave], ..Presence::default() }, Timestamp::now());
    acted(&state, ActionKind::Disable, "dave", Some(&Outcome::Done));
    let count = |before| state.count_run(before, Timestamp::now()).expect("written");
    assert_eq!(count(None), (1, Age::AsExpected));
    assert_eq!(count(Some(1)), (2, Age::AsExpected));
    let is_known = |memory: &Memory| (memory.own.len(), memory.absent_since.len());
    assert_eq!(is_known(&memory(&state)), (1, 1));
    assert_eq!(count(Some(7)), (8, Age::Older));
    assert_eq!(is_known(&memory(&state)), (0, 0));
    assert_eq!(count(Some(8)), (9, Age::AsExpected));
    acted(&state, ActionKind::Disable, "dave", Some(&Outcome::Done));
    fixture.sql("UPDATE actions SET begun = begun + 900000 WHERE run = 2");
    assert_eq!(memory(&state).own.len(), 1, "what is done from then on counts");
}

#[test]
fn a_command_that_reads_an_older_file_believes_as_little() {
    let fixture = fixture();
    let state = fixture.open();
    let dave = user("dave");
    record(&state, &Presence { absent: vec![&dave], ..Presence::default() }, Timestamp::now());
    acted(&state, ActionKind::Disable, "dave", Some(&Outcome::Done));
    state.count_run(None, Timestamp::now()).expect("written");
    let mut reading = fixture.read().expect("readable").expect("a file");
    let mut known = |last_run| {
        reading.compare(last_run).expect("readable");
        let memory = memory(&reading);
        (memory.own.len(), memory.absent_since.len())
    };
    assert_eq!([known(None), known(Some(1)), known(Some(2))], [(1, 1), (1, 1), (0, 0)]);
}

#[test]
fn a_directory_is_remembered_whether_it_was_alive_or_not() {
    let fixture = fixture();
    let state = fixture.open();
    let presence = Presence { directories: vec!["ldap"], directories_seen: vec!["ad"], ..Presence::default() };
    record(&state, &presence, hours(0));
    record(&state, &Presence { directories_seen: vec!["ldap"], ..Presence::default() }, hours(1));
    assert_eq!(memory(&state).directories, ["ad".into(), "ldap".into()].into());
    let connection = state.lock();
    let alive = |provider: &str| {
        let select = "SELECT alive_seen FROM directories WHERE provider = ?1";
        connection.query_row(select, [provider], |row| row.get::<_, Option<i64>>(0)).expect("a row")
    };
    assert_eq!((alive("ldap"), alive("ad")), (Some(hours(0).as_millis()), None));
}

#[test]
fn an_owner_is_read_back_by_name_by_user_and_with_all_others() {
    let fixture = fixture();
    let state = fixture.open();
    record_owner(&state, "Dave", &owner("be243450-fb1f-4473-a05d-860beb99ac30", Tie::Link));
    record_owner(&state, "erin", &owner("f:ldap:erin", Tie::Name));
    record_owner(&state, "frank", &owner("3", Tie::ExternalId));
    let all = ["Dave be243450-fb1f-4473-a05d-860beb99ac30 link", "erin f:ldap:erin name", "frank 3 external_id"];
    assert_eq!(owners(&state), all);
    let of = |names: &[&str], ids: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| Localpart::from(*name)).collect();
        let ids: Vec<_> = ids.iter().map(|id| KeycloakId::from(*id)).collect();
        let found = state.owners_of(&names, &ids).expect("readable");
        found.into_iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of(&["Dave", "frank"], &["3", "f:ldap:erin"]), ["Dave", "erin", "frank"]);
    assert_eq!(of(&["dave", "nobody"], &["4"]), [""; 0]);
}

/// What is remembered of an account that these owners were recorded for, in this order.
fn remembered(recorded: &[Owner]) -> Vec<String> {
    let fixture = fixture();
    let state = fixture.open();
    for owner in recorded {
        record_owner(&state, "dave", owner);
    }
    owners(&state)
}

#[test]
fn a_recorded_owner_replaces_the_one_before() {
    for tie in [Tie::Link, Tie::ExternalId, Tie::Name, Tie::Restored] {
        assert_eq!(remembered(&[owner("1", tie), owner("2", Tie::Link)]), ["dave 2 link"]);
    }
    assert_eq!(remembered(&[owner("1", Tie::Name), owner("2", Tie::Name)]), ["dave 2 name"]);
}

#[test]
fn owners_of_a_file_that_is_older_than_the_last_run_are_marked_for_good() {
    let fixture = fixture();
    let state = fixture.open();
    record_owner(&state, "dave", &owner("1", Tie::Link));
    let count = |before| state.count_run(before, Timestamp::now()).expect("written");
    count(None);
    assert_eq!(owners(&state), ["dave 1 link"]);
    let mut reading = fixture.read().expect("readable").expect("a file");
    reading.compare(Some(5)).expect("readable");
    assert_eq!(owners(&reading), ["dave 1 restored"], "a command that only reads");
    assert_eq!(count(Some(5)).1, Age::Older);
    assert_eq!(count(Some(6)).1, Age::AsExpected);
    assert_eq!(owners(&state), ["dave 1 restored"], "the run after it as well");
    record_owner(&state, "dave", &owner("1", Tie::Name));
    assert_eq!(owners(&state), ["dave 1 name"], "until a reading shows it again");
}

#[test]
fn an_account_of_another_homeserver_has_no_owner_here() {
    let fixture = fixture();
    let state = fixture.open();
    let other = Localpart::from("dave").on(&"other.example".into());
    let presence = Presence { owners: vec![(&other, owner("1", Tie::Link))], ..Presence::default() };
    record(&state, &presence, Timestamp::now());
    assert_eq!(owners(&state), [""; 0]);
}

#[test]
fn owners_by_the_thousand_are_found_by_user() {
    let fixture = fixture();
    let state = fixture.open();
    let users: Vec<_> = (0..60_000).map(|number| user(&format!("user{number}"))).collect();
    let owners = users.iter().enumerate().map(|(at, user)| (user, owner(&format!("id{at}"), Tie::Name))).collect();
    record(&state, &Presence { owners, ..Presence::default() }, Timestamp::now());
    let found = state.owners_of(&[], &["id59999".into(), "id0".into()]).expect("readable");
    assert_eq!(found.into_iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>(), ["user0", "user59999"]);
    assert!(fixture.read().expect("sound").is_some());
}

#[test]
fn two_realms_and_two_homeservers_in_one_file_do_not_see_each_other() {
    let fixture = fixture();
    let states = [("corp", "example.org"), ("other", "example.org"), ("corp", "example.com")]
        .map(|(realm, server_name)| fixture.open_for(realm, server_name));
    let dave = user("dave");
    let presence = Presence {
        absent: vec![&dave],
        directories: vec!["ldap"],
        owners: vec![(&dave, owner("1", Tie::Link))],
        ..Presence::default()
    };
    record(&states[0], &presence, Timestamp::now());
    let run = acted(&states[0], ActionKind::Disable, "dave", Some(&Outcome::Done));
    let seen = |state: &State| {
        let memory = memory(state);
        let run = state.run(run).expect("readable");
        [
            memory.absent_since.len(),
            memory.own.len(),
            memory.directories.len(),
            owners(state).len(),
            state.owners_of(&["dave".into()], &["1".into()]).expect("readable").len(),
            state.runs().expect("readable").len(),
            usize::from(run.is_some()),
            state.actions_of(&dave).expect("readable").len(),
            state.done_since("sync", Timestamp::default()).expect("readable").len(),
        ]
    };
    assert_eq!(states.each_ref().map(seen), [[1; 9], [0; 9], [0; 9]]);
    let back = Presence { present: vec![&dave], settled: vec![&dave], ..Presence::default() };
    record(&states[1], &back, Timestamp::now().after(Duration::from_hours(1)));
    assert_eq!(seen(&states[0]), [1; 9]);
}

/// The tables of version 0.1, with a row in each.
const FIRST_VERSION: &str = "PRAGMA journal_mode = wal;
    CREATE TABLE runs (id INTEGER PRIMARY KEY, command TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER,
        server_name TEXT NOT NULL, realm TEXT NOT NULL, writer TEXT NOT NULL, disable TEXT NOT NULL,
        digest TEXT NOT NULL, plan TEXT NOT NULL, result TEXT, undoes INTEGER REFERENCES runs (id)) STRICT;
    CREATE TABLE actions (run INTEGER NOT NULL REFERENCES runs (id), number INTEGER NOT NULL, action TEXT NOT NULL,
        user_id TEXT NOT NULL, mas_id TEXT, reason TEXT NOT NULL, evidence TEXT, before TEXT NOT NULL, after TEXT,
        begun INTEGER, ended INTEGER, outcome TEXT, error TEXT, PRIMARY KEY (run, number)) STRICT, WITHOUT ROWID;
    CREATE INDEX actions_by_user ON actions (user_id, run, number);
    CREATE TABLE absences (user_id TEXT PRIMARY KEY, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE directories (realm TEXT NOT NULL, provider TEXT NOT NULL, PRIMARY KEY (realm, provider))
        STRICT, WITHOUT ROWID;
    CREATE TABLE settled (user_id TEXT PRIMARY KEY, seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 2;
    INSERT INTO runs VALUES (1, 'sync', 1000, 2000, 'example.org', 'corp', 'mas-cli', 'deactivate', 'sha256:00', '{}',
        'in_step', NULL);
    INSERT INTO actions VALUES (1, 0, 'disable', '@dave:example.org', NULL, 'not_in_group', NULL,
        '{\"deactivated\": false, \"locked\": false, \"erased\": false}', NULL, 1000, 2000, 'done', NULL),
        (1, 1, 'disable', '@erin:example.org', NULL, 'not_in_group', NULL,
        '{\"deactivated\": false, \"locked\": false, \"erased\": false}', NULL, 1000, 2000, 'done', NULL);
    INSERT INTO absences VALUES ('@frank:example.org', 1000);
    INSERT INTO settled VALUES ('@erin:example.org', 900000000);
    INSERT INTO directories VALUES ('corp', 'ldap'), ('other', 'ad');";

#[test]
fn a_file_of_version_0_1_keeps_its_runs_its_claims_and_its_directories() {
    let fixture = fixture();
    fixture.sql(FIRST_VERSION);
    std::fs::set_permissions(&fixture.path, std::fs::Permissions::from_mode(0o644)).expect("a file of ours");
    let check = |state: &State| {
        let memory = memory(state);
        assert_eq!(memory.own.into_keys().collect::<Vec<_>>(), [user("dave")]);
        assert_eq!(memory.directories, ["ldap".into()].into());
        assert!(memory.absent_since.is_empty(), "a grace starts again");
        assert_eq!(state.runs().expect("readable").len(), 1);
    };
    let before = fixture.bytes();
    check(&fixture.read().expect("readable").expect("a file"));
    assert_eq!(fixture.bytes(), before, "reading brings nothing up to date");
    check(&fixture.open());
    assert_eq!(fixture.open_for("other", "example.org").memory(hours(0)).expect("readable").own.len(), 0);
    assert_eq!(fixture.folder(), (vec!["state.db".to_owned()], 0o600));
    assert_eq!(fixture.bytes()[68..72], schema::APPLICATION_ID.to_be_bytes());
}

/// Has another program write for a moment, and runs `work` meanwhile.
fn while_another_program_writes<T>(fixture: &Fixture, work: impl FnOnce() -> T) -> T {
    let other = Connection::open(&fixture.path).expect("a database");
    other.execute_batch("BEGIN IMMEDIATE").expect("it is free");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(500));
            other.execute_batch("ROLLBACK").expect("a transaction");
        });
        work()
    })
}

#[test]
fn a_program_waits_while_another_one_writes() {
    let fixture = fixture();
    drop(fixture.open());
    let state = while_another_program_writes(&fixture, || fixture.open());
    let (number, _) = while_another_program_writes(&fixture, || state.count_run(None, hours(1))).expect("it waits");
    assert_eq!(number, 1);
    let plan = plan(&[(ActionKind::Disable, "dave")]);
    let run = while_another_program_writes(&fixture, || begin(&state, &plan));
    while_another_program_writes(&fixture, || record(&state, &Presence::default(), hours(1)));
    while_another_program_writes(&fixture, || state.end_run(run, "in_step")).expect("it waits");
}

#[test]
fn a_migration_waits_while_another_program_writes() {
    let fixture = fixture();
    fixture.sql(FIRST_VERSION);
    while_another_program_writes(&fixture, || fixture.open());
}

/// Opens the file from six programs at once, and counts a run in each.
fn open_together(fixture: &Fixture) {
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| fixture.open().count_run(None, hours(1)).expect("it waits"));
        }
    });
    assert_eq!(fixture.open().count_run(None, hours(1)).expect("a number").0, 7);
}

#[test]
fn programs_may_create_one_file_at_the_same_time() {
    for _ in 0..20 {
        open_together(&fixture());
    }
}

#[test]
fn programs_may_migrate_one_file_at_the_same_time() {
    for _ in 0..20 {
        let fixture = fixture();
        fixture.sql(FIRST_VERSION);
        open_together(&fixture);
    }
}

#[test]
fn a_new_file_is_for_its_owner_alone_and_says_whose_it_is() {
    let fixture = fixture();
    let state = fixture.open();
    assert_eq!(fixture.bytes()[68..72], schema::APPLICATION_ID.to_be_bytes(), "before the log is taken in");
    drop(state);
    assert_eq!(fixture.folder(), (vec!["state.db".to_owned()], 0o600));
}

#[test]
fn a_folder_is_made_for_its_owner_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a/b/state.db");
    assert!(make_folder(&path, Parents::MustExist).is_err());
    make_folder(&path, Parents::AreMade).expect("a folder");
    make_folder(&path, Parents::MustExist).expect("it is there");
    for folder in ["a", "a/b"] {
        let mode = directory.path().join(folder).metadata().expect("a folder").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
    }
}

#[test]
fn a_command_that_only_reads_creates_nothing() {
    let fixture = fixture();
    assert!(fixture.read().expect("no file is no error").is_none());
    assert!(!fixture.path.exists());
    drop(fixture.open());
    let before = fixture.bytes();
    let state = fixture.read().expect("readable").expect("a file");
    assert!(state.record(&Presence::default(), Timestamp::now()).is_err(), "it cannot write");
    drop(state);
    assert_eq!((fixture.bytes() == before, fixture.folder().0), (true, vec!["state.db".to_owned()]));
}

#[test]
fn an_empty_file_is_like_none() {
    let fixture = fixture();
    std::fs::write(&fixture.path, "").expect("a writable directory");
    assert!(fixture.read().expect("readable").is_none());
    assert!(fixture.bytes().is_empty());
    fixture.open();
}

#[test]
fn a_file_of_another_program_is_an_error_and_stays_as_it_is() {
    for text in [
        "CREATE TABLE notes (text TEXT)",
        "CREATE TABLE runs (text TEXT)",
        "PRAGMA application_id = 7",
        "PRAGMA journal_mode = wal; CREATE TABLE notes (text TEXT)",
    ] {
        let fixture = fixture();
        fixture.sql(text);
        assert_left(&fixture, "was not written by this program");
    }
    let fixture = fixture();
    std::fs::write(&fixture.path, "this is not a database, in spite of its name; it is long enough to look like one\n")
        .expect("a writable directory");
    assert_left(&fixture, "was not written by this program");
}

/// The file can neither be read nor written, for this reason, and nothing of it changes.
fn assert_left(fixture: &Fixture, why: &str) {
    let before = (fixture.bytes(), fixture.folder());
    for error in [State::open(&fixture.path, namespace("corp", "example.org")).err(), fixture.read().err()] {
        let error = error.expect("an error");
        assert!(error.to_string().contains(why) && error.hint().contains("ile"), "{error}");
        assert!(!error.problem.is_about_the_place());
    }
    assert_eq!(fixture.bytes(), before.0);
    assert_eq!(fixture.folder().1, before.1.1);
}

#[test]
fn a_link_is_not_followed() {
    let fixture = fixture();
    let target = fixture.path.with_file_name("target.db");
    std::fs::write(&target, "").expect("a writable directory");
    std::os::unix::fs::symlink(&target, &fixture.path).expect("a link");
    assert_left(&fixture, "is a link");
}

/// A file with a thousand owners, closed.
fn filled() -> Fixture {
    let fixture = fixture();
    let state = fixture.open();
    let users: Vec<_> = (0..1000).map(|number| user(&format!("user{number}"))).collect();
    let owners = users.iter().map(|user| (user, owner("be243450-fb1f-4473-a05d-860beb99ac30", Tie::Name))).collect();
    record(&state, &Presence { owners, ..Presence::default() }, Timestamp::now());
    drop(state);
    fixture
}

#[test]
fn a_damaged_file_is_an_error_and_stays_as_it_is() {
    let fixture = filled();
    let mut bytes = fixture.bytes();
    let half = bytes.len() / 2;
    bytes[half..half + 4096].fill(0xa5);
    std::fs::write(&fixture.path, bytes).expect("a writable file");
    assert_left(&fixture, "is damaged");
}

#[test]
fn a_truncated_file_is_an_error_and_stays_as_it_is() {
    for kept in [50, 90, 4096, 20_000] {
        let fixture = filled();
        let bytes = fixture.bytes();
        std::fs::write(&fixture.path, &bytes[..kept]).expect("a writable file");
        assert_left(&fixture, "is damaged");
    }
}

#[test]
fn a_newer_file_is_an_error_and_stays_as_it_is() {
    let fixture = filled();
    fixture.sql("PRAGMA user_version = 99");
    assert_left(&fixture, "has tables that this version does not know");
}

#[test]
fn a_folder_that_takes_no_file_is_about_the_place() {
    let fixture = fixture();
    std::fs::write(&fixture.path, "").expect("a writable directory");
    let below = fixture.path.join("state.db");
    let error = State::open(&below, namespace("corp", "example.org")).expect_err("a file is no folder");
    assert!(error.problem.is_about_the_place(), "{error}");
}

/// As root everything can be written, so this says something only for other users.
#[test]
fn a_file_that_cannot_be_written_can_be_read() {
    let fixture = filled();
    let folder = fixture.path.parent().expect("a folder");
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a file of ours");
    };
    set(&fixture.path, 0o400);
    set(folder, 0o500);
    let (read, opened) = (fixture.read(), State::open(&fixture.path, namespace("corp", "example.org")));
    set(folder, 0o700);
    assert_eq!(owners(&read.expect("readable").expect("a file")).len(), 1000);
    if !rustix::process::geteuid().is_root() {
        assert!(opened.expect_err("not writable").problem.is_about_the_place());
    }
}

/// Run it with `--release`, `--ignored` and `--nocapture`.
#[test]
#[ignore = "prints how long a million owners take"]
fn a_million_owners() {
    let fixture = fixture();
    let users: Vec<_> = (0..1_000_000).map(|number| user(&format!("user{number:07}"))).collect();
    let id = |at: usize| uuid::Uuid::from_u128((at as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let owners = |shift: usize| {
        let owner = |at: usize| owner(&id(at + shift).hyphenated().to_string(), Tie::Name);
        users.iter().enumerate().map(|(at, user)| (user, owner(at))).collect::<Vec<_>>()
    };
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let begin = std::time::Instant::now();
        work();
        println!("{what}: {:.2} s", begin.elapsed().as_secs_f64());
    };
    let state = fixture.open();
    for (what, shift) in [("insert", 0), ("replace all", 1)] {
        let presence = Presence { owners: owners(shift), ..Presence::default() };
        timed(what, &mut || record(&state, &presence, Timestamp::now()));
    }
    let presence = Presence { owners: owners(2).into_iter().step_by(100).collect(), ..Presence::default() };
    timed("replace ten thousand", &mut || record(&state, &presence, Timestamp::now()));
    let mut count = 0;
    timed("read all", &mut || state.owners(|_, _| count += 1).expect("readable"));
    assert_eq!(count, 1_000_000);
    let ids: Vec<_> = (5..1005).map(|at| KeycloakId::from(id(at).hyphenated().to_string())).collect();
    timed("find a thousand", &mut || drop(state.owners_of(&[], &ids).expect("readable")));
    drop(state);
    println!("{} MB", fixture.path.metadata().expect("a file").len() / 1_000_000);
    timed("open to write", &mut || drop(fixture.open()));
    timed("open to read", &mut || drop(fixture.read().expect("readable")));
}
