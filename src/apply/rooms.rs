//! Remembers the rooms of an account before it is deactivated and leaves them, so that someone can
//! invite the user again. Nothing is joined by this program.

use std::cell::Cell;

use tracing::{debug, warn};

use super::RunRecord;
use crate::error_chain::in_one_line;
use crate::http::Missing;
use crate::plan::{DisableMode, Pass};
use crate::readers::Readers;

/// The rooms of the accounts of one run.
pub(super) struct RoomMemory<'r> {
    readers: &'r Readers,
    record: &'r RunRecord<'r>,
    /// Whether Synapse shows rooms, as far as known.
    shows_rooms: Cell<bool>,
}

impl<'r> RoomMemory<'r> {
    pub(super) fn new(readers: &'r Readers, record: &'r RunRecord<'r>) -> Self {
        Self { readers, record, shows_rooms: Cell::new(record.is_kept()) }
    }

    /// Records the rooms that an action makes its account leave. If they cannot be read, the action
    /// is done all the same: the user has left, and waiting for Synapse would leave them in.
    pub(super) async fn note(&self, number: usize, action: Pass<'_>, mode: DisableMode) {
        let is_lost = action.kind.leaves(mode).deactivated;
        if !is_lost || !self.shows_rooms.get() {
            return;
        }
        match self.readers.rooms_of(&action.user_id).await {
            Ok(Some(rooms)) => self.record.rooms(number, &rooms),
            Ok(None) => self.shows_rooms.set(false),
            Err(error) if error.is_missing(Missing::Path) => {
                self.shows_rooms.set(false);
                debug!("{}", in_one_line(&error));
            }
            Err(error) => {
                // A server that does not answer would hold up every other account.
                self.shows_rooms.set(!error.is_silence());
                warn!(
                    "the rooms of {} are not recorded before it is deactivated: {}",
                    action.user_id,
                    in_one_line(&error)
                );
            }
        }
    }
}
