//! Shows on the status board what runs came to.

use std::time::Duration;

use tracing::debug;

use super::after_run::{Effect, Waiting};
use super::reached::Reached;
use super::to_do::ToDo;
use super::watcher::Watcher;
use crate::error_chain::in_one_line;
use crate::metrics::RunKind;
use crate::model::{ServerName, ServerText, Timestamp};
use crate::plan::{Counts, Digest, Outcome, Plan, Refusal};
use crate::signals::{
    ChangeCounts, Health, PendingDecision, ReadCounts, ServiceManager, StatusBoard, WatchState,
};
use crate::state::{RunFilter, State, StateError};

/// The number of recorded runs that the chart and the list of changes begin with.
const PAST_RUNS: usize = 100;
/// Without a heartbeat for this long the process hangs: waiting for servers never blocks it.
const DEAD_AFTER: Duration = Duration::from_mins(2);

/// Where others see how `watch` is doing.
pub(super) struct Shown {
    pub(super) health: Health,
    pub(super) board: StatusBoard,
    pub(super) manager: ServiceManager,
}

impl Shown {
    pub(super) fn new(server_name: &ServerName) -> Self {
        let health = Health::new(DEAD_AFTER);
        let board = StatusBoard::new(health.clone(), server_name);
        Self { health, board, manager: ServiceManager::from_env() }
    }
}

impl Watcher<'_> {
    /// Shows what the state file remembers. Without it, the board begins empty.
    pub(super) fn show_past(&self) {
        let Some(state) = &self.writing.session.state else { return };
        match state.past_readings(PAST_RUNS) {
            Ok(readings) => {
                for past in readings {
                    let (members, accounts) = (past.members as usize, past.accounts as usize);
                    self.shown.board.note_reading(ReadCounts { at: past.at, members, accounts });
                }
            }
            Err(error) => debug!("no past readings for the status: {}", in_one_line(&error)),
        }
        self.show_recorded_changes(state);
    }

    /// Shows the last recorded changes, those of other commands too.
    fn show_recorded_changes(&self, state: &State) {
        let recorded = || -> Result<Vec<_>, StateError> {
            let runs = state.runs(&RunFilter { limit: Some(PAST_RUNS), ..RunFilter::default() })?;
            Ok(runs.iter().filter_map(ChangeCounts::from_run).collect())
        };
        match recorded() {
            Ok(changes) => self.shown.board.set_changes(changes),
            Err(error) => debug!("no past changes for the status: {}", in_one_line(&error)),
        }
    }

    /// Shows a plan that was refused.
    pub(super) fn show_refusal(
        &self,
        kind: RunKind,
        plan: &Plan,
        digest: &Digest,
        refusals: &[Refusal],
        to_do: &ToDo,
    ) {
        // A full run follows on one about a few.
        if kind != RunKind::Full {
            return;
        }
        self.show_reading(plan);
        self.shown.board.set_decision(Some(PendingDecision {
            actions: plan.to_apply().count(),
            digest: approvable(to_do, digest),
            command: to_do.command.as_str().into(),
            advice: to_do.advice.map(ServerText::from),
            refused_by: refusals.iter().map(Refusal::kind).collect(),
            reasons: refusals.iter().map(|refusal| refusal.to_string().into()).collect(),
        }));
    }

    /// Shows a plan that was carried out.
    pub(super) fn show_outcome(
        &self,
        kind: RunKind,
        plan: &Plan,
        outcomes: &[Outcome],
        waiting: Option<&Waiting>,
    ) {
        if kind == RunKind::Full {
            self.show_reading(plan);
            self.shown.board.set_decision(waiting.map(pending));
        }
        match &self.writing.session.state {
            Some(state) if kind == RunKind::Full || !outcomes.is_empty() => {
                self.show_recorded_changes(state);
            }
            None if outcomes.iter().any(|outcome| !matches!(outcome, Outcome::Skipped(_))) => {
                self.shown.board.note_changes(counts(plan, outcomes));
            }
            _ => {}
        }
    }

    fn show_reading(&self, plan: &Plan) {
        let (members, accounts) = (plan.read.members, plan.read.accounts);
        self.shown.board.note_reading(ReadCounts { at: Timestamp::now(), members, accounts });
    }

    /// Shows what follows from the end of a run.
    pub(super) fn show_effect(&self, effect: &Effect) {
        match effect {
            Effect::Ready => self.shown.board.set_state(WatchState::InStep),
            Effect::Incomplete(Reached::Unverified) => {
                self.shown.board.set_state(WatchState::Unverified);
            }
            Effect::Incomplete(_) => self.shown.board.set_state(WatchState::Incomplete),
            Effect::StillNotReady(..) if self.shown.health.is_ready() => {}
            Effect::NotReady(why, _) | Effect::StillNotReady(why, _) => {
                self.shown.board.set_state((*why).into());
            }
            Effect::LogLocked { line, .. } => self.shown.board.set_failure(line, None),
            Effect::LogFailure { line, hint, .. } => {
                self.shown.board.set_failure(line, hint.as_deref());
            }
            _ => {}
        }
    }
}

/// Returns the digest that approves a plan, or nothing if none is offered.
fn approvable(to_do: &ToDo, digest: &Digest) -> String {
    match to_do.advice {
        Some(_) => String::new(),
        None => digest.to_string(),
    }
}

fn pending(waiting: &Waiting) -> PendingDecision {
    PendingDecision {
        actions: waiting.count,
        digest: approvable(&waiting.to_do, &waiting.digest),
        command: waiting.to_do.command.as_str().into(),
        advice: waiting.to_do.advice.map(ServerText::from),
        refused_by: Vec::new(),
        reasons: waiting.reasons.iter().map(|reason| ServerText::from(reason.as_str())).collect(),
    }
}

fn counts(plan: &Plan, outcomes: &[Outcome]) -> ChangeCounts {
    let counts = Counts::compute(plan, outcomes);
    let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    ChangeCounts {
        time: Timestamp::now(),
        activated: small(counts.activated),
        disabled: small(counts.disabled),
        created: small(counts.created),
        deactivated: small(counts.deactivated),
        admin_changes: small(counts.admins),
        not_done: small(counts.scheduled + counts.failed + counts.skipped),
    }
}
