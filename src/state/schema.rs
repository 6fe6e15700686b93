//! The tables, and how an older file is brought up to date.

use std::sync::LazyLock;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::error::StateProblem;

/// Every step from an empty file; a step that has been released is never changed, only followed by another.
const STEPS: &[M<'_>] = &[
    M::up(
        "CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        command TEXT NOT NULL,
        started INTEGER NOT NULL,
        ended INTEGER,
        server_name TEXT NOT NULL,
        realm TEXT NOT NULL,
        writer TEXT NOT NULL,
        disable TEXT NOT NULL,
        digest TEXT NOT NULL,
        plan TEXT NOT NULL,
        result TEXT,
        undoes INTEGER REFERENCES runs (id)
    ) STRICT;
    CREATE TABLE actions (
        run INTEGER NOT NULL REFERENCES runs (id),
        number INTEGER NOT NULL,
        action TEXT NOT NULL,
        user_id TEXT NOT NULL,
        mas_id TEXT,
        reason TEXT NOT NULL,
        evidence TEXT,
        before TEXT NOT NULL,
        after TEXT,
        begun INTEGER,
        ended INTEGER,
        outcome TEXT,
        error TEXT,
        PRIMARY KEY (run, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX actions_by_user ON actions (user_id, run, number);
    CREATE TABLE absences (
        user_id TEXT PRIMARY KEY,
        since INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE directories (
        realm TEXT NOT NULL,
        provider TEXT NOT NULL,
        PRIMARY KEY (realm, provider)
    ) STRICT, WITHOUT ROWID;",
    ),
    M::up(
        "CREATE TABLE settled (
        user_id TEXT PRIMARY KEY,
        seen INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;",
    ),
];

static MIGRATIONS: LazyLock<Migrations<'static>> = LazyLock::new(|| Migrations::from_slice(STEPS));

pub(super) fn bring_up_to_date(connection: &mut Connection) -> Result<(), StateProblem> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    MIGRATIONS.to_latest(connection).map_err(StateProblem::Schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_follows_from_the_one_before() {
        assert!(MIGRATIONS.validate().is_ok());
    }
}
