//! Records a run while it goes on.

use std::fmt;

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;
use serde_json::Value;
use strum::{IntoStaticStr, VariantArray};

use super::columns::{from_json, json};
use super::{Namespace, State, StateError, StateProblem};
use crate::model::{AccountState, MasUserId, Timestamp, Word};
use crate::plan::{
    Action, Digest, FailureKind, Left, NotRechecked, Outcome, Plan, Refusal, RunCommand, RunResult,
    Skip,
};

/// A failure that has changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(super) enum HarmlessFailure {
    /// MAS has no such user.
    UserNotFound,
    /// Any other.
    Untouched,
    /// It was not tried, because a server was given up when its account was to be
    /// rechecked.
    NotRechecked,
}

/// The number of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RunId(i64);

impl RunId {
    /// Creates the ID of a run from its number.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        Self(number)
    }

    /// Returns the number, which `history` prints and `undo` takes.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What is known about a run before its first action.
#[derive(Debug)]
pub struct Beginning<'b> {
    pub command: RunCommand,
    pub plan: &'b Plan,
    /// The plan as it was printed.
    pub document: &'b str,
    pub undoes: Option<RunId>,
}

impl State {
    /// Records the start of a run, with every action that it plans.
    pub fn begin_run(&self, beginning: &Beginning<'_>) -> Result<RunId, StateError> {
        let Beginning { command, plan, document, undoes } = beginning;
        self.transaction(|transaction| {
            transaction.execute(
                "INSERT INTO runs (command, started, server_name, realm, writer, disable, digest, plan, undoes)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    command.word(),
                    Timestamp::now().as_millis(),
                    self.namespace.server_name.as_str(),
                    self.namespace.realm,
                    plan.writer.word(),
                    plan.disable.word(),
                    plan.digest().to_string(),
                    document,
                    undoes.map(RunId::number),
                ],
            )?;
            let run = RunId::from_number(transaction.last_insert_rowid());
            let mut insert = transaction.prepare(
                "INSERT INTO actions (run, number, action, user_id, mas_id, reason, evidence, before, failure)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?;
            for (number, action) in (0_i64..).zip(&plan.actions) {
                insert.execute(params![
                    run.number(),
                    number,
                    action.kind.word(),
                    action.user_id.text(),
                    action.mas_id.as_ref().map(MasUserId::text),
                    action.reason.word(),
                    action.evidence.as_ref().map(json),
                    json(&action.before),
                    not_rechecked(action).map(Word::word),
                ])?;
            }
            Ok(run)
        })
    }

    /// Records that an action is about to be tried.
    pub fn begin_action(&self, run: RunId, number: usize) -> Result<(), StateError> {
        self.transaction(|transaction| {
            let now = Timestamp::now().as_millis();
            transaction
                .execute(
                    "UPDATE actions SET begun = ?3 WHERE run = ?1 AND number = ?2",
                    params![run.number(), place(number), now],
                )
                .map(drop)
                .map_err(StateProblem::from)
        })
    }

    /// Records the outcome of an action so far, and the account's state if it is known.
    pub fn end_action(
        &self,
        run: RunId,
        number: usize,
        outcome: &Outcome,
        after: Option<AccountState>,
    ) -> Result<(), StateError> {
        self.transaction(|transaction| {
            transaction
                .execute(
                    "UPDATE actions SET ended = ?3, outcome = ?4, error = ?5, after = coalesce(?6, after), failure = coalesce(?7, failure)
                     WHERE run = ?1 AND number = ?2",
                    params![
                        run.number(),
                        place(number),
                        Timestamp::now().as_millis(),
                        outcome.kind().word(),
                        outcome.error(),
                        after.as_ref().map(json),
                        harmless_failure(outcome).map(Word::word),
                    ],
                )
                .map(drop)
                .map_err(StateProblem::from)
        })
    }

    /// Counts a refusal that repeats the last run of this scope: the same command and plan, refused
    /// for the same reasons. Returns whether it does.
    pub fn refuse_again(
        &self,
        command: RunCommand,
        digest: &Digest,
        refusals: &[Refusal],
    ) -> Result<bool, StateError> {
        let Namespace { realm, server_name } = &self.namespace;
        self.transaction(|transaction| {
            let last: Option<(i64, String)> = transaction
                .query_row(
                    "SELECT id, plan FROM runs
                     WHERE id = (SELECT max(id) FROM runs WHERE realm = ?1 AND server_name = ?2)
                        AND result = ?5 AND command = ?3 AND digest = ?4",
                    params![
                        realm,
                        server_name.as_str(),
                        command.word(),
                        digest.to_string(),
                        RunResult::Refused.word(),
                    ],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let Some((run, plan)) = last else { return Ok(false) };
            if !is_refused_for(&from_json(&plan)?, refusals) {
                return Ok(false);
            }
            transaction.execute(
                "UPDATE runs SET repeats = repeats + 1, ended = ?2 WHERE id = ?1",
                params![run, Timestamp::now().as_millis()],
            )?;
            Ok(true)
        })
    }

    /// Deletes the runs of this scope that ended before a time, with their actions. The newest run
    /// stays, so that no number is used twice, and so do those of accounts whose lock has a second
    /// stage to come.
    pub fn forget_runs(&self, before: Timestamp) -> Result<(), StateError> {
        let Namespace { realm, server_name } = &self.namespace;
        self.transaction(|transaction| {
            let mut old = transaction.prepare(
                "SELECT id FROM runs WHERE realm = ?1 AND server_name = ?2 AND coalesce(ended, started) < ?3
                    AND id < (SELECT max(id) FROM runs)
                    AND id NOT IN (SELECT run FROM actions JOIN locks USING (user_id)
                        WHERE realm = ?1 AND server_name = ?2)",
            )?;
            let runs = old.query_map(params![realm, server_name.as_str(), before.as_millis()], |row| row.get(0))?;
            for run in runs.collect::<Result<Vec<i64>, _>>()? {
                transaction.execute("UPDATE runs SET undoes = NULL WHERE undoes = ?1", params![run])?;
                transaction.execute("DELETE FROM rooms WHERE run = ?1", params![run])?;
                transaction.execute("DELETE FROM actions WHERE run = ?1", params![run])?;
                transaction.execute("DELETE FROM runs WHERE id = ?1", params![run])?;
            }
            Ok(())
        })
    }

    /// Records the end of a run.
    pub fn end_run(&self, run: RunId, result: RunResult) -> Result<(), StateError> {
        self.transaction(|transaction| {
            let now = Timestamp::now().as_millis();
            transaction
                .execute(
                    "UPDATE runs SET ended = ?2, result = ?3 WHERE id = ?1",
                    params![run.number(), now, result.word()],
                )
                .map(drop)
                .map_err(StateProblem::from)
        })
    }
}

/// Returns whether a recorded plan was refused for these reasons. Their numbers may have changed:
/// the digest is not about accounts that stay as they are. Of approvals, each is a reason of its own.
fn is_refused_for(plan: &Value, refusals: &[Refusal]) -> bool {
    let kinds: Vec<_> = refusals.iter().map(|refusal| refusal.kind().word()).collect();
    let is_about_approvals =
        refusals.iter().any(|refusal| matches!(refusal, Refusal::OtherDigest { .. }));
    let texts: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    plan["refused_by"] == serde_json::json!(kinds)
        && (!is_about_approvals || plan["refused"] == serde_json::json!(texts))
}

/// Returns how an action failed if that has changed nothing.
fn not_rechecked(action: &Action) -> Option<HarmlessFailure> {
    let is_given_up = matches!(action.skipped, Some(Skip::NotSeen(NotRechecked::ServerGivenUp)));
    is_given_up.then_some(HarmlessFailure::NotRechecked)
}

fn harmless_failure(outcome: &Outcome) -> Option<HarmlessFailure> {
    match outcome {
        Outcome::Failed { kind: FailureKind::UserNotFound, .. } => {
            Some(HarmlessFailure::UserNotFound)
        }
        Outcome::Failed { left: Left::Untouched, .. } => Some(HarmlessFailure::Untouched),
        _ => None,
    }
}

/// Returns a place in a list, such as that of an action in its plan, as a column.
pub(super) fn place(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
