//! Keeps what the program remembers between its runs, in one `SQLite` file: the state file.
//!
//! Each action is recorded before it is tried and again afterwards, each in a transaction of its
//! own. So a run that is killed leaves a record of what may have been done. Rows belong to a realm
//! and a server name, the [`Namespace`]; two of them in one file do not see each other.
//!
//! # Why an older file never makes the program do more
//!
//! A backup may be restored, a volume may be lost, and rows may be missing. For each table the
//! program then does less, or needs an approval:
//!
//! - `owners`: an account that was never tied needs an approval before it is disabled. The planner
//!   treats an outdated row like any other: links win over it, and a name replaces it only by the
//!   rule.
//! - `absences`: a missing row starts the grace again. An outdated row could end it early, because
//!   the user may have been back in between. So absences count only while complete readings follow
//!   each other without a long pause (`readings`). After a pause they start again.
//! - `actions`, as our last action on an account: a missing row makes a lock one by hand, which the
//!   program respects. An outdated row could make a lock by hand ours. So after a long pause
//!   nothing unfinished counts, and a file older than the last run (the lock file has its number)
//!   loses every claim.
//! - `actions`, as what `watch` did in the last hour: missing history let a restarted `watch` use
//!   its limits once more within that hour, as it does without a state file.
//! - `settled`: it only removes claims, and is as old as its actions.
//! - `directories`: a directory is recorded in the transaction that records its members' accounts.
//!   Without its row these accounts have no owner either, unless MAS links them.
//! - `bridges`: a row keeps an account as it is, and a missing row costs a request.
//! - `notices`: it changes no account; the room may hear twice of the same.
//!
//! One case is left: a whole volume that is restored with its lock file. A completed disable of
//! ours then counts as ours although someone may have changed the account since. It matters only to
//! `policy.reactivate = "own"`.

mod columns;
mod error;
mod history;
mod last_actions;
mod memory;
mod notices;
mod open;
mod owners;
mod past_readings;
mod readings;
mod rooms;
mod runs;
mod schema;
#[cfg(test)]
mod tests;
mod times;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

pub use error::{StateError, StateProblem};
pub use history::{ActionRow, INTERRUPTED, RecordedOutcome, RunFilter, RunRow};
pub use last_actions::{LastAction, LastActionQuery, LastActions};
pub use notices::{LeftOut, NoticeMemory};
pub use open::{Parents, make_folder};
pub use past_readings::PastReading;
pub use readings::Age;
pub use runs::{Beginning, RunId};

use crate::model::ServerName;

/// The realm and the homeserver that rows belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    pub realm: String,
    pub server_name: ServerName,
}

/// The state file, open.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    namespace: Namespace,
    age: Age,
    connection: Mutex<Connection>,
    /// The device and the number of the file that was opened.
    file: Option<(u64, u64)>,
}

impl State {
    /// Opens the file for a run that may write. Creates a missing file, and migrates an older one.
    pub fn open(path: &Path, namespace: Namespace) -> Result<Self, StateError> {
        match open::for_writing(path) {
            Ok(connection) => Ok(Self::new(path, namespace, connection)),
            Err(problem) => Err(StateError { path: path.to_owned(), problem }),
        }
    }

    /// Opens the file for a command that only reads, without changing it. Returns `None` if there
    /// is no file yet.
    pub fn read(path: &Path, namespace: Namespace) -> Result<Option<Self>, StateError> {
        match open::for_reading(path) {
            Ok(connection) => {
                Ok(connection.map(|connection| Self::new(path, namespace, connection)))
            }
            Err(problem) => Err(StateError { path: path.to_owned(), problem }),
        }
    }

    fn new(path: &Path, namespace: Namespace, connection: Connection) -> Self {
        Self {
            path: path.to_owned(),
            namespace,
            age: Age::AsExpected,
            connection: Mutex::new(connection),
            file: file_at(path),
        }
    }

    /// Returns whether the path still leads to the file that was opened. If not, what is recorded is
    /// lost with the old one.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.file.is_none() || self.file == file_at(&self.path)
    }

    /// Returns the path that the file was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in one transaction.
    fn transaction<T>(
        &self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StateProblem>,
    ) -> Result<T, StateError> {
        let mut connection = self.lock();
        let done = || {
            let transaction = connection.transaction()?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        done().map_err(|problem| self.error(problem))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A transaction that panicked was rolled back when it was dropped.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, problem: StateProblem) -> StateError {
        StateError { path: self.path.clone(), problem }
    }
}

fn file_at(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|file| (file.dev(), file.ino()))
}
