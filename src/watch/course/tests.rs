//! Everything that can happen to `watch`, and what comes next.

use super::*;
use crate::watch::after_run::Cause;
use crate::watch::after_run::tests::{done, failed, refused, shown_effect};
use crate::watch::reached::Reached;

const PARTIAL: [Due; 3] = [Due::Events, Due::Members, Due::Accounts];
const FULL: RunKind = RunKind::Full;
const NOW: Duration = Duration::ZERO;

/// A time from now, as exactly as the table needs it: pauses are random.
fn rough(pause: Duration) -> &'static str {
    match pause.as_secs() {
        0 => "now",
        1..=10 => "in seconds",
        11..=60 => "in a minute",
        61..=300 => "in minutes",
        _ => "after the interval",
    }
}

/// What to do, when the next full run comes, and what comes first.
fn follows(course: &mut Course, happened: Happened) -> [String; 3] {
    let effects = course.after(happened);
    let (at, due) = course.next(&PARTIAL);
    [
        effects.iter().map(shown_effect).collect::<Vec<_>>().join(", "),
        format!("full run {}", rough(course.full_run_in())),
        format!("{due:?} {}", rough(at.duration_since(Instant::now()))),
    ]
}

/// Things that happen one after the other, each this long after the one before, and what follows.
async fn course(table: Vec<(Duration, Happened, [&str; 3])>) -> Course {
    let mut course = Course::new(&WatchConfig::default());
    for (number, (later, happened, expected)) in table.into_iter().enumerate() {
        tokio::time::advance(later).await;
        let what = format!("row {number}: {happened:?}");
        assert_eq!(follows(&mut course, happened), expected, "{what}");
    }
    course
}

fn in_step() -> Happened {
    Happened::RunEnded(FULL, done(Reached::InStep))
}

#[tokio::test(start_paused = true)]
async fn begins_with_a_full_run() {
    let course = course(Vec::new()).await;
    assert_eq!(course.next(&PARTIAL), (Instant::now(), Due::Everything));
    assert!(!course.is_refused());
}

#[tokio::test(start_paused = true)]
async fn each_partial_reading_comes_again_after_its_own_time() {
    let later = "full run after the interval";
    let pause = Duration::from_mins(3);
    course(vec![
        (NOW, in_step(), ["ready", later, "Events in seconds"]),
        (Duration::from_secs(5), Happened::Begun(Due::Events), ["", later, "Events in seconds"]),
        (Duration::from_secs(5), Happened::Begun(Due::Events), ["", later, "Accounts now"]),
        (NOW, Happened::Begun(Due::Accounts), ["", later, "Events in seconds"]),
        (NOW, Happened::Unreadable { due: Due::Events, pause }, ["", later, "Accounts in seconds"]),
        (
            NOW,
            Happened::Unreadable { due: Due::Accounts, pause },
            ["", later, "Members in a minute"],
        ),
        (NOW, Happened::Begun(Due::Members), ["", later, "Members in a minute"]),
        (
            Duration::from_secs(59),
            Happened::Begun(Due::Members),
            ["", later, "Members in a minute"],
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn too_many_changes_lead_to_a_full_run_but_not_to_one_right_after_another() {
    course(vec![
        (NOW, in_step(), ["ready", "full run after the interval", "Events in seconds"]),
        (NOW, Happened::TooMuchChanged, ["", "full run in seconds", "Events in seconds"]),
        (NOW, in_step(), ["ready", "full run after the interval", "Events in seconds"]),
        (Duration::from_mins(1), Happened::TooMuchChanged, ["", "full run now", "Events now"]),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn refused_plan_waits_until_another_configuration_or_a_full_run_without_a_refusal() {
    let refusal = "log refusal, hook Refused ×1, not ready (a plan was refused)";
    let again = "log refusal, not ready (a plan was refused)";
    let later = "full run after the interval";
    let refused = || Happened::RunEnded(FULL, refused(1));
    let mut course = course(vec![
        (NOW, refused(), [refusal, later, "Events in seconds"]),
        (NOW, Happened::ChangedWhileRefused, ["", "full run in a minute", "Events in seconds"]),
        (NOW, in_step(), ["ready", later, "Events in seconds"]),
        (NOW, refused(), [again, later, "Events in seconds"]),
    ])
    .await;
    assert!(course.is_refused());
    let reloaded = Happened::Reloaded(WatchConfig::default());
    let at_once = ["ready for, forget everything", "full run now", "Everything now"];
    assert_eq!(follows(&mut course, reloaded), at_once);
    assert!(!course.is_refused());
}

#[tokio::test(start_paused = true)]
async fn another_state_file_leads_to_a_full_run_with_the_same_configuration() {
    let config = WatchConfig { accounts_every: None, ..WatchConfig::default() };
    let mut course = Course::new(&config);
    follows(&mut course, in_step());
    let at_once = ["forget everything", "full run now", "Everything now"];
    assert_eq!(follows(&mut course, Happened::StateReplaced), at_once);
    follows(&mut course, in_step());
    assert_eq!(course.next(&[Due::Accounts]).1, Due::Everything, "accounts_every is off");
}

#[tokio::test(start_paused = true)]
async fn failed_run_is_repeated_after_a_pause_and_forgets_what_was_read() {
    let fails = "forget, log failure, not ready (the last run failed), hook Failed";
    let waits = "forget, log lock, still not ready (another run holds the lock)";
    let mut course = course(vec![
        (NOW, in_step(), ["ready", "full run after the interval", "Events in seconds"]),
        (
            Duration::from_mins(1),
            Happened::RunEnded(FULL, failed(Cause::Other)),
            [fails, "full run in seconds", "Events in seconds"],
        ),
        (
            NOW,
            Happened::RunEnded(RunKind::People, done(Reached::Incomplete)),
            ["", "full run in seconds", "Events in seconds"],
        ),
        (NOW, in_step(), ["ready", "full run after the interval", "Events in seconds"]),
        (
            NOW,
            Happened::RunEnded(FULL, failed(Cause::Locked)),
            [waits, "full run in seconds", "Events in seconds"],
        ),
    ])
    .await;
    let partial = Happened::RunEnded(RunKind::Members, done(Reached::InStep));
    assert_eq!(follows(&mut course, partial)[0], "");
}

#[tokio::test(start_paused = true)]
async fn new_interval_is_how_long_it_stays_ready() {
    let mut course = Course::new(&WatchConfig::default());
    let minute = Duration::from_mins(1);
    let config = WatchConfig { interval: minute, ..WatchConfig::default() };
    let effects = course.after(Happened::Reloaded(config));
    assert_eq!(effects, [Effect::ReadyFor(minute * INTERVALS_READY), Effect::ForgetEverything]);
    course.after(in_step());
    assert!(course.full_run_in() <= minute.mul_f64(1.1));
}
