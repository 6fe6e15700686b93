//! Records a run while it goes on: in the state file, if there is one, and in the audit log.

use std::cell::Cell;

use tracing::{error, info};

use crate::error_chain::in_one_line;
use crate::model::{AccountState, Room, Word as _};
use crate::plan::{Action, Digest, Outcome, RunResult};
use crate::state::{RunId, State, StateError};

/// The record of one run.
#[derive(Debug)]
pub struct RunRecord<'s> {
    state: Option<(&'s State, RunId)>,
    digest: Digest,
    /// Whether everything could be recorded.
    whole: Cell<bool>,
}

impl<'s> RunRecord<'s> {
    /// Creates a record in the state file, or in the audit log alone.
    #[must_use]
    pub fn new(state: Option<(&'s State, RunId)>, digest: Digest) -> Self {
        Self { state, digest, whole: Cell::new(true) }
    }

    /// Records an action before it is tried. One that cannot be recorded must not be done.
    pub(super) fn begin(&self, number: usize) -> Result<(), StateError> {
        self.state.map_or(Ok(()), |(state, run)| state.begin_action(run, number))
    }

    /// Records an action afterwards. It is already done, so an error is reported, and the run is
    /// incomplete.
    pub(super) fn end(&self, number: usize, outcome: &Outcome, after: Option<AccountState>) {
        let Some((state, run)) = self.state else { return };
        if let Err(failure) = state.end_action(run, number, outcome, after) {
            self.whole.set(false);
            error!("{}", in_one_line(&failure));
        }
    }

    /// Returns whether there is a state file.
    pub(super) fn is_kept(&self) -> bool {
        self.state.is_some()
    }

    /// Records the rooms that an action makes its account leave.
    pub(super) fn rooms(&self, number: usize, rooms: &[Room]) {
        let Some((state, run)) = self.state else { return };
        if let Err(failure) = state.note_rooms(run, number, rooms) {
            self.whole.set(false);
            error!("{}", in_one_line(&failure));
        }
    }

    /// Writes one line of the audit log.
    pub(super) fn audit(&self, action: &Action, outcome: &Outcome) {
        info!(
            target: "audit",
            run = self.state.map(|(_, run)| run.number()),
            digest = %self.digest,
            action = action.kind.word(),
            user_id = %action.user_id,
            reason = action.reason.word(),
            outcome = outcome.kind().word(),
            error = outcome.error(),
            "{} {} ({}): {}{}",
            action.kind.word(),
            action.user_id,
            action.reason.text(),
            outcome.kind().word(),
            outcome.error().map(|error| format!(": {error}")).unwrap_or_default(),
        );
    }

    /// Returns whether everything could be recorded.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole.get()
    }

    /// Records the end of the run.
    pub fn close(&self, result: RunResult) {
        let Some((state, run)) = self.state else { return };
        if let Err(failure) = state.end_run(run, result) {
            self.whole.set(false);
            error!("{}", in_one_line(&failure));
        }
    }
}
