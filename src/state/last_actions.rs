//! Finds the last action on each account, for a report: one account at a time, because there may be
//! millions.

use std::sync::MutexGuard;

use rusqlite::{Connection, OptionalExtension as _, Statement, params};

use super::columns::{word, word_if_any};
use super::error::StateProblem;
use super::runs::RunId;
use super::{Namespace, RecordedOutcome, State, StateError};
use crate::model::{Timestamp, UserId};
use crate::plan::{ActionKind, OutcomeKind};

/// The last action that was tried on an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastAction {
    pub action: ActionKind,
    /// When it ended, or began if its run was killed.
    pub at: Timestamp,
    pub outcome: RecordedOutcome,
    pub run: RunId,
}

/// The history, which no one else uses meanwhile.
#[derive(Debug)]
pub struct LastActions<'s> {
    state: &'s State,
    connection: MutexGuard<'s, Connection>,
}

/// A query that is prepared once.
#[derive(Debug)]
pub struct LastActionQuery<'a> {
    state: &'a State,
    statement: Statement<'a>,
}

impl State {
    /// Returns the history, to ask for the last actions on many accounts.
    #[must_use]
    pub fn last_actions(&self) -> LastActions<'_> {
        LastActions { state: self, connection: self.lock() }
    }
}

impl LastActions<'_> {
    /// Prepares the query.
    pub fn query(&self) -> Result<LastActionQuery<'_>, StateError> {
        let statement = self.connection.prepare(
            "SELECT action, outcome, begun, actions.ended, run FROM actions JOIN runs ON id = run
             WHERE user_id = ?1 AND realm = ?2 AND server_name = ?3 AND begun IS NOT NULL
             ORDER BY run DESC, number DESC LIMIT 1",
        );
        match statement {
            Ok(statement) => Ok(LastActionQuery { state: self.state, statement }),
            Err(error) => Err(self.state.error(error.into())),
        }
    }
}

impl LastActionQuery<'_> {
    /// Returns the last action that was tried on an account.
    pub fn of(&mut self, user_id: &UserId) -> Result<Option<LastAction>, StateError> {
        let Namespace { realm, server_name } = &self.state.namespace;
        let mut read = || {
            let wanted = params![user_id.text(), realm, server_name.as_str()];
            let row = |row: &rusqlite::Row<'_>| Ok(last_action(row));
            self.statement.query_row(wanted, row).optional()?.transpose()
        };
        read().map_err(|problem: StateProblem| self.state.error(problem))
    }
}

fn last_action(row: &rusqlite::Row<'_>) -> Result<LastAction, StateProblem> {
    let ended: Option<i64> = row.get(3)?;
    Ok(LastAction {
        action: word(row, 0)?,
        at: Timestamp::from_millis(ended.map_or_else(|| row.get(2), Ok)?),
        outcome: word_if_any::<OutcomeKind>(row, 1)?
            .map_or(RecordedOutcome::Interrupted, RecordedOutcome::Known),
        run: RunId::from_number(row.get(4)?),
    })
}
