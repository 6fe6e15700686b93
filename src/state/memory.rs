//! What of the past the plan depends on.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};

use super::error::StateProblem;
use super::readings::{Age, Readings};
use super::rows::from_word;
use super::{Scope, State, StateError};
use crate::model::{Moment, UserId};
use crate::plan::{ActionKind, DisableMode};
use crate::planner::{AccountIndex, Facts, Memory, OwnAction};

/// How long a change may take until the homeserver shows it, in milliseconds; MAS's worker may be
/// behind.
pub(super) const UNTIL_SHOWN: i64 = 10 * 60 * 1000;

impl State {
    /// Returns everything that a plan made now has to know, except the owners.
    pub fn memory(&self, now: Moment) -> Result<Memory, StateError> {
        let connection = self.lock();
        let read = || {
            let goes_on = Readings::of(&connection, &self.scope)?.go_on(now);
            let mut memory = Memory { directories: directories(&connection, &self.scope)?, ..Memory::default() };
            if self.age == Age::AsExpected {
                memory.own = own_actions(&connection, &self.scope)?;
                if goes_on {
                    memory.absent_since = absences(&connection, &self.scope, now)?;
                } else {
                    memory.own.retain(|_, own| own.is_done);
                }
            }
            Ok(memory)
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }

    /// Attaches everything that is remembered to a complete reading.
    pub fn recall(&self, facts: &mut Facts) -> Result<(), StateError> {
        facts.memory = self.memory(facts.now)?;
        let index = AccountIndex::new(facts);
        self.owners(|localpart, owner| index.remember(facts, localpart, owner))
    }

    /// Returns what a command has begun to do since then, to which account and when.
    pub fn done_since(&self, command: &str, since: Moment) -> Result<Vec<(UserId, ActionKind, Moment)>, StateError> {
        let connection = self.lock();
        let Scope { realm, server_name } = &self.scope;
        let read = || {
            let mut statement = connection.prepare(
                "SELECT user_id, action, begun FROM actions JOIN runs ON id = run
                 WHERE realm = ?1 AND server_name = ?2 AND command = ?3 AND begun >= ?4",
            )?;
            let mut rows = statement.query(params![realm, server_name.as_str(), command, since.as_millis()])?;
            let mut done = Vec::new();
            while let Some(row) = rows.next()? {
                let (user_id, kind) = (row.get::<_, String>(0)?, row.get::<_, String>(1)?);
                done.push((from_word(&user_id)?, from_word(&kind)?, Moment::from_millis(row.get(2)?)));
            }
            Ok(done)
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }
}

/// Returns since when accounts are absent. A time in the future counts as now.
fn absences(connection: &Connection, scope: &Scope, now: Moment) -> Result<BTreeMap<UserId, Moment>, StateProblem> {
    let mut statement =
        connection.prepare("SELECT user_id, since FROM absences WHERE realm = ?1 AND server_name = ?2")?;
    let mut rows = statement.query(params![scope.realm, scope.server_name.as_str()])?;
    let mut absent = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let since = Moment::from_millis(row.get(1)?).min(now);
        absent.insert(from_word(&row.get::<_, String>(0)?)?, since);
    }
    Ok(absent)
}

/// Returns the last thing that was tried with each account. What was done before the account was
/// seen active is over: if it is locked or deactivated after that, it was by hand. Synapse may show
/// a change only after a while.
pub(super) fn own_actions(connection: &Connection, scope: &Scope) -> Result<BTreeMap<UserId, OwnAction>, StateProblem> {
    let mut statement = connection.prepare(
        "SELECT user_id, action, disable, outcome, begun FROM actions JOIN runs ON id = run
         LEFT JOIN settled USING (realm, server_name, user_id)
         WHERE realm = ?1 AND server_name = ?2 AND begun IS NOT NULL AND (seen IS NULL OR begun > seen - ?3)
         ORDER BY run, number",
    )?;
    let mut rows = statement.query(params![scope.realm, scope.server_name.as_str(), UNTIL_SHOWN])?;
    let mut own: BTreeMap<UserId, OwnAction> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let user_id: UserId = from_word(&row.get::<_, String>(0)?)?;
        let kind: ActionKind = from_word(&row.get::<_, String>(1)?)?;
        let mode: DisableMode = from_word(&row.get::<_, String>(2)?)?;
        let is_done = row.get::<_, Option<String>>(3)?.as_deref() == Some("done");
        let begun = Moment::from_millis(row.get(4)?);
        let again = own.get(&user_id).filter(|before| before.kind == kind && kind == ActionKind::Disable);
        let at = again.map_or(begun, |before| before.at);
        own.insert(user_id, OwnAction { kind, mode, is_done, at });
    }
    Ok(own)
}

/// Returns every directory that was ever seen; those of version 0.1 for each homeserver.
fn directories(connection: &Connection, scope: &Scope) -> Result<BTreeSet<Box<str>>, StateProblem> {
    let mut statement =
        connection.prepare("SELECT provider FROM directories WHERE realm = ?1 AND server_name IN (?2, '')")?;
    let rows = statement.query_map(params![scope.realm, scope.server_name.as_str()], |row| row.get::<_, String>(0))?;
    rows.map(|row| Ok(row?.into())).collect()
}
