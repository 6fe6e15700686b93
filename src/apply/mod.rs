//! Carries out a plan: activations first, then new accounts, disables and deactivations. One failure does not stop the others.
//! Afterwards it waits until the homeserver shows the changes.

mod breaker;
mod confirm;
mod rooms;
mod run_record;
mod stop;

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use tracing::debug;

use crate::config::Config;
use crate::error_chain::in_one_line;
use crate::exit::Exit;
use crate::model::{MasAdmin, UserId};
use crate::plan::{ActionKind, FailureKind, Left, Outcome, Pass, Plan, Skip};
use crate::readers::{Readers, Tally};
use crate::writers::{Shut, Write, Writer};

use breaker::{Answering, Breaker, Silences};
use rooms::RoomMemory;
pub use run_record::RunRecord;
pub use stop::{Hangup, Stop};

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
    let silences = Silences::default();
    for kind in ActionKind::IN_ORDER {
        // A failure of one kind may not affect the other.
        let breaker = Breaker::new(config.max_consecutive_failures, &silences);
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
) -> (Outcome, Answering) {
    if let Err(failure) = record.begin(number) {
        let why = format!("not tried: {}", in_one_line(&failure));
        let failed = Outcome::Failed {
            why,
            hint: failure.hint(),
            kind: FailureKind::Writer,
            left: Left::Untouched,
        };
        return (failed, Answering::Yes);
    }
    let (outcome, answering) = carry_out(action, writer, shut).await;
    // An action is recorded as done only once the homeserver shows it.
    let so_far = match &outcome {
        Outcome::Done => Outcome::Scheduled("requested, not confirmed yet".to_owned()),
        other => other.clone(),
    };
    record.end(number, &so_far, None);
    (outcome, answering)
}

async fn carry_out(action: Pass<'_>, writer: &Writer, shut: Shut) -> (Outcome, Answering) {
    let result = match action.kind {
        ActionKind::Activate => writer.activate(action).await,
        ActionKind::Create => writer.create(action).await,
        ActionKind::GrantAdmin => writer.set_admin(action, MasAdmin::Yes).await,
        ActionKind::RevokeAdmin => writer.set_admin(action, MasAdmin::No).await,
        ActionKind::Disable => writer.disable(action, shut).await,
        ActionKind::Deactivate => writer.disable(action, Shut::DEACTIVATE).await,
    };
    match result {
        Ok(()) => {
            debug!(user_id = %action.user_id, action = ?action.kind, "requested");
            (Outcome::Done, Answering::Yes)
        }
        Err(failure) => {
            let told = in_one_line(&failure);
            debug!(user_id = %action.user_id, action = ?action.kind, "{told}");
            let answering = if failure.is_silence() { Answering::No } else { Answering::Yes };
            let failed = Outcome::Failed {
                why: told,
                hint: failure.hint(),
                kind: failure.kind(),
                left: failure.left(),
            };
            (failed, answering)
        }
    }
}
