//! What follows from each end of a run.

use super::*;
use crate::plan::{DisableMode, WriterKind};

const INTERVAL: Duration = Duration::from_mins(15);
const FULL: RunKind = RunKind::Full;
const PEOPLE: RunKind = RunKind::People;

fn digest(version: u32) -> Digest {
    Digest::new(
        version,
        &"example.org".into(),
        WriterKind::MasCli,
        DisableMode::Lock,
        std::iter::empty(),
    )
}

pub(in crate::watch) fn done(reached: Reached) -> Ended {
    Ended::CarriedOut(CarriedOut { reached, waiting: None, grace_ends: None })
}

pub(in crate::watch) fn refused(version: u32) -> Ended {
    let refusals = vec![Refusal::MaxDisable { planned: 26, before: 0, max: 25 }];
    Ended::Refused { digest: digest(version), refusals, to_do: to_do(None) }
}

fn waits(version: u32) -> Ended {
    waits_with(version, None)
}

fn waits_with(version: u32, advice: Option<&'static str>) -> Ended {
    let (digest, reasons) = (digest(version), vec!["dave".to_owned()]);
    let waiting = Some(Waiting { digest, count: 1, reasons, to_do: to_do(advice) });
    Ended::CarriedOut(CarriedOut { reached: Reached::InStep, waiting, grace_ends: None })
}

fn to_do(advice: Option<&'static str>) -> ToDo {
    ToDo { command: "sync".to_owned(), advice }
}

fn grace(until: Timestamp) -> Ended {
    Ended::CarriedOut(CarriedOut {
        reached: Reached::InStep,
        waiting: None,
        grace_ends: Some(until),
    })
}

pub(in crate::watch) fn failed(cause: Cause) -> Ended {
    Ended::Failed(Failed { cause, line: "it broke".to_owned(), hint: None })
}

/// The effects in one line. Pauses are random, so their length is not shown.
fn shown(steps: &[Step]) -> String {
    let show = |step: &Step| match step {
        Step::FullRun(When::Soon) => "full run soon".to_owned(),
        Step::FullRun(When::Regular) => "full run after the interval".to_owned(),
        Step::FullRun(When::After(_)) => "full run after a pause".to_owned(),
        Step::FullRun(When::Within(_)) => "full run within".to_owned(),
        Step::Effect(effect) => shown_effect(effect),
    };
    steps.iter().map(show).collect::<Vec<_>>().join(", ")
}

pub(in crate::watch) fn shown_effect(effect: &Effect) -> String {
    match effect {
        Effect::ForgetReading => "forget".to_owned(),
        Effect::ForgetEverything => "forget everything".to_owned(),
        Effect::ReadyFor(_) => "ready for".to_owned(),
        Effect::Ready => "ready".to_owned(),
        Effect::Incomplete(_) => "incomplete".to_owned(),
        Effect::NotReady(why, _) => format!("not ready ({})", why.text()),
        Effect::StillNotReady(why, _) => format!("still not ready ({})", why.text()),
        Effect::LogLocked { pause, .. } if *pause > LOCK_PAUSE => {
            "log lock, and wait too long".to_owned()
        }
        Effect::LogLocked { .. } => "log lock".to_owned(),
        Effect::LogFailure { .. } => "log failure".to_owned(),
        Effect::LogRefusal { .. } => "log refusal".to_owned(),
        Effect::LogWaiting { count, .. } => format!("log {count} waiting"),
        Effect::RunHook(HookCall { event, count: None, .. }) => format!("hook {event:?}"),
        Effect::RunHook(HookCall { event, count: Some(count), .. }) => {
            format!("hook {event:?} ×{count}")
        }
    }
}

/// Runs that end one after the other, each this long after the one before, and what follows from
/// each.
async fn follows(steps: &[(Duration, RunKind, Ended, &str)]) {
    let mut standing = Standing::new(INTERVAL);
    for (number, (later, kind, ended, expected)) in steps.iter().enumerate() {
        tokio::time::advance(*later).await;
        assert_eq!(
            shown(&standing.ended(*kind, ended.clone())),
            *expected,
            "step {number}: {kind:?} {ended:?}"
        );
    }
}

const NOW: Duration = Duration::ZERO;
const IN_STEP: &str = "full run after the interval, ready";

#[tokio::test(start_paused = true)]
async fn full_run_in_step_makes_it_ready_and_a_partial_one_changes_nothing() {
    follows(&[
        (NOW, FULL, done(Reached::InStep), IN_STEP),
        (NOW, PEOPLE, done(Reached::InStep), ""),
    ])
    .await;
}

const AGAIN: &str = "full run after a pause, incomplete";

#[tokio::test(start_paused = true)]
async fn incomplete_run_is_repeated_after_a_pause() {
    follows(&[
        (NOW, FULL, done(Reached::Incomplete), AGAIN),
        (NOW, PEOPLE, done(Reached::Incomplete), "full run within"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn full_runs_that_leave_something_undone_for_three_intervals_are_a_failure() {
    let too_long = "full run after a pause, log failure, not ready (no full run has succeeded for \
                    three intervals)";
    let first = format!("{too_long}, hook Failed");
    follows(&[
        (NOW, FULL, done(Reached::InStep), IN_STEP),
        (INTERVAL * 3, FULL, done(Reached::Incomplete), AGAIN),
        (Duration::from_secs(1), PEOPLE, done(Reached::InStep), ""),
        (NOW, FULL, done(Reached::Incomplete), &first),
        (INTERVAL, FULL, done(Reached::Incomplete), too_long),
        (NOW, FULL, done(Reached::InStep), IN_STEP),
        (INTERVAL, FULL, done(Reached::Incomplete), AGAIN),
        (INTERVAL * 3, FULL, done(Reached::Incomplete), &first),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn failure_names_the_directory_if_that_is_why_full_runs_leave_something_undone() {
    let mut standing = Standing::new(INTERVAL);
    standing.ended(FULL, done(Reached::InStep));
    tokio::time::advance(INTERVAL * 4).await;
    let steps = standing.ended(FULL, done(Reached::Unverified));
    let logged = steps.iter().find_map(|step| match step {
        Step::Effect(Effect::LogFailure { line, hint, .. }) => {
            Some((line.as_str(), hint.as_deref()))
        }
        _ => None,
    });
    let line = "no full run has succeeded for three intervals: a directory behind Keycloak (LDAP, Active Directory) is unverified";
    let hint = "Check User federation in Keycloak, and that the directory answers.";
    assert_eq!(logged, Some((line, Some(hint))));
}

#[tokio::test(start_paused = true)]
async fn each_new_failure_is_reported_between_runs_that_leave_something_undone() {
    let fails =
        "forget, full run after a pause, log failure, not ready (the last run failed), hook Failed";
    let too_long = "full run after a pause, log failure, not ready (no full run has succeeded for \
                    three intervals), hook Failed";
    follows(&[
        (NOW, FULL, failed(Cause::Other), fails),
        (NOW, FULL, done(Reached::Incomplete), AGAIN),
        (NOW, FULL, failed(Cause::Other), fails),
        (NOW, FULL, done(Reached::Incomplete), AGAIN),
        (INTERVAL * 4, FULL, done(Reached::Incomplete), too_long),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn failure_is_logged_each_time_and_reported_once_until_a_full_run_succeeds() {
    let first =
        "forget, full run after a pause, log failure, not ready (the last run failed), hook Failed";
    let next = "forget, full run after a pause, log failure, not ready (the last run failed)";
    follows(&[
        (NOW, FULL, failed(Cause::Other), first),
        (NOW, PEOPLE, failed(Cause::Other), next),
        (NOW, PEOPLE, done(Reached::InStep), ""),
        (NOW, FULL, failed(Cause::Other), next),
        (NOW, FULL, done(Reached::InStep), IN_STEP),
        (NOW, FULL, failed(Cause::Other), first),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn lock_of_another_run_is_a_failure_after_two_intervals() {
    let waits =
        "forget, full run after a pause, log lock, still not ready (another run holds the lock)";
    let hangs = "forget, full run after a pause, log failure, not ready (another run holds the lock), hook Failed";
    follows(&[
        (NOW, FULL, failed(Cause::Locked), waits),
        (INTERVAL * 2, FULL, failed(Cause::Locked), waits),
        (Duration::from_secs(1), FULL, failed(Cause::Locked), hangs),
        (NOW, FULL, done(Reached::InStep), IN_STEP),
        (NOW, FULL, failed(Cause::Locked), waits),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn refused_plan_is_logged_once_and_reported_at_most_once_an_interval_with_a_count() {
    let quiet = "not ready (a plan was refused), full run after the interval";
    let logged = format!("log refusal, {quiet}");
    let first = format!("log refusal, hook Refused ×1, {quiet}");
    let later = format!("log refusal, hook Refused ×3, {quiet}");
    follows(&[
        (NOW, FULL, refused(1), &first),
        (NOW, FULL, refused(1), quiet),
        (NOW, FULL, refused(2), &logged),
        (NOW, FULL, refused(3), &logged),
        (INTERVAL, FULL, refused(4), &later),
        (NOW, FULL, done(Reached::InStep), IN_STEP),
        (NOW, FULL, refused(4), &logged),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn partial_run_that_is_refused_leads_to_a_full_one() {
    follows(&[(NOW, PEOPLE, refused(1), "full run soon")]).await;
    let mut standing = Standing::new(INTERVAL);
    standing.ended(PEOPLE, refused(1));
    assert!(!standing.is_refused(), "nothing waits for an approval yet");
    standing.ended(FULL, refused(1));
    assert!(standing.is_refused());
    standing.reload(INTERVAL);
    assert!(!standing.is_refused());
}

#[tokio::test(start_paused = true)]
async fn actions_that_wait_are_reported_once_for_each_plan() {
    let reported = format!("log 1 waiting, hook NeedsApproval, {IN_STEP}");
    let logged = format!("log 1 waiting, {IN_STEP}");
    follows(&[
        (NOW, FULL, waits(1), &reported),
        (NOW, FULL, waits(1), IN_STEP),
        (NOW, PEOPLE, waits(2), ""),
        (NOW, FULL, waits(2), &reported),
        (NOW, FULL, done(Reached::InStep), IN_STEP),
        (NOW, FULL, waits(2), &reported),
        // The log alone says whether an approval is offered.
        (NOW, FULL, waits_with(2, Some("the administrators are unknown")), &logged),
        (NOW, FULL, waits(2), &logged),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn full_run_comes_when_a_grace_period_ends() {
    let until = Timestamp::now().after(Duration::from_mins(5));
    let both = format!("{IN_STEP}, full run within");
    follows(&[
        (NOW, FULL, grace(until), &both),
        (NOW, PEOPLE, done(Reached::InStep), "full run within"),
        (NOW, FULL, done(Reached::InStep), IN_STEP),
        (NOW, FULL, grace(Timestamp::from_millis(0)), IN_STEP),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_up_to_the_interval_and_start_again_after_success() {
    let mut standing = Standing::new(INTERVAL);
    let mut pause = |ended| match standing.ended(FULL, ended).into_iter().nth(1) {
        Some(Step::FullRun(When::After(pause))) => pause,
        other => unreachable!("{other:?}"),
    };
    let pauses: Vec<_> = (0..12).map(|_| pause(failed(Cause::Other))).collect();
    assert!(pauses.iter().all(|pause| *pause <= INTERVAL) && pauses[11] == INTERVAL, "{pauses:?}");
    standing.ended(FULL, done(Reached::InStep));
    let again = standing.ended(FULL, failed(Cause::Other));
    assert!(shown(&again).starts_with("forget, full run after a pause"), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn hook_gets_the_plan_that_waits_and_the_error_with_its_hint() {
    let call = |ended| {
        let steps = Standing::new(INTERVAL).ended(FULL, ended).into_iter();
        let mut calls = steps.filter_map(|step| match step {
            Step::Effect(Effect::RunHook(call)) => Some(call),
            _ => None,
        });
        calls.next().expect("the hook runs")
    };
    let waits = call(waits(1));
    let plan = Some((digest(1), "sync".to_owned()));
    assert_eq!((waits.waiting, waits.plan), (vec!["dave".to_owned()], plan));
    let (line, hint) = ("it broke".to_owned(), Some("mend it".to_owned()));
    let failed =
        call(Ended::Failed(Failed { cause: Cause::Other, line: line.clone(), hint: hint.clone() }));
    assert_eq!((failed.error, failed.hint), (Some(line), hint));
}
