//! Defines why the state file cannot be used.

use std::io;
use std::path::PathBuf;

use rusqlite::{ErrorCode, ffi};

use super::open::BUSY_TIMEOUT;
use crate::model::ServerText;

/// Why the state file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the state file {}: {problem}", path.display())]
pub struct StateError {
    pub path: PathBuf,
    #[source]
    pub problem: StateProblem,
}

/// What is wrong with a state file.
#[derive(Debug, thiserror::Error)]
pub enum StateProblem {
    /// The file system refused the file or its folder.
    #[error("cannot be opened")]
    Io(#[source] io::Error),
    /// The disk is full, or this user may not use more of it.
    #[error("cannot be written, because no space is left")]
    Full,
    /// The file system shows it but allows no changes.
    #[error("cannot be written")]
    ReadOnly,
    /// The path leads to another file.
    #[error("is a link, and links are not followed")]
    Link,
    /// Another program has written it.
    #[error("was not written by this program")]
    Foreign,
    /// `SQLite` finds it inconsistent.
    #[error("is damaged: {0}")]
    Damaged(ServerText),
    /// Another program did not finish writing in time.
    #[error("is in use by another program")]
    Busy(#[source] rusqlite::Error),
    /// `SQLite` cannot open, read or write it.
    #[error("cannot be used")]
    Sqlite(#[source] rusqlite::Error),
    /// A newer version of this program has written it.
    #[error("has tables that this version does not know")]
    Schema(#[source] rusqlite_migration::Error),
    /// It contains a word that this version does not know: a newer version has written it.
    #[error("contains the word \"{0}\", which this version does not know")]
    Word(ServerText),
    /// It contains a row that this program has not written.
    #[error("contains an invalid row: {0}")]
    Row(ServerText),
}

impl From<io::Error> for StateProblem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error),
        }
    }
}

impl From<rusqlite_migration::Error> for StateProblem {
    fn from(error: rusqlite_migration::Error) -> Self {
        match error {
            rusqlite_migration::Error::RusqliteError { err, .. } if !is_about_tables(&err) => {
                err.into()
            }
            error => Self::Schema(error),
        }
    }
}

impl From<rusqlite::Error> for StateProblem {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            // The index of the write-ahead log could not be created.
            _ if is_extended(&error, ffi::SQLITE_IOERR_SHMSIZE) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string().into())
            }
            _ if is_busy(&error) => Self::Busy(error),
            _ => Self::Sqlite(error),
        }
    }
}

fn is_extended(error: &rusqlite::Error, code: i32) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == code)
}

/// Returns whether a statement does not fit the tables, rather than that the file could not be read or
/// written.
fn is_about_tables(error: &rusqlite::Error) -> bool {
    use ErrorCode::{ConstraintViolation, TypeMismatch, Unknown};
    let code = error.sqlite_error_code();
    code.is_none_or(|code| matches!(code, Unknown | ConstraintViolation | TypeMismatch))
}

/// Returns whether another program has the file locked.
fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

impl StateProblem {
    /// Returns whether the place allows no file, rather than the file being wrong.
    #[must_use]
    pub fn is_about_the_place(&self) -> bool {
        match self {
            Self::Io(_) | Self::Full | Self::ReadOnly => true,
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly)
            ),
            _ => false,
        }
    }
}

impl StateError {
    /// Returns what to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self.problem {
            StateProblem::Io(_) | StateProblem::ReadOnly | StateProblem::Sqlite(_) => {
                "Check `state_file`: this user needs write access to the file and its folder."
            }
            StateProblem::Full => {
                "Free space on its disk, or set `state_file` to a path on another one."
            }
            StateProblem::Busy(_) => {
                return format!(
                    "Wait until it has finished, and run again; it has kept the file locked for {}.",
                    humantime::format_duration(BUSY_TIMEOUT)
                );
            }
            StateProblem::Link | StateProblem::Foreign => "Set `state_file` to a path of its own.",
            StateProblem::Damaged(_) | StateProblem::Row(_) => {
                "Restore the file from a backup, or move it away: the next run then starts with an empty one, and needs \
                 an approval to disable accounts it does not know."
            }
            StateProblem::Schema(_) | StateProblem::Word(_) => {
                "Use the version of this program that wrote it last, or a newer one; or set `state_file` to a new file."
            }
        }
        .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_disk_is_no_matter_of_permissions_or_versions() {
        let failure = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        for problem in [
            failure(ffi::SQLITE_FULL).into(),
            failure(ffi::SQLITE_IOERR_SHMSIZE).into(),
            io::Error::from(io::ErrorKind::StorageFull).into(),
            rusqlite_migration::Error::from(failure(ffi::SQLITE_FULL)).into(),
        ] {
            assert!(StateProblem::is_about_the_place(&problem), "{problem:?}");
            let hint = StateError { path: "state.db".into(), problem }.hint();
            assert!(hint.starts_with("Free space"), "{hint}");
        }
        let newer = rusqlite_migration::Error::from(failure(ffi::SQLITE_ERROR)).into();
        assert!(matches!(newer, StateProblem::Schema(_)), "{newer:?}");
    }

    #[test]
    fn locked_file_is_not_a_matter_of_permissions() {
        for code in [
            rusqlite::ffi::SQLITE_BUSY,
            rusqlite::ffi::SQLITE_BUSY_SNAPSHOT,
            rusqlite::ffi::SQLITE_LOCKED,
        ] {
            let problem =
                rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None).into();
            assert!(!StateProblem::is_about_the_place(&problem));
            let error = StateError { path: "state.db".into(), problem };
            assert_eq!(error.to_string(), "the state file state.db: is in use by another program");
            assert!(
                error.hint().starts_with("Wait until it has finished")
                    && error.hint().ends_with("10s.")
            );
        }
    }
}
