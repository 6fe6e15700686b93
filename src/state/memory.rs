//! What of the past the plan depends on.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::params;

use super::error::StateProblem;
use super::rows::from_word;
use super::{State, StateError};
use crate::model::{Moment, UserId};
use crate::plan::{ActionKind, DisableMode};
use crate::planner::{Memory, OwnAction, Recall};

/// How long a change may take until the homeserver shows it, in milliseconds; MAS's worker may be behind.
const UNTIL_SHOWN: i64 = 10 * 60 * 1000;

impl State {
    /// Everything that a plan has to know.
    pub fn memory(&self, realm: &str) -> Result<Memory, StateError> {
        let read = || {
            Ok(Memory {
                recall: Recall::On,
                absent_since: self.absences()?,
                own: self.own_actions()?,
                directories: self.directories(realm)?,
            })
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }

    /// Whatever a command has begun to do for this realm since then, to whom and when.
    pub fn done_since(
        &self,
        command: &str,
        realm: &str,
        since: Moment,
    ) -> Result<Vec<(UserId, ActionKind, Moment)>, StateError> {
        let connection = self.lock();
        let read = || {
            let mut statement = connection.prepare(
                "SELECT user_id, action, begun FROM actions JOIN runs ON id = run
                 WHERE command = ?1 AND realm = ?2 AND begun >= ?3",
            )?;
            let mut rows = statement.query(params![command, realm, since.as_millis()])?;
            let mut done = Vec::new();
            while let Some(row) = rows.next()? {
                let (user_id, kind) = (row.get::<_, String>(0)?, row.get::<_, String>(1)?);
                done.push((from_word(&user_id)?, from_word(&kind)?, Moment::from_millis(row.get(2)?)));
            }
            Ok(done)
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }

    fn absences(&self) -> Result<BTreeMap<UserId, Moment>, StateProblem> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT user_id, since FROM absences")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
        rows.map(|row| {
            let (user_id, since) = row?;
            Ok((from_word(&user_id)?, Moment::from_millis(since)))
        })
        .collect()
    }

    /// The last thing that was tried with each account. What was done before the account was seen active is over: whoever
    /// is locked or deactivated after that was it by somebody else. Synapse may show a change only after a while.
    fn own_actions(&self) -> Result<BTreeMap<UserId, OwnAction>, StateProblem> {
        let connection = self.lock();
        let mut statement = connection.prepare(
            "SELECT user_id, action, disable, outcome FROM actions JOIN runs ON id = run LEFT JOIN settled USING (user_id)
             WHERE begun IS NOT NULL AND (seen IS NULL OR begun > seen - ?1) ORDER BY run, number",
        )?;
        let mut rows = statement.query(params![UNTIL_SHOWN])?;
        let mut own = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let user_id: UserId = from_word(&row.get::<_, String>(0)?)?;
            let kind: ActionKind = from_word(&row.get::<_, String>(1)?)?;
            let mode: DisableMode = from_word(&row.get::<_, String>(2)?)?;
            let is_done = row.get::<_, Option<String>>(3)?.as_deref() == Some("done");
            own.insert(user_id, OwnAction { kind, mode, is_done, at: Moment::default() });
        }
        Ok(own)
    }

    fn directories(&self, realm: &str) -> Result<BTreeSet<Box<str>>, StateProblem> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT provider FROM directories WHERE realm = ?1")?;
        let rows = statement.query_map(params![realm], |row| row.get::<_, String>(0))?;
        rows.map(|row| Ok(row?.into())).collect()
    }
}
