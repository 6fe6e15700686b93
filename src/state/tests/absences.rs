//! Since when users are absent or accounts locked, and what ends that.

use super::*;

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

/// Since when dave is absent after readings at these hours, all of which miss him, and at which
/// hour that is asked.
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
fn time_of_a_lock_runs_by_the_latest_clock_until_the_lock_ends_or_a_long_pause() {
    let fixture = fixture();
    let state = fixture.open();
    let dave = user("dave");
    let locked =
        |latest| Presence { locked: vec![&dave], latest: hours(latest), ..Presence::default() };
    let since =
        |hour| state.memory(hours(hour)).expect("readable").locked_since.get(&dave).copied();
    record(&state, &locked(2), hours(1));
    record(&state, &locked(3), hours(3));
    assert_eq!(since(4), Some(hours(2)));
    assert_eq!(since(100), None, "a long pause");
    record(&state, &locked(100), hours(100));
    assert_eq!(since(101), Some(hours(100)));
    record(&state, &Presence { not_locked: vec![&dave], ..Presence::default() }, hours(101));
    assert_eq!(since(102), None);
}
