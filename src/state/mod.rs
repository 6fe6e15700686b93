//! What the program remembers between its runs, in one `SQLite` file: runs and their plans, every action with its reason,
//! evidence and outcome, and since when someone has been out of the group.
//!
//! Each action is written down before it is tried and again when it is over, each in a transaction of its own, so that
//! a run that is killed leaves a record of what may have been done.

mod absences;
mod error;
mod journal;
mod memory;
mod rows;
mod schema;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

pub use error::{StateError, StateProblem};
pub use journal::{Beginning, RunId};
pub use rows::{ActionRow, RunRow};

/// Another process may be writing; a transaction of ours takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The state file, open.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl State {
    /// Opens the file of the configuration (`state_file`), and makes it or brings it up to date where that is needed.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let opened = || {
            let mut connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            schema::bring_up_to_date(&mut connection)?;
            Ok(connection)
        };
        let connection = opened().map_err(|problem| StateError { path: path.to_owned(), problem })?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// Runs `work` in one transaction.
    fn transaction<T>(
        &self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StateError> {
        let mut connection = self.lock();
        let done = || {
            let transaction = connection.transaction()?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        done().map_err(|problem: rusqlite::Error| self.error(problem.into()))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A transaction that panicked was rolled back when it was dropped.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, problem: StateProblem) -> StateError {
        StateError { path: self.path.clone(), problem }
    }
}
