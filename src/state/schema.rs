//! Defines the tables, and migrates older files.

use std::sync::LazyLock;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::error::StateProblem;

/// The mark of our files: `mkcs` in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x6d6b_6373;
/// The tables of the first version, whose files have no number.
pub(super) const FIRST_TABLES: [&str; 4] = ["runs", "actions", "absences", "directories"];

/// All migrations from an empty file. A released one is never changed, only followed by another.
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
    // Before this step only `runs` had a realm and a homeserver. Absences start again, which is
    // safe. An account that was seen active ends the actions of every realm. A directory stays
    // known for all homeservers of its realm (''), and was up at a time that was not recorded.
    M::up(
        "PRAGMA application_id = 1835754355;
    CREATE TABLE owners (
        realm TEXT NOT NULL,
        server_name TEXT NOT NULL,
        localpart TEXT NOT NULL,
        keycloak_id TEXT NOT NULL,
        tie TEXT NOT NULL,
        since INTEGER NOT NULL,
        PRIMARY KEY (realm, server_name, localpart)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX owners_by_keycloak_id ON owners (realm, server_name, keycloak_id);
    CREATE TABLE readings (
        realm TEXT NOT NULL,
        server_name TEXT NOT NULL,
        last INTEGER,
        pause INTEGER,
        runs INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (realm, server_name)
    ) STRICT, WITHOUT ROWID;
    DROP TABLE absences;
    CREATE TABLE absences (
        realm TEXT NOT NULL,
        server_name TEXT NOT NULL,
        user_id TEXT NOT NULL,
        since INTEGER NOT NULL,
        PRIMARY KEY (realm, server_name, user_id)
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE settled RENAME TO settled_before;
    CREATE TABLE settled (
        realm TEXT NOT NULL,
        server_name TEXT NOT NULL,
        user_id TEXT NOT NULL,
        seen INTEGER NOT NULL,
        PRIMARY KEY (realm, server_name, user_id)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO settled (realm, server_name, user_id, seen)
        SELECT realm, server_name, user_id, seen
        FROM settled_before, (SELECT DISTINCT realm, server_name FROM runs);
    DROP TABLE settled_before;
    ALTER TABLE directories RENAME TO directories_before;
    CREATE TABLE directories (
        realm TEXT NOT NULL,
        server_name TEXT NOT NULL,
        provider TEXT NOT NULL,
        alive_seen INTEGER,
        PRIMARY KEY (realm, server_name, provider)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO directories (realm, server_name, provider, alive_seen)
        SELECT realm, '', provider, 0 FROM directories_before;
    DROP TABLE directories_before;",
    ),
    M::up(
        "ALTER TABLE actions ADD COLUMN failure TEXT;
    ALTER TABLE runs ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;",
    ),
    M::up(
        "CREATE TABLE bridges (
        realm TEXT NOT NULL,
        server_name TEXT NOT NULL,
        user_id TEXT NOT NULL,
        seen INTEGER NOT NULL,
        PRIMARY KEY (realm, server_name, user_id)
    ) STRICT, WITHOUT ROWID;",
    ),
    M::up(
        "CREATE TABLE locks (
        realm TEXT NOT NULL,
        server_name TEXT NOT NULL,
        user_id TEXT NOT NULL,
        since INTEGER NOT NULL,
        PRIMARY KEY (realm, server_name, user_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE rooms (
        run INTEGER NOT NULL REFERENCES runs (id),
        number INTEGER NOT NULL,
        place INTEGER NOT NULL,
        room_id TEXT NOT NULL,
        name TEXT,
        PRIMARY KEY (run, number, place)
    ) STRICT, WITHOUT ROWID;",
    ),
    M::up(
        "CREATE TABLE notices (
        realm TEXT NOT NULL,
        server_name TEXT NOT NULL,
        memory TEXT NOT NULL,
        PRIMARY KEY (realm, server_name)
    ) STRICT, WITHOUT ROWID;",
    ),
    // Before this step only clocks told whether an account was seen active after an action.
    M::up(
        "ALTER TABLE settled ADD COLUMN run INTEGER;
    ALTER TABLE actions ADD COLUMN shown INTEGER;",
    ),
];

static MIGRATIONS: LazyLock<Migrations<'static>> = LazyLock::new(|| Migrations::from_slice(STEPS));

/// The size that the write-ahead log is cut to after a big transaction.
const LONGEST_LOG: u32 = 16 * 1024 * 1024;

pub(super) fn bring_up_to_date(connection: &mut Connection) -> Result<(), StateProblem> {
    connection.pragma_update(None, "foreign_keys", true)?;
    // The migration comes before the write-ahead log, so that the file itself has our mark from the
    // start. If two processes start at the same time, one finds the work done.
    migrate(connection).or_else(|problem| match problem {
        StateProblem::Busy(_) => Err(problem),
        _ => migrate(connection),
    })?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "journal_size_limit", LONGEST_LOG)?;
    Ok(())
}

fn migrate(connection: &mut Connection) -> Result<(), StateProblem> {
    Ok(MIGRATIONS.to_latest(connection)?)
}

/// Returns whether the file has all tables of this version.
pub(super) fn is_up_to_date(connection: &Connection) -> Result<bool, StateProblem> {
    Ok(MIGRATIONS.pending_migrations(connection)? == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_cannot_grow_has_no_newer_tables() {
        let mut connection = Connection::open_in_memory().expect("a database");
        connection.pragma_update(None, "max_page_count", 3).expect("an empty database");
        let problem = bring_up_to_date(&mut connection).expect_err("too many tables for its pages");
        assert!(matches!(problem, StateProblem::Full), "{problem}");
    }

    #[test]
    fn every_step_follows_from_the_one_before() {
        assert!(MIGRATIONS.validate().is_ok());
    }
}
