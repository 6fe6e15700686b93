//! Records complete readings, and whether they follow each other without a long pause.
//!
//! Absences and unfinished actions of ours count because every reading since then agrees. If the
//! program did not run for a long time, or an older file was restored, no one knows what happened
//! meanwhile. So after a long pause both start again. A pause is long if it takes more than
//! [`SHORT_PAUSE`] and more than twice the pause before: a monthly timer has long pauses, but all
//! of the same length.

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::error::StateProblem;
use super::memory::{BRIDGE_FOR, own_disables};
use super::times::Times;
use super::{Namespace, State, StateError};
use crate::model::{Timestamp, UserId, Word as _};
use crate::plan::{ActionKind, OutcomeKind};
use crate::planner::{Presence, Progress, Reach};

/// A daily timer with a delay stays below this.
const SHORT_PAUSE: i64 = 36 * 60 * 60 * 1000;

/// Whether the file is the one that the last run left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Nothing shows the opposite.
    AsExpected,
    /// It is older, or new.
    Older,
}

/// What is known about the readings so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Readings {
    /// When the last one was recorded.
    last: Option<i64>,
    /// The pause before the last one.
    pause: Option<i64>,
    /// The number of runs that could write.
    runs: i64,
}

impl Readings {
    pub(super) fn read(
        connection: &rusqlite::Connection,
        namespace: &Namespace,
    ) -> Result<Self, StateProblem> {
        let row = connection
            .query_row(
                "SELECT last, pause, runs FROM readings WHERE realm = ?1 AND server_name = ?2",
                params![namespace.realm, namespace.server_name.as_str()],
                |row| Ok(Self { last: row.get(0)?, pause: row.get(1)?, runs: row.get(2)? }),
            )
            .optional()?;
        Ok(row.unwrap_or_default())
    }

    /// Returns whether a reading made now follows the last one without a long pause.
    pub(super) fn go_on(self, now: Timestamp) -> bool {
        let longest = SHORT_PAUSE.max(self.pause.unwrap_or_default().saturating_mul(2));
        self.last.is_some_and(|last| now.as_millis().saturating_sub(last) <= longest)
    }
}

impl State {
    /// Counts a run that may write, and returns its number. `before` is the number of the previous
    /// run in the lock file. If it is greater, the file is older than that run, and no action of
    /// ours counts from now on.
    pub fn count_run(&self, before: Option<i64>, now: Timestamp) -> Result<(i64, Age), StateError> {
        let Namespace { realm, server_name } = &self.namespace;
        let server_name = server_name.as_str();
        self.transaction(|transaction| {
            let runs = Readings::read(transaction, &self.namespace)?.runs;
            let age = if before.is_some_and(|before| before > runs) {
                Age::Older
            } else {
                Age::AsExpected
            };
            let number = before.map_or(runs, |before| before.max(runs)).saturating_add(1);
            transaction.execute(
                "INSERT INTO readings (realm, server_name, runs) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET runs = excluded.runs",
                params![realm, server_name, number],
            )?;
            if age == Age::Older {
                self.doubt_rows(transaction, now)?;
            }
            Ok((number, age))
        })
    }

    /// Notes that the file took the place of one that was in use. Its rows may be older than the last
    /// run although its number of runs is not: `SQLite` adds to it what is left of the other's log.
    pub fn doubt(&self, now: Timestamp) -> Result<(), StateError> {
        self.transaction(|transaction| self.doubt_rows(transaction, now))
    }

    /// Makes everything remembered so far protect accounts only.
    fn doubt_rows(
        &self,
        transaction: &Transaction<'_>,
        now: Timestamp,
    ) -> Result<(), StateProblem> {
        let Namespace { realm, server_name } = &self.namespace;
        self.forget_absences(transaction)?;
        self.doubt_owners(transaction)?;
        transaction.execute(
            "INSERT OR REPLACE INTO settled (realm, server_name, user_id, seen, run)
             SELECT DISTINCT realm, server_name, user_id, ?3, (SELECT max(id) FROM runs)
             FROM actions JOIN runs ON id = run
             WHERE realm = ?1 AND server_name = ?2 AND begun IS NOT NULL",
            params![realm, server_name.as_str(), now.as_millis()],
        )?;
        Ok(())
    }

    /// Compares the file with the number of the last run in the lock file, like
    /// [`State::count_run`], for a command that only reads.
    pub fn compare(&mut self, last_run: Option<i64>) -> Result<(), StateError> {
        let runs = Readings::read(&self.lock(), &self.namespace)
            .map_err(|problem| self.error(problem))?
            .runs;
        self.age = if last_run.is_some_and(|last_run| last_run > runs) {
            Age::Older
        } else {
            Age::AsExpected
        };
        Ok(())
    }

    /// Records one complete reading: accounts newly outside the group are absent since now, those
    /// inside are no longer absent, and nothing changes for the others.
    pub fn record(&self, presence: &Presence<'_>, now: Timestamp) -> Result<(), StateError> {
        self.transaction(|transaction| {
            if presence.reach == Reach::Everything {
                self.note_reading(transaction, now)?;
            }
            self.record_absences(transaction, presence, now)?;
            self.record_directories(transaction, presence, now)?;
            self.record_bridges(transaction, &presence.bridges, now)?;
            self.record_owners(transaction, &presence.owners, now)
        })
    }

    fn note_reading(
        &self,
        transaction: &Transaction<'_>,
        now: Timestamp,
    ) -> Result<(), StateProblem> {
        let Namespace { realm, server_name } = &self.namespace;
        let before = Readings::read(transaction, &self.namespace)?;
        if !before.go_on(now) {
            self.forget_absences(transaction)?;
            let own = own_disables(transaction, &self.namespace)?;
            let unfinished = own
                .iter()
                .filter(|(_, own)| own.progress != Progress::Done)
                .map(|(user_id, _)| user_id);
            self.settle(transaction, unfinished, now)?;
        }
        let pause = before.last.map(|last| now.as_millis().saturating_sub(last).max(0));
        transaction.execute(
            "INSERT INTO readings (realm, server_name, last, pause) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET last = excluded.last, pause = excluded.pause",
            params![realm, server_name.as_str(), now.as_millis(), pause],
        )?;
        Ok(())
    }

    fn forget_absences(&self, transaction: &Transaction<'_>) -> Result<(), StateProblem> {
        let Namespace { realm, server_name } = &self.namespace;
        for times in Times::ALL {
            transaction.execute(times.end_all(), params![realm, server_name.as_str()])?;
        }
        Ok(())
    }

    fn record_absences(
        &self,
        transaction: &Transaction<'_>,
        presence: &Presence<'_>,
        now: Timestamp,
    ) -> Result<(), StateProblem> {
        let Namespace { realm, server_name } = &self.namespace;
        let scope = (&**realm, server_name.as_str());
        note_times(
            transaction,
            scope,
            Times::Absences,
            (&*presence.absent, &*presence.present),
            presence.latest.max(now),
        )?;
        let locks = (&*presence.locked, &*presence.not_locked);
        note_times(transaction, scope, Times::Locks, locks, presence.latest)?;
        self.record_shown(transaction, &presence.shown, now)?;
        self.settle(transaction, presence.settled.iter().copied(), now)
    }

    /// Records that what was requested before, and not confirmed at that time, is to be seen.
    fn record_shown(
        &self,
        transaction: &Transaction<'_>,
        accounts: &[&UserId],
        now: Timestamp,
    ) -> Result<(), StateProblem> {
        let Namespace { realm, server_name } = &self.namespace;
        let mut update = transaction.prepare(
            "UPDATE actions SET shown = ?4
             WHERE user_id = ?3 AND begun IS NOT NULL AND failure IS NULL AND shown IS NULL
                AND outcome IS NOT ?5 AND action IN (?6, ?7)
                AND run IN (SELECT id FROM runs WHERE realm = ?1 AND server_name = ?2)",
        )?;
        for user_id in accounts {
            update.execute(params![
                realm,
                server_name.as_str(),
                user_id.text(),
                now.as_millis(),
                OutcomeKind::Done.word(),
                ActionKind::Disable.word(),
                ActionKind::Deactivate.word()
            ])?;
        }
        Ok(())
    }

    /// Records that what this program did to accounts before no longer counts.
    fn settle<'u>(
        &self,
        transaction: &Transaction<'_>,
        accounts: impl Iterator<Item = &'u UserId>,
        now: Timestamp,
    ) -> Result<(), StateProblem> {
        let Namespace { realm, server_name } = &self.namespace;
        let mut settled = transaction
            // A clock may jump; the numbers of runs do not.
            .prepare(
                "INSERT OR REPLACE INTO settled (realm, server_name, user_id, seen, run)
                 VALUES (?1, ?2, ?3, ?4, (SELECT coalesce(max(id), 0) FROM runs))",
            )?;
        for user_id in accounts {
            settled.execute(params![
                realm,
                server_name.as_str(),
                user_id.text(),
                now.as_millis()
            ])?;
        }
        Ok(())
    }

    fn record_directories(
        &self,
        transaction: &Transaction<'_>,
        presence: &Presence<'_>,
        now: Timestamp,
    ) -> Result<(), StateProblem> {
        let Namespace { realm, server_name } = &self.namespace;
        let mut insert = transaction.prepare(
            "INSERT INTO directories (realm, server_name, provider, alive_seen) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET alive_seen = coalesce(excluded.alive_seen, alive_seen)",
        )?;
        let alive = presence.directories.iter().map(|provider| (provider, Some(now.as_millis())));
        let silent = presence.directories_seen.iter().map(|provider| (provider, None));
        for (provider, alive_seen) in alive.chain(silent) {
            insert.execute(params![realm, server_name.as_str(), provider, alive_seen])?;
        }
        Ok(())
    }

    fn record_bridges(
        &self,
        transaction: &Transaction<'_>,
        bridges: &[&UserId],
        now: Timestamp,
    ) -> Result<(), StateProblem> {
        let Namespace { realm, server_name } = &self.namespace;
        transaction.execute(
            "DELETE FROM bridges WHERE realm = ?1 AND server_name = ?2 AND seen <= ?3",
            params![realm, server_name.as_str(), now.before(BRIDGE_FOR).as_millis()],
        )?;
        let mut insert = transaction
            .prepare("INSERT OR REPLACE INTO bridges (realm, server_name, user_id, seen) VALUES (?1, ?2, ?3, ?4)")?;
        for user_id in bridges {
            insert.execute(params![
                realm,
                server_name.as_str(),
                user_id.text(),
                now.as_millis()
            ])?;
        }
        Ok(())
    }
}

/// Records for which accounts something has begun, if it had not before, and for which it has
/// ended.
fn note_times(
    transaction: &Transaction<'_>,
    (realm, server_name): (&str, &str),
    times: Times,
    (begun, ended): (&[&UserId], &[&UserId]),
    now: Timestamp,
) -> Result<(), StateProblem> {
    let millis = now.as_millis();
    // The clock was wrong at that time.
    transaction.execute(times.not_in_the_future(), params![realm, server_name, millis])?;
    let mut insert = transaction.prepare(times.begin())?;
    for user_id in begun {
        insert.execute(params![realm, server_name, user_id.text(), millis])?;
    }
    let mut delete = transaction.prepare(times.end())?;
    for user_id in ended {
        delete.execute(params![realm, server_name, user_id.text()])?;
    }
    Ok(())
}
