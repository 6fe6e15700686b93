//! Remembers the rooms of an account before it is deactivated and leaves them, so that someone can
//! invite the user again. Nothing is joined by this program.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};

use super::RunRecord;
use crate::error_chain::in_one_line;
use crate::http::Missing;
use crate::phrases::counted;
use crate::plan::{DisableMode, Pass};
use crate::readers::Readers;

/// How long one account waits. Shutting out a user is more urgent than a list.
const AT_MOST: Duration = Duration::from_secs(10);
/// How much of that is left when names are no longer waited for.
const WITHOUT_NAMES: Duration = Duration::from_secs(1);
/// The accounts in a row whose rooms cannot be read, until Synapse is asked for no more.
const MOST_FAILURES: usize = 3;

/// The rooms of the accounts of one run.
pub(super) struct RoomMemory<'r> {
    readers: &'r Readers,
    record: &'r RunRecord<'r>,
    /// Whether Synapse shows rooms, as far as known.
    shows: Cell<Shows>,
    failures_in_a_row: Cell<usize>,
    /// The accounts whose rooms are not recorded, after the first of them.
    others: Cell<usize>,
    has_warned: Cell<bool>,
}

/// Whether Synapse shows rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Rooms,
    /// It cannot, or there is no state file.
    None,
    /// It failed for several accounts in a row, and every other one would wait for it.
    NoMore,
}

impl<'r> RoomMemory<'r> {
    pub(super) fn new(readers: &'r Readers, record: &'r RunRecord<'r>) -> Self {
        let shows = if record.is_kept() { Shows::Rooms } else { Shows::None };
        Self {
            readers,
            record,
            shows: Cell::new(shows),
            failures_in_a_row: Cell::new(0),
            others: Cell::new(0),
            has_warned: Cell::new(false),
        }
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
            Shows::NoMore => return self.others.set(self.others.get() + 1),
        }
        let end = Instant::now() + AT_MOST;
        let rooms = self.readers.rooms_of(&action.user_id, end - WITHOUT_NAMES);
        let why = match timeout_at(end, rooms).await {
            Ok(Ok(Some(rooms))) => {
                self.failures_in_a_row.set(0);
                return self.record.rooms(number, &rooms);
            }
            Ok(Ok(None)) => return self.shows.set(Shows::None),
            Ok(Err(error)) if error.is_missing(Missing::Path) => {
                debug!("{}", in_one_line(&error));
                self.shows.set(Shows::NoMore);
                "this Synapse, or a worker, does not have the path".to_owned()
            }
            Ok(Err(error)) => in_one_line(&error),
            Err(_) => format!("Synapse did not list them within {} s", AT_MOST.as_secs()),
        };
        self.failed(action, &why);
    }

    fn failed(&self, action: Pass<'_>, why: &str) {
        let failures = self.failures_in_a_row.get() + 1;
        self.failures_in_a_row.set(failures);
        if failures == MOST_FAILURES {
            self.shows.set(Shows::NoMore);
        }
        if self.has_warned.replace(true) {
            return self.others.set(self.others.get() + 1);
        }
        warn!("the rooms of {} are not recorded before it is deactivated: {why}", action.user_id);
    }

    /// Says how many accounts more were deactivated without a record.
    pub(super) fn finish(&self) {
        let count = self.others.get();
        if count > 0 {
            warn!("nor are those of {}", counted(count, "other account", "other accounts"));
        }
    }
}
