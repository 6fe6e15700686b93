//! Remembers the rooms of an account before it is deactivated and leaves them, so that someone can
//! invite the user again. Nothing is joined by this program.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::timeout;
use tracing::{debug, warn};

use super::RunRecord;
use crate::error_chain::in_one_line;
use crate::http::Missing;
use crate::phrases::counted;
use crate::plan::{DisableMode, Pass};
use crate::readers::Readers;

/// How long one account waits. Shutting out a user is more urgent than a list.
const AT_MOST: Duration = Duration::from_secs(10);

/// The rooms of the accounts of one run.
pub(super) struct RoomMemory<'r> {
    readers: &'r Readers,
    record: &'r RunRecord<'r>,
    /// Whether Synapse shows rooms, as far as known.
    shows: Cell<Shows>,
    /// The accounts whose rooms were not asked for, because Synapse had failed before.
    not_asked: Cell<usize>,
}

/// Whether Synapse shows rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Rooms,
    /// It cannot, or there is no state file.
    None,
    /// It failed, and every other account would wait for it.
    NoMore,
}

impl<'r> RoomMemory<'r> {
    pub(super) fn new(readers: &'r Readers, record: &'r RunRecord<'r>) -> Self {
        let shows = if record.is_kept() { Shows::Rooms } else { Shows::None };
        Self { readers, record, shows: Cell::new(shows), not_asked: Cell::new(0) }
    }

    /// Records the rooms that an action makes its account leave. If they cannot be read, the action
    /// is done all the same: the user has left, and waiting for Synapse would leave them in.
    pub(super) async fn note(&self, number: usize, action: Pass<'_>, mode: DisableMode) {
        if !action.kind.leaves(mode).is_some_and(|state| state.deactivated) {
            return;
        }
        match self.shows.get() {
            Shows::Rooms => {}
            Shows::None => return,
            Shows::NoMore => return self.not_asked.set(self.not_asked.get() + 1),
        }
        let why = match timeout(AT_MOST, self.readers.rooms_of(&action.user_id)).await {
            Ok(Ok(Some(rooms))) => return self.record.rooms(number, &rooms),
            Ok(Ok(None)) => return self.shows.set(Shows::None),
            Ok(Err(error)) if error.is_missing(Missing::Path) => {
                debug!("{}", in_one_line(&error));
                "this Synapse, or a worker, does not have the path".to_owned()
            }
            Ok(Err(error)) => in_one_line(&error),
            Err(_) => format!("Synapse did not list them within {} s", AT_MOST.as_secs()),
        };
        self.shows.set(Shows::NoMore);
        warn!("the rooms of {} are not recorded before it is deactivated: {why}", action.user_id);
    }

    /// Says how many accounts were deactivated without a record, because Synapse had failed before.
    pub(super) fn finish(&self) {
        let count = self.not_asked.get();
        if count > 0 {
            warn!("nor are those of {}", counted(count, "other account", "other accounts"));
        }
    }
}
