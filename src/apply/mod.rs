//! Carries out a plan: activations first, then new accounts, disables and deactivations. One failure does not stop the others.
//! Afterwards it waits until the homeserver shows the changes.

mod confirm;
mod rooms;
mod run_record;
mod stop;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, stream};
use tracing::info;

use crate::config::Config;
use crate::error_chain::in_one_line;
use crate::exit::Exit;
use crate::model::UserId;
use crate::plan::{ActionKind, FailureKind, Left, Outcome, Pass, Plan, Skip};
use crate::readers::{Readers, Tally};
use crate::writers::{Shut, Write, Writer};

use rooms::RoomMemory;
pub use run_record::RunRecord;
pub use stop::{Hangup, Stop};

/// What is done first. Accounts that are given back come before those that are taken.
const ORDER: [ActionKind; 4] =
    [ActionKind::Activate, ActionKind::Create, ActionKind::Disable, ActionKind::Deactivate];

/// The progress of a run.
#[derive(Debug, Default)]
pub struct ApplyTallies {
    pub tried: Tally,
    /// Actions that the homeserver shows.
    pub confirmed: Tally,
}

/// The record of a run, and what may stop it.
#[derive(Debug)]
pub struct RunContext<'r> {
    pub record: RunRecord<'r>,
    pub stop: Stop,
    /// The accounts whose last action failed. They come last, so that no other account waits for
    /// them.
    pub failed_before: BTreeSet<UserId>,
}

/// Applies the actions of a plan that are not skipped. Returns an outcome for each action, in the
/// plan's order.
pub async fn apply(
    plan: &Plan,
    writer: &Writer,
    readers: &Readers,
    config: &Config,
    context: &RunContext<'_>,
    tallies: &ApplyTallies,
) -> Vec<Outcome> {
    context.stop.writing_begins();
    let shut = Shut { mode: plan.disable, sessions: config.policy.lock_sessions };
    let rooms = RoomMemory::new(readers, &context.record);
    let mut outcomes = before_the_first(plan);
    for kind in ORDER {
        // A failure of one kind may not affect the other.
        let breaker = Breaker::new(config.max_consecutive_failures);
        let actions = plan.actions.iter().enumerate();
        let passes = actions.filter_map(|(index, action)| Some((index, action.pass()?)));
        let open = passes.filter(|(_, action)| action.kind == kind);
        let (again, first): (Vec<_>, Vec<_>) =
            open.partition(|(_, action)| context.failed_before.contains(&action.user_id));
        let open = first.into_iter().chain(again);
        let mut tried = stream::iter(open)
            .map(|(index, action)| {
                let (breaker, rooms) = (&breaker, &rooms);
                async move {
                    let attempt = async || {
                        rooms.note(index, action, shut.mode).await;
                        attempt(index, action, writer, shut, &context.record).await
                    };
                    (index, breaker.guard(&context.stop, attempt).await)
                }
            })
            .buffer_unordered(writer.concurrency());
        while let Some((index, outcome)) = tried.next().await {
            tallies.tried.add(1);
            outcomes[index] = outcome;
        }
    }
    rooms.finish();
    confirm::wait(
        plan,
        &mut outcomes,
        readers,
        config.writer.confirm_timeout,
        context,
        &tallies.confirmed,
    )
    .await;
    for (number, (action, outcome)) in plan.actions.iter().zip(&outcomes).enumerate() {
        if matches!(outcome, Outcome::Skipped(_)) {
            context.record.end(number, outcome, None);
        }
        context.record.audit(action, outcome);
    }
    outcomes
}

/// Returns the outcomes before anything was tried.
fn before_the_first(plan: &Plan) -> Vec<Outcome> {
    let outcomes = plan.actions.iter().map(|action| match &action.skipped {
        Some(skip) => Outcome::Skipped(skip.why().to_owned()),
        None => Outcome::Scheduled("not tried".to_owned()),
    });
    outcomes.collect()
}

/// Returns how a run ends. Actions of a saved plan that no longer fit are not failures.
#[must_use]
pub fn exit(plan: &Plan, outcomes: &[Outcome], context: &RunContext<'_>) -> Exit {
    let open = plan.actions.iter().zip(outcomes).any(|(action, outcome)| match outcome {
        Outcome::Done => false,
        Outcome::Skipped(_) => !matches!(action.skipped, Some(Skip::MovedOn(_))),
        Outcome::Scheduled(_) | Outcome::Failed { .. } => true,
    });
    let cut_short = context.stop.is_requested() && plan.to_apply().next().is_some();
    if open || cut_short || plan.is_in_doubt() || !context.record.is_whole() {
        Exit::Incomplete
    } else {
        Exit::InStep
    }
}

/// Tries an action, between its two entries in the journal.
async fn attempt(
    number: usize,
    action: Pass<'_>,
    writer: &Writer,
    shut: Shut,
    record: &RunRecord<'_>,
) -> Outcome {
    if let Err(failure) = record.begin(number) {
        let why = format!("not tried: {}", in_one_line(&failure));
        return Outcome::Failed {
            why,
            hint: failure.hint(),
            kind: FailureKind::Writer,
            left: Left::Untouched,
        };
    }
    let outcome = carry_out(action, writer, shut).await;
    // An action is recorded as done only once the homeserver shows it.
    let so_far = match &outcome {
        Outcome::Done => Outcome::Scheduled("requested, not confirmed yet".to_owned()),
        other => other.clone(),
    };
    record.end(number, &so_far, None);
    outcome
}

async fn carry_out(action: Pass<'_>, writer: &Writer, shut: Shut) -> Outcome {
    let result = match action.kind {
        ActionKind::Activate => writer.activate(action).await,
        ActionKind::Create => writer.create(action).await,
        ActionKind::Disable => writer.disable(action, shut).await,
        ActionKind::Deactivate => writer.disable(action, Shut::DEACTIVATE).await,
    };
    match result {
        Ok(()) => {
            info!(user_id = %action.user_id, action = ?action.kind, "requested");
            Outcome::Done
        }
        Err(failure) => {
            let told = in_one_line(&failure);
            info!(user_id = %action.user_id, action = ?action.kind, "{told}");
            Outcome::Failed {
                why: told,
                hint: failure.hint(),
                kind: failure.kind(),
                left: failure.left(),
            }
        }
    }
}

/// Stops the run if the writer fails again and again. Failures of single accounts show that it
/// works.
struct Breaker {
    limit: usize,
    failures_in_a_row: AtomicUsize,
}

impl Breaker {
    fn new(limit: usize) -> Self {
        Self { limit, failures_in_a_row: AtomicUsize::new(0) }
    }

    async fn guard(&self, stop: &Stop, attempt: impl AsyncFnOnce() -> Outcome) -> Outcome {
        if stop.is_requested() {
            return Outcome::Skipped("not tried: the run was stopped".to_owned());
        }
        if self.failures_in_a_row.load(Ordering::Relaxed) >= self.limit {
            return Outcome::Skipped(format!(
                "not tried: the writer had failed {} times in a row",
                self.limit
            ));
        }
        let outcome = attempt().await;
        match outcome {
            Outcome::Failed { kind: FailureKind::Writer, .. } => {
                self.failures_in_a_row.fetch_add(1, Ordering::Relaxed)
            }
            _ => self.failures_in_a_row.swap(0, Ordering::Relaxed),
        };
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of attempts that would end like this, one after the other, if the breaker opens
    /// after two failures: `.` done, `w` failed for the writer, `a` failed for the account, `-` not
    /// tried.
    async fn tried(ends: &str) -> String {
        let (breaker, stop) = (Breaker::new(2), Stop::default());
        let mut tried = String::new();
        for end in ends.chars() {
            let failed = |kind| Outcome::Failed {
                why: String::new(),
                hint: String::new(),
                kind,
                left: Left::Untouched,
            };
            let outcome = match end {
                'w' => failed(FailureKind::Writer),
                'a' => failed(FailureKind::Account),
                _ => Outcome::Done,
            };
            let was_skipped =
                matches!(breaker.guard(&stop, async || outcome).await, Outcome::Skipped(_));
            tried.push(if was_skipped { '-' } else { end });
        }
        tried
    }

    #[tokio::test]
    async fn breaker_opens_for_good_after_failures_of_the_writer_in_a_row() {
        for (ends, expected) in [
            ("....", "...."),
            ("ww..a", "ww---"),
            ("w.w.w.", "w.w.w."),
            ("w.ww.", "w.ww-"),
            ("waw.", "waw."),
            ("aaaa.", "aaaa."),
            ("aawaww.", "aawaww-"),
        ] {
            assert_eq!(tried(ends).await, expected, "{ends}");
        }
    }
}
