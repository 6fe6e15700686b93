//! Decides what follows from the end of a run: when the next full run comes, whether the program is
//! ready, and what is reported. Nothing is done here.

use std::time::Duration;

use tokio::time::Instant;

use super::Backoff;
use super::reached::Reached;
use super::to_do::{Reported, ToDo};
use crate::metrics::RunKind;
use crate::model::Timestamp;
use crate::plan::{Digest, Refusal, RunResult};
use crate::signals::{self, NotReady};

/// The longest pause while another run holds the lock.
const LOCK_PAUSE: Duration = Duration::from_secs(30);
/// How many intervals another run may hold the lock before that is a failure.
const INTERVALS_LOCKED: u32 = 2;
/// How many intervals it stays ready after a full run has succeeded, and how many full runs may
/// leave something undone before that is a failure.
pub(super) const INTERVALS_READY: u32 = 3;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// The plan was carried out.
    CarriedOut(CarriedOut),
    /// A limit refused the plan; nothing was changed.
    Refused { digest: Digest, refusals: Vec<Refusal>, to_do: ToDo },
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

/// Actions that wait for an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) digest: Digest,
    pub(super) count: usize,
    /// The first of them, each with why it waits.
    pub(super) reasons: Vec<String>,
    pub(super) to_do: ToDo,
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

/// What follows from the end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A full run is scheduled.
    FullRun(When),
    Effect(Effect),
}

impl From<Effect> for Step {
    fn from(effect: Effect) -> Self {
        Self::Effect(effect)
    }
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Read everything before anything is compared again.
    ForgetReading,
    /// Forget the positions in the events and in the list of accounts too.
    ForgetEverything,
    /// Stay ready for so long after a full run has succeeded.
    ReadyFor(Duration),
    /// Say that it is ready: the accounts are in step.
    Ready,
    /// Say that the last run left something undone. It is ready all the same, but not longer than
    /// before.
    Incomplete(Reached),
    /// Say that it is not ready. Anyone may read the reason; the details are for the service
    /// manager.
    NotReady(NotReady, String),
    /// Say why it is not ready, if it is not.
    StillNotReady(NotReady, String),
    /// Log that another run holds the lock.
    LogLocked { line: String, pause: Duration },
    /// Log a failure.
    LogFailure { line: String, hint: Option<String>, pause: Duration },
    /// Log a refused plan.
    LogRefusal { digest: Digest, refusals: Vec<Refusal>, to_do: ToDo },
    /// Log the actions that wait for an approval.
    LogWaiting { digest: Digest, count: usize, to_do: ToDo },
    /// Run the administrator's command.
    RunHook(HookCall),
}

/// What the administrator's command receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HookCall {
    /// The run that ended.
    pub(super) kind: RunKind,
    pub(super) event: signals::Event,
    pub(super) refusals: Vec<Refusal>,
    /// The accounts that wait for an approval, each with why it waits.
    pub(super) waiting: Vec<String>,
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
            Self::CarriedOut(_) => RunResult::Incomplete,
            Self::Refused { .. } => RunResult::Refused,
            Self::Failed(Failed { cause: Cause::Locked, .. }) => RunResult::Locked,
            Self::Failed(Failed { cause: Cause::Other, .. }) => RunResult::Failed,
        }
    }
}

impl HookCall {
    fn new(kind: RunKind, event: signals::Event) -> Self {
        Self {
            kind,
            event,
            refusals: Vec::new(),
            waiting: Vec::new(),
            plan: None,
            count: None,
            error: None,
            hint: None,
        }
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
    waiting: Option<Reported>,
    /// Whether the last run failed: the hook runs only at the first failure.
    failing: bool,
    /// Whether it was reported that no full run has succeeded for too long.
    overdue: bool,
    /// Since when another run holds the lock.
    locked_since: Option<Instant>,
    /// When the last full run succeeded, or else the beginning.
    succeeded: Instant,
}

/// Refused plans.
#[derive(Debug, Default)]
struct Refusals {
    /// The plan that waits for an approval.
    last: Option<Reported>,
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
            overdue: false,
            locked_since: None,
            succeeded: Instant::now(),
        }
    }

    /// Begins again with another configuration. Refusals are reported as before.
    pub(super) fn reload(&mut self, interval: Duration) {
        self.interval = interval;
        self.backoff.reset();
        (self.refusals.last, self.waiting) = (None, None);
    }

    /// Returns whether a refused plan waits for an approval. It must not be carried out piece by
    /// piece.
    pub(super) fn is_refused(&self) -> bool {
        self.refusals.last.is_some()
    }

    /// Takes in the end of a run, and returns what follows.
    pub(super) fn ended(&mut self, kind: RunKind, ended: Ended) -> Vec<Step> {
        if !matches!(ended, Ended::Failed(Failed { cause: Cause::Locked, .. })) {
            self.locked_since = None;
        }
        let mut steps = match ended {
            Ended::CarriedOut(done) => self.carried_out(kind, done),
            // A full run follows, whose plan can be approved.
            Ended::Refused { .. } if kind != RunKind::Full => vec![Step::FullRun(When::Soon)],
            Ended::Refused { digest, refusals, to_do } => self.refused(digest, refusals, to_do),
            Ended::Failed(failed) => self.failed(kind, failed),
        };
        // A grace period in the past had its run just now; if that failed, its pause applies.
        let now = Timestamp::now();
        self.grace_ends = self.grace_ends.filter(|until| *until > now);
        steps.extend(self.grace_ends.map(|until| Step::FullRun(When::Within(now.until(until)))));
        steps
    }

    fn carried_out(&mut self, kind: RunKind, done: CarriedOut) -> Vec<Step> {
        let CarriedOut { reached, waiting, grace_ends } = done;
        let is_full = kind == RunKind::Full;
        self.grace_ends =
            if is_full { grace_ends } else { grace_ends.into_iter().chain(self.grace_ends).min() };
        let mut steps = if is_full { self.note_waiting(waiting) } else { Vec::new() };
        match reached {
            Reached::InStep if is_full => {
                self.backoff.reset();
                (self.refusals.last, self.failing, self.overdue) = (None, false, false);
                self.succeeded = Instant::now();
                steps.extend([Step::FullRun(When::Regular), Effect::Ready.into()]);
            }
            Reached::InStep => {}
            left => steps.extend(self.incomplete(kind, left)),
        }
        steps
    }

    /// The rest is tried again. If that helps in none of several full runs, it is a failure.
    fn incomplete(&mut self, kind: RunKind, reached: Reached) -> Vec<Step> {
        let pause = self.backoff.pause(self.interval);
        if kind != RunKind::Full {
            return vec![Step::FullRun(When::Within(pause))];
        }
        (self.refusals.last, self.failing) = (None, self.overdue);
        let again = Step::FullRun(When::After(pause));
        if self.succeeded.elapsed() <= self.interval * INTERVALS_READY {
            return vec![again, Effect::Incomplete(reached).into()];
        }
        self.overdue = true;
        let line = format!("{}: {}", NotReady::Stale.text(), reached.why_undone());
        let hint = Some(reached.hint().to_owned());
        let mut steps = vec![again];
        let failed = Failed { cause: Cause::Other, line, hint };
        steps.extend(self.report_failure(kind, NotReady::Stale, failed, pause));
        steps
    }

    /// Reports the actions that wait for an approval, once for each plan. The log has them once more
    /// whenever it changes whether an approval is offered.
    fn note_waiting(&mut self, waiting: Option<Waiting>) -> Vec<Step> {
        let Some(Waiting { digest, count, reasons, to_do }) = waiting else {
            self.waiting = None;
            return Vec::new();
        };
        let before =
            self.waiting.replace(Reported { digest: digest.clone(), advice: to_do.advice });
        let mut steps = Vec::new();
        if before.as_ref().is_none_or(|before| before.digest != digest) {
            let plan = Some((digest.clone(), to_do.command.clone()));
            let call = HookCall::new(RunKind::Full, signals::Event::NeedsApproval);
            steps.push(Effect::RunHook(HookCall { waiting: reasons, plan, ..call }).into());
        }
        if before != self.waiting {
            steps.insert(0, Effect::LogWaiting { digest, count, to_do }.into());
        }
        steps
    }

    /// Reports a refused plan. One that changes with each run is reported once an interval.
    fn refused(&mut self, digest: Digest, refusals: Vec<Refusal>, to_do: ToDo) -> Vec<Step> {
        self.failing = false;
        let details = format!("refused: {}; {to_do}", in_words(&refusals));
        let mut steps = Vec::new();
        let reported = Reported { digest: digest.clone(), advice: to_do.advice };
        let before = self.refusals.last.as_ref();
        let is_new = before.is_none_or(|before| before.digest != digest);
        if before != Some(&reported) {
            let (digest, refusals, to_do) = (digest.clone(), refusals.clone(), to_do.clone());
            steps.push(Effect::LogRefusal { digest, refusals, to_do }.into());
        }
        self.refusals.unreported += usize::from(is_new);
        let is_time =
            self.refusals.reported.is_none_or(|reported| reported.elapsed() >= self.interval);
        if self.refusals.unreported > 0 && is_time {
            let call = HookCall::new(RunKind::Full, signals::Event::Refused);
            let count = Some(self.refusals.unreported);
            let plan = Some((digest, to_do.command));
            steps.push(Effect::RunHook(HookCall { refusals, plan, count, ..call }).into());
            (self.refusals.unreported, self.refusals.reported) = (0, Some(Instant::now()));
        }
        self.refusals.last = Some(reported);
        steps.extend([
            Effect::NotReady(NotReady::Refused, details).into(),
            Step::FullRun(When::Regular),
        ]);
        steps
    }

    /// Waiting for another run's lock is normal at first; every other failure is reported.
    fn failed(&mut self, kind: RunKind, failed: Failed) -> Vec<Step> {
        let cause = failed.cause;
        let longest =
            if cause == Cause::Locked { self.interval.min(LOCK_PAUSE) } else { self.interval };
        let pause = self.backoff.pause(longest);
        let mut steps = vec![Effect::ForgetReading.into(), Step::FullRun(When::After(pause))];
        let why = match cause {
            Cause::Locked => {
                // A run that holds the lock for longer hangs.
                let locked_for = self.locked_since.get_or_insert_with(Instant::now).elapsed();
                if locked_for <= self.interval * INTERVALS_LOCKED {
                    let line = failed.line;
                    steps.push(Effect::LogLocked { line: line.clone(), pause }.into());
                    steps.push(Effect::StillNotReady(NotReady::Locked, line).into());
                    return steps;
                }
                NotReady::Locked
            }
            Cause::Other => NotReady::Failed,
        };
        steps.extend(self.report_failure(kind, why, failed, pause));
        steps
    }

    /// The hook runs only at the first failure.
    fn report_failure(
        &mut self,
        kind: RunKind,
        why: NotReady,
        failed: Failed,
        pause: Duration,
    ) -> Vec<Step> {
        let Failed { line, hint, .. } = failed;
        let mut steps = vec![
            Effect::LogFailure { line: line.clone(), hint: hint.clone(), pause }.into(),
            Effect::NotReady(why, format!("the last run failed: {line}")).into(),
        ];
        if !std::mem::replace(&mut self.failing, true) {
            let call = HookCall::new(kind, signals::Event::Failed);
            steps.push(Effect::RunHook(HookCall { error: Some(line), hint, ..call }).into());
        }
        steps
    }
}

/// Returns why a plan is refused, in one line.
pub(super) fn in_words(refusals: &[Refusal]) -> String {
    let refusals: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    refusals.join("; ")
}

#[cfg(test)]
pub(super) mod tests;
