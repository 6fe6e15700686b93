//! Decides what follows from the end of a run: when the next full run comes, whether the program is
//! ready, and what is reported. Nothing is done here: the loop carries out the effects.

use std::time::Duration;

use tokio::time::Instant;

use super::Backoff;
use crate::metrics::{RunKind, RunResult};
use crate::model::Timestamp;
use crate::plan::Digest;
use crate::signals::{self, NotReady};

/// The longest pause while another run holds the lock.
const LOCK_PAUSE: Duration = Duration::from_secs(30);
/// How many intervals another run may hold the lock before that is a failure.
const INTERVALS_LOCKED: u32 = 2;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// The plan was carried out.
    CarriedOut(CarriedOut),
    /// A limit refused the plan; nothing was changed.
    Refused {
        digest: Digest,
        /// Each limit, in words.
        reasons: Vec<String>,
        /// The command line that approves it.
        command: String,
    },
    /// An error came before anything was changed.
    Failed(Failed),
}

/// A plan that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CarriedOut {
    pub(super) reached: Reached,
    /// The actions that wait for an approval, if there are any.
    pub(super) waiting: Option<Waiting>,
    /// When the earliest grace period ends.
    pub(super) grace_ends: Option<Timestamp>,
}

/// What carrying out a plan came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    InStep,
    Incomplete,
}

impl Reached {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::InStep => "in step",
            Self::Incomplete => "incomplete; the rest is tried again",
        }
    }
}

/// Actions that wait for an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) digest: Digest,
    pub(super) count: usize,
    /// The first of them, each with why it waits.
    pub(super) reasons: Vec<String>,
    /// The command line that approves them.
    pub(super) command: String,
}

/// An error, as it is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) cause: Cause,
    /// The error and its causes in one line.
    pub(super) line: String,
    pub(super) hint: Option<String>,
}

/// Why a run failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Another run holds the lock.
    Locked,
    Other,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Schedule a full run.
    FullRun(When),
    /// Read everything before anything is compared again.
    ForgetReading,
    /// Say that it is ready.
    Ready(&'static str),
    /// Say that it is not ready. Anyone may read the reason; the details are for the service manager.
    NotReady(NotReady, String),
    /// Say why it is not ready, if it is not.
    StillNotReady(NotReady, String),
    /// Log that another run holds the lock.
    LogLocked { line: String, pause: Duration },
    /// Log a failure.
    LogFailure { line: String, hint: Option<String>, pause: Duration },
    /// Log a refused plan.
    LogRefusal { digest: Digest, why: String, command: String },
    /// Log the actions that wait for an approval.
    LogWaiting { digest: Digest, count: usize, command: String },
    /// Run the administrator's command.
    RunHook(HookCall),
}

/// What the administrator's command receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HookCall {
    pub(super) event: signals::Event,
    pub(super) reasons: Vec<String>,
    /// The plan to approve, and the command line that does.
    pub(super) plan: Option<(Digest, String)>,
    /// Refused plans since the last call, this one included.
    pub(super) count: Option<usize>,
    pub(super) error: Option<String>,
    pub(super) hint: Option<String>,
}

impl Ended {
    /// Returns the result as metrics count it.
    pub(super) fn result(&self) -> RunResult {
        match self {
            Self::CarriedOut(CarriedOut { reached: Reached::InStep, .. }) => RunResult::InStep,
            Self::CarriedOut(CarriedOut { reached: Reached::Incomplete, .. }) => RunResult::Incomplete,
            Self::Refused { .. } => RunResult::Refused,
            Self::Failed(Failed { cause: Cause::Locked, .. }) => RunResult::Locked,
            Self::Failed(Failed { cause: Cause::Other, .. }) => RunResult::Failed,
        }
    }
}

impl HookCall {
    fn new(event: signals::Event, reasons: Vec<String>) -> Self {
        Self { event, reasons, plan: None, count: None, error: None, hint: None }
    }
}

/// When a full run comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// As soon as possible.
    Soon,
    /// After the interval.
    Regular,
    /// After a pause.
    After(Duration),
    /// Before this time is over.
    Within(Duration),
}

/// What earlier runs came to.
#[derive(Debug)]
pub(super) struct Standing {
    interval: Duration,
    /// Pauses after a failure.
    backoff: Backoff,
    /// When the earliest grace period ends.
    grace_ends: Option<Timestamp>,
    refusals: Refusals,
    /// The actions that wait for an approval, as they were last reported.
    waiting: Option<Digest>,
    /// Whether the last run failed: the hook runs only at the first failure.
    failing: bool,
    /// Since when another run holds the lock.
    locked_since: Option<Instant>,
}

/// Refused plans.
#[derive(Debug, Default)]
struct Refusals {
    /// The plan that waits for an approval.
    last: Option<Digest>,
    /// How many plans the hook has not been run for.
    unreported: usize,
    /// When the hook last ran for one.
    reported: Option<Instant>,
}

impl Standing {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            backoff: Backoff::default(),
            grace_ends: None,
            refusals: Refusals::default(),
            waiting: None,
            failing: false,
            locked_since: None,
        }
    }

    /// Begins again with another configuration. Refusals are reported as before.
    pub(super) fn reload(&mut self, interval: Duration) {
        self.interval = interval;
        self.backoff.reset();
        (self.refusals.last, self.waiting) = (None, None);
    }

    /// Returns whether a refused plan waits for an approval. It must not be carried out piece by piece.
    pub(super) fn is_refused(&self) -> bool {
        self.refusals.last.is_some()
    }

    /// Takes in the end of a run, and returns what follows.
    pub(super) fn ended(&mut self, kind: RunKind, ended: Ended) -> Vec<Effect> {
        if !matches!(ended, Ended::Failed(Failed { cause: Cause::Locked, .. })) {
            self.locked_since = None;
        }
        let mut effects = match ended {
            Ended::CarriedOut(done) => self.carried_out(kind, done),
            // A full run follows, whose plan can be approved.
            Ended::Refused { .. } if kind != RunKind::Full => vec![Effect::FullRun(When::Soon)],
            Ended::Refused { digest, reasons, command } => self.refused(digest, reasons, &command),
            Ended::Failed(failed) => self.failed(failed),
        };
        // A grace period in the past had its run just now; if that failed, its pause applies.
        let now = Timestamp::now();
        self.grace_ends = self.grace_ends.filter(|until| *until > now);
        effects.extend(self.grace_ends.map(|until| Effect::FullRun(When::Within(now.until(until)))));
        effects
    }

    fn carried_out(&mut self, kind: RunKind, done: CarriedOut) -> Vec<Effect> {
        let CarriedOut { reached, waiting, grace_ends } = done;
        let is_full = kind == RunKind::Full;
        self.grace_ends = if is_full { grace_ends } else { grace_ends.into_iter().chain(self.grace_ends).min() };
        let mut effects = if is_full { self.note_waiting(waiting) } else { Vec::new() };
        match reached {
            Reached::Incomplete => {
                let pause = self.backoff.pause(self.interval);
                effects.push(Effect::FullRun(if is_full { When::After(pause) } else { When::Within(pause) }));
            }
            Reached::InStep if is_full => {
                self.backoff.reset();
                effects.push(Effect::FullRun(When::Regular));
            }
            Reached::InStep => {}
        }
        if is_full {
            (self.refusals.last, self.failing) = (None, false);
            effects.push(Effect::Ready(reached.text()));
        }
        effects
    }

    /// Reports the actions that wait for an approval, once for each plan.
    fn note_waiting(&mut self, waiting: Option<Waiting>) -> Vec<Effect> {
        let Some(Waiting { digest, count, reasons, command }) = waiting else {
            self.waiting = None;
            return Vec::new();
        };
        if self.waiting.replace(digest.clone()).as_ref() == Some(&digest) {
            return Vec::new();
        }
        let call = HookCall::new(signals::Event::NeedsApproval, reasons);
        let call = HookCall { plan: Some((digest.clone(), command.clone())), ..call };
        vec![Effect::LogWaiting { digest, count, command }, Effect::RunHook(call)]
    }

    /// Reports a refused plan. One that changes with each run is reported once an interval.
    fn refused(&mut self, digest: Digest, reasons: Vec<String>, command: &str) -> Vec<Effect> {
        self.failing = false;
        let why = reasons.join("; ");
        let mut effects = Vec::new();
        if self.refusals.last.as_ref() != Some(&digest) {
            let (digest, why, command) = (digest.clone(), why.clone(), command.to_owned());
            effects.push(Effect::LogRefusal { digest, why, command });
            self.refusals.unreported += 1;
        }
        let is_time = self.refusals.reported.is_none_or(|reported| reported.elapsed() >= self.interval);
        if self.refusals.unreported > 0 && is_time {
            let call = HookCall::new(signals::Event::Refused, reasons);
            let count = Some(self.refusals.unreported);
            let plan = Some((digest.clone(), command.to_owned()));
            effects.push(Effect::RunHook(HookCall { plan, count, ..call }));
            (self.refusals.unreported, self.refusals.reported) = (0, Some(Instant::now()));
        }
        self.refusals.last = Some(digest);
        let details = format!("refused: {why}; to go on: {command}");
        effects.extend([Effect::NotReady(NotReady::Refused, details), Effect::FullRun(When::Regular)]);
        effects
    }

    /// Waiting for another run's lock is normal at first; every other failure is reported.
    fn failed(&mut self, failed: Failed) -> Vec<Effect> {
        let Failed { cause, line, hint } = failed;
        let longest = if cause == Cause::Locked { self.interval.min(LOCK_PAUSE) } else { self.interval };
        let pause = self.backoff.pause(longest);
        let mut effects = vec![Effect::ForgetReading, Effect::FullRun(When::After(pause))];
        let why = match cause {
            Cause::Locked => {
                // A run that holds the lock for longer hangs.
                let locked_for = self.locked_since.get_or_insert_with(Instant::now).elapsed();
                if locked_for <= self.interval * INTERVALS_LOCKED {
                    effects.push(Effect::LogLocked { line: line.clone(), pause });
                    effects.push(Effect::StillNotReady(NotReady::Locked, line));
                    return effects;
                }
                NotReady::Locked
            }
            Cause::Other => NotReady::Failed,
        };
        effects.push(Effect::LogFailure { line: line.clone(), hint: hint.clone(), pause });
        effects.push(Effect::NotReady(why, format!("the last run failed: {line}")));
        if !std::mem::replace(&mut self.failing, true) {
            let call = HookCall::new(signals::Event::Failed, Vec::new());
            effects.push(Effect::RunHook(HookCall { error: Some(line), hint, ..call }));
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{DisableMode, WriterKind};

    const INTERVAL: Duration = Duration::from_mins(15);
    const FULL: RunKind = RunKind::Full;
    const PEOPLE: RunKind = RunKind::People;

    fn digest(version: u32) -> Digest {
        Digest::new(version, &"example.org".into(), WriterKind::MasCli, DisableMode::Lock, std::iter::empty())
    }

    fn done(reached: Reached) -> Ended {
        Ended::CarriedOut(CarriedOut { reached, waiting: None, grace_ends: None })
    }

    fn refused(version: u32) -> Ended {
        Ended::Refused { digest: digest(version), reasons: vec!["too many".to_owned()], command: "sync".to_owned() }
    }

    fn waits(version: u32) -> Ended {
        let (digest, reasons, command) = (digest(version), vec!["dave".to_owned()], "sync".to_owned());
        let waiting = Some(Waiting { digest, count: 1, reasons, command });
        Ended::CarriedOut(CarriedOut { reached: Reached::InStep, waiting, grace_ends: None })
    }

    fn grace(until: Timestamp) -> Ended {
        Ended::CarriedOut(CarriedOut { reached: Reached::InStep, waiting: None, grace_ends: Some(until) })
    }

    fn failed(cause: Cause) -> Ended {
        Ended::Failed(Failed { cause, line: "it broke".to_owned(), hint: None })
    }

    /// The effects in one line. Pauses are random, so their length is not shown.
    fn shown(effects: &[Effect]) -> String {
        let show = |effect: &Effect| match effect {
            Effect::FullRun(When::Soon) => "full run soon".to_owned(),
            Effect::FullRun(When::Regular) => "full run after the interval".to_owned(),
            Effect::FullRun(When::After(_)) => "full run after a pause".to_owned(),
            Effect::FullRun(When::Within(_)) => "full run within".to_owned(),
            Effect::ForgetReading => "forget".to_owned(),
            Effect::Ready(status) => format!("ready ({status})"),
            Effect::NotReady(why, _) => format!("not ready ({})", why.text()),
            Effect::StillNotReady(why, _) => format!("still not ready ({})", why.text()),
            Effect::LogLocked { pause, .. } if *pause > LOCK_PAUSE => "log lock, and wait too long".to_owned(),
            Effect::LogLocked { .. } => "log lock".to_owned(),
            Effect::LogFailure { .. } => "log failure".to_owned(),
            Effect::LogRefusal { .. } => "log refusal".to_owned(),
            Effect::LogWaiting { count, .. } => format!("log {count} waiting"),
            Effect::RunHook(HookCall { event, count: None, .. }) => format!("hook {event:?}"),
            Effect::RunHook(HookCall { event, count: Some(count), .. }) => format!("hook {event:?} ×{count}"),
        };
        effects.iter().map(show).collect::<Vec<_>>().join(", ")
    }

    /// Runs that end one after the other, each this long after the one before, and what follows from each.
    async fn follows(steps: &[(Duration, RunKind, Ended, &str)]) {
        let mut standing = Standing::new(INTERVAL);
        for (number, (later, kind, ended, expected)) in steps.iter().enumerate() {
            tokio::time::advance(*later).await;
            assert_eq!(shown(&standing.ended(*kind, ended.clone())), *expected, "step {number}: {kind:?} {ended:?}");
        }
    }

    const NOW: Duration = Duration::ZERO;
    const IN_STEP: &str = "full run after the interval, ready (in step)";

    #[tokio::test(start_paused = true)]
    async fn full_run_in_step_makes_it_ready_and_a_partial_one_changes_nothing() {
        follows(&[(NOW, FULL, done(Reached::InStep), IN_STEP), (NOW, PEOPLE, done(Reached::InStep), "")]).await;
    }

    #[tokio::test(start_paused = true)]
    async fn incomplete_run_is_repeated_after_a_pause() {
        let ready = "full run after a pause, ready (incomplete; the rest is tried again)";
        follows(&[
            (NOW, FULL, done(Reached::Incomplete), ready),
            (NOW, PEOPLE, done(Reached::Incomplete), "full run within"),
        ])
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn failure_is_logged_each_time_and_reported_once_until_a_full_run_succeeds() {
        let first = "forget, full run after a pause, log failure, not ready (the last run failed), hook Failed";
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
        let waits = "forget, full run after a pause, log lock, still not ready (another run holds the lock)";
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
        follows(&[
            (NOW, FULL, waits(1), &reported),
            (NOW, FULL, waits(1), IN_STEP),
            (NOW, PEOPLE, waits(2), ""),
            (NOW, FULL, waits(2), &reported),
            (NOW, FULL, done(Reached::InStep), IN_STEP),
            (NOW, FULL, waits(2), &reported),
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
            Some(Effect::FullRun(When::After(pause))) => pause,
            other => unreachable!("{other:?}"),
        };
        let pauses: Vec<_> = (0..12).map(|_| pause(failed(Cause::Other))).collect();
        assert!(pauses.iter().all(|pause| *pause <= INTERVAL) && pauses[11] == INTERVAL, "{pauses:?}");
        standing.ended(FULL, done(Reached::InStep));
        let again = standing.ended(FULL, failed(Cause::Other));
        assert!(shown(&again).starts_with("forget, full run after a pause"), "{again:?}");
    }
}
