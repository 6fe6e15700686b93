//! What a later reading shows of our actions, and what a file that took the place of another says.

use super::actions::failed;
use super::*;
use crate::plan::DisableMode;
use crate::planner::OwnDisable;

#[test]
fn disable_that_a_later_reading_shows_is_done_since_then() {
    let fixture = fixture();
    let state = fixture.open();
    let dave = user("dave");
    let scheduled = Outcome::Scheduled("not shown yet".to_owned());
    let now = Timestamp::now();
    record(&state, &Presence::default(), now);
    let run = acted(&state, ActionKind::Disable, "dave", Some(&scheduled));
    let own = || memory(&state).own.into_values().next().map(|own| (own.progress, own.until));
    assert_eq!(own().map(|(progress, _)| progress), Some(Progress::Requested));
    let shown = Presence { shown: vec![&dave], ..Presence::default() };
    let later = now.after(Duration::from_secs(9));
    record(&state, &shown, later);
    assert_eq!(own(), Some((Progress::Done, later)));
    record(&state, &shown, later.after(Duration::from_secs(9)));
    assert_eq!(own(), Some((Progress::Done, later)), "the first time counts");
    assert_eq!(outcomes(&state, run), ["scheduled"], "the history stays");
}

#[test]
fn second_stage_that_a_later_reading_shows_is_done_since_then() {
    let fixture = fixture();
    let state = fixture.open();
    let dave = user("dave");
    acted(&state, ActionKind::Disable, "dave", Some(&Outcome::Done));
    acted(&state, ActionKind::Deactivate, "dave", None);
    record(&state, &Presence { shown: vec![&dave], ..Presence::default() }, hours(9));
    let own = memory(&state).own.into_values().next().expect("ours");
    assert_eq!((own.mode, own.progress), (DisableMode::Deactivate, Progress::Done));
    assert_eq!((own.until, own.second_stage), (hours(9), SecondStage::NotBegun));
}

#[test]
fn lock_that_a_later_reading_shows_was_done_when_it_was_requested() {
    let fixture = fixture();
    let state = fixture.open();
    record(&state, &Presence::default(), Timestamp::now());
    let locks = Plan { disable: DisableMode::Lock, ..plan(&[(ActionKind::Disable, "dave")]) };
    let run = begin(&state, &locks);
    state.begin_action(run, 0).expect("written");
    let scheduled = Outcome::Scheduled("not shown yet".to_owned());
    state.end_action(run, 0, &scheduled, None).expect("written");
    let own = || memory(&state).own.into_values().next().expect("ours");
    let before = own();
    let later = Timestamp::now().after(Duration::from_hours(9));
    record(&state, &Presence { shown: vec![&user("dave")], ..Presence::default() }, later);
    // Someone may have unlocked and locked the account in between.
    assert_eq!(own(), OwnDisable { progress: Progress::Done, ..before });
}

#[test]
fn deactivation_that_broke_off_and_is_shown_later_is_nothing_to_finish() {
    let fixture = fixture();
    let state = fixture.open();
    let now = Timestamp::now();
    record(&state, &Presence::default(), now);
    let broken = failed(FailureKind::Writer, Left::InDoubt);
    for outcome in [None, Some(&broken)] {
        acted(&state, ActionKind::Disable, "dave", outcome);
        let own = || memory(&state).own.into_values().next().expect("ours");
        assert!(!own().was_deactivated);
        record(&state, &Presence { shown: vec![&user("dave")], ..Presence::default() }, now);
        assert_eq!((own().progress, own().was_deactivated), (Progress::Begun, true));
    }
}

#[test]
fn file_that_took_the_place_of_another_only_protects_accounts() {
    let fixture = fixture();
    let state = fixture.open();
    let dave = user("dave");
    let now = Timestamp::now();
    record(&state, &Presence { absent: vec![&dave], ..Presence::default() }, now);
    acted(&state, ActionKind::Disable, "dave", Some(&Outcome::Done));
    assert_eq!((memory(&state).own.len(), memory(&state).absent_since.len()), (1, 1));
    state.doubt(now).expect("written");
    assert_eq!((memory(&state).own.len(), memory(&state).absent_since.len()), (0, 0));
    // What is done from now on counts, even if a clock jumps.
    acted(&state, ActionKind::Disable, "dave", Some(&Outcome::Done));
    fixture.sql("UPDATE actions SET begun = 1 WHERE run = (SELECT max(id) FROM runs)");
    assert_eq!(memory(&state).own.len(), 1);
}
