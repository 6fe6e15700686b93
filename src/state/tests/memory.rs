//! What a reading has shown is remembered for its realm and homeserver alone, and not too long.

use super::*;

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
fn a_directory_is_remembered_whether_it_was_alive_or_not() {
    let fixture = fixture();
    let state = fixture.open();
    let presence =
        Presence { directories: vec!["ldap"], directories_seen: vec!["ad"], ..Presence::default() };
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
            state.runs(&RunFilter::default()).expect("readable").len(),
            usize::from(run.is_some()),
            state.actions_of(&dave).expect("readable").len(),
            state.done_since(RunCommand::Sync, Timestamp::default()).expect("readable").len(),
        ]
    };
    assert_eq!(states.each_ref().map(seen), [[1; 9], [0; 9], [0; 9]]);
    let back = Presence { present: vec![&dave], settled: vec![&dave], ..Presence::default() };
    record(&states[1], &back, Timestamp::now().after(Duration::from_hours(1)));
    assert_eq!(seen(&states[0]), [1; 9]);
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
