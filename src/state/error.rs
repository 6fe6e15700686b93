//! Why the state file cannot be used.

use std::path::PathBuf;

/// Why the state file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the state file {}: {problem}", path.display())]
pub struct StateError {
    /// `state_file`.
    pub path: PathBuf,
    /// What is wrong.
    #[source]
    pub problem: StateProblem,
}

/// What is wrong with a state file.
#[derive(Debug, thiserror::Error)]
pub enum StateProblem {
    /// It cannot be opened, read or written.
    #[error("cannot be used")]
    Sqlite(#[from] rusqlite::Error),
    /// A newer version of this program has written it, or its tables are not ours.
    #[error("has tables that this version does not know")]
    Schema(#[source] rusqlite_migration::Error),
    /// A row that this program has not written.
    #[error("holds a row that makes no sense: {0}")]
    Row(String),
}

impl StateError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self.problem {
            StateProblem::Sqlite(_) => {
                "check state_file: its directory has to be there and writable, and the file must be one that this program \
                 has made"
            }
            StateProblem::Schema(_) => {
                "use the version of this program that wrote it last, or a newer one; or set state_file to another file, \
                 which begins anew"
            }
            StateProblem::Row(_) => "set state_file to another file, which begins anew, and keep this one to be looked at",
        }
        .to_owned()
    }
}
