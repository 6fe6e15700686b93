//! Reads runs and their actions, for `history`, `undo` and `explain`.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension as _, Row, params};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::columns::{from_json, user_id, word, word_if_any};
use super::error::StateProblem;
use super::runs::{HarmlessFailure, RunId};
use super::{Namespace, State, StateError};
use crate::model::{AccountState, Localpart, Room, ServerText, Timestamp, UserId, Word as _};
use crate::plan::{
    ActionKind, ApprovedDigest, DisableMode, OutcomeKind, Reason, RunCommand, RunResult,
    SavedAction, SavedPlan, WriterKind,
};
use crate::planner::{Progress, Since, Undone};

/// A run, with the counts of its outcomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// The number that `history` and `undo` take.
    pub run: RunId,
    pub command: RunCommand,
    /// When the plan was complete.
    pub started: Timestamp,
    /// When the last action ended; missing if the run was killed.
    pub ended: Option<Timestamp>,
    pub writer: WriterKind,
    pub disable: DisableMode,
    pub digest: String,
    /// How it ended; missing if the run was killed.
    pub result: Option<RunResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<RunId>,
    /// How often the same plan was refused again; the last time is when it ended.
    #[serde(skip_serializing_if = "is_zero")]
    pub repeats: u32,
    pub activated: u32,
    pub disabled: u32,
    /// New accounts.
    #[serde(skip_serializing_if = "is_zero")]
    pub created: u32,
    /// Second stages.
    #[serde(skip_serializing_if = "is_zero")]
    pub deactivated: u32,
    /// Users who became administrators in MAS, or are none any more.
    #[serde(skip_serializing_if = "is_zero")]
    pub admin_changes: u32,
    /// Actions that were planned and not done.
    pub not_done: u32,
}

/// An action of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActionRow {
    pub action: ActionKind,
    pub user_id: UserId,
    pub reason: Reason,
    /// What the second look found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Value>,
    pub before: AccountState,
    /// The account afterwards, if it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<AccountState>,
    /// When it started; missing if it was not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begun: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    pub outcome: RecordedOutcome,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ServerText>,
    /// The rooms that its account was in before it was deactivated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<Room>,
    /// Whether it was refused before its first change.
    #[serde(skip)]
    pub is_untouched: bool,
}

/// What became of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedOutcome {
    Known(OutcomeKind),
    /// The run was killed meanwhile.
    Interrupted,
}

/// The word for a run or an action whose end was not recorded.
pub const INTERRUPTED: &str = "interrupted";

impl RecordedOutcome {
    fn known(self) -> Option<OutcomeKind> {
        match self {
            Self::Known(kind) => Some(kind),
            Self::Interrupted => None,
        }
    }

    /// Returns the outcome in one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Known(kind) => kind.word(),
            Self::Interrupted => INTERRUPTED,
        }
    }
}

impl Serialize for RecordedOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Which runs are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only runs with an action on this account, without regard to case.
    pub user_id: Option<UserId>,
    pub since: Option<Timestamp>,
    /// Only the newest.
    pub limit: Option<usize>,
}

impl State {
    /// Returns the runs of this scope that pass the filter, the newest first.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>, StateError> {
        self.read_runs(None, filter)
    }

    /// Returns one run and its actions in order, or `None` if this scope has no such run.
    pub fn run(&self, run: RunId) -> Result<Option<(RunRow, Vec<ActionRow>)>, StateError> {
        let Some(row) = self.read_runs(Some(run), &RunFilter::default())?.pop() else {
            return Ok(None);
        };
        let mut actions = self.actions(run)?;
        for (number, rooms) in self.rooms(run)? {
            if let Some(action) = actions.get_mut(number) {
                action.rooms = rooms;
            }
        }
        Ok(Some((row, actions)))
    }

    /// Returns why the plan of a run was refused, if it was.
    pub fn refused_because(&self, run: RunId) -> Result<Vec<ServerText>, StateError> {
        let connection = self.lock();
        let read = || {
            let plan: String = connection.query_row(
                "SELECT plan FROM runs WHERE id = ?1",
                params![run.number()],
                |row| row.get(0),
            )?;
            let plan: Value = from_json(&plan)?;
            let refused = plan["refused"].as_array().into_iter().flatten();
            Ok(refused.filter_map(Value::as_str).map(ServerText::from).collect())
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }

    /// Returns what the newest recorded plan with this digest was to change, if there is one.
    pub fn approved(
        &self,
        digest: &ApprovedDigest,
    ) -> Result<Option<BTreeSet<(ActionKind, Localpart)>>, StateError> {
        let Namespace { realm, server_name } = &self.namespace;
        let (digest, connection) = (digest.to_string(), self.lock());
        let read = || {
            let plan: Option<String> = connection
                .query_row(
                    "SELECT plan FROM runs WHERE realm = ?1 AND server_name = ?2
                        AND substr(digest, 1, length(?3)) = ?3 ORDER BY id DESC LIMIT 1",
                    params![realm, server_name.as_str(), digest],
                    |row| row.get(0),
                )
                .optional()?;
            let Some(plan) = plan else { return Ok(None) };
            let saved: SavedPlan = from_json(&plan)?;
            let is_meant = |action: &SavedAction| action.needs_approval || action.outcome.is_none();
            let actions = saved.actions.into_iter().filter(is_meant);
            Ok(Some(actions.map(|action| (action.action, action.localpart)).collect()))
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }

    fn actions(&self, run: RunId) -> Result<Vec<ActionRow>, StateError> {
        let connection = self.lock();
        let read = || {
            let mut statement = connection.prepare(
                "SELECT action, user_id, reason, evidence, before, after, begun, ended, outcome, error, failure
                 FROM actions WHERE run = ?1 ORDER BY number",
            )?;
            let rows = statement.query_map(params![run.number()], |row| Ok(action(row)))?;
            rows.map(|row| row?).collect::<Result<Vec<_>, StateProblem>>()
        };
        read().map_err(|problem| self.error(problem))
    }

    /// Returns what a run did, for `undo`, or `None` if this scope has no such run. A disable
    /// counts once it was started: activating such an account does no harm, and is skipped if there
    /// is no need. An activation counts only if it was done.
    pub fn done_by(&self, run: RunId) -> Result<Option<Vec<Undone>>, StateError> {
        let Some((row, actions)) = self.run(run)? else { return Ok(None) };
        let counts = |action: &ActionRow| match action.action {
            ActionKind::Disable | ActionKind::Deactivate => {
                action.begun.is_some() && !action.is_untouched
            }
            ActionKind::Activate
            | ActionKind::Create
            | ActionKind::GrantAdmin
            | ActionKind::RevokeAdmin => {
                matches!(
                    action.outcome,
                    RecordedOutcome::Known(OutcomeKind::Done | OutcomeKind::Scheduled)
                )
            }
        };
        let since = self.since(run)?;
        let undone = actions.into_iter().filter(counts).map(|action| Undone {
            kind: action.action,
            since: since.get(&action.user_id).copied(),
            mode: match action.action {
                ActionKind::Deactivate => DisableMode::Deactivate,
                _ => row.disable,
            },
            // A run that was killed has changed the account right after it began.
            ended: action.ended.or(action.begun),
            progress: Progress::reached(action.outcome.known()),
            user_id: action.user_id,
        });
        Ok(Some(undone.collect()))
    }

    /// Returns what has happened to the accounts of a run since it changed them.
    fn since(&self, run: RunId) -> Result<BTreeMap<UserId, Since>, StateError> {
        let connection = self.lock();
        let read = || {
            let mut statement = connection.prepare(
                "SELECT done.user_id, coalesce(done.run <= settled.run, done.begun < seen),
                    (SELECT max(later.run) FROM actions AS later JOIN runs ON id = later.run
                     WHERE later.user_id = done.user_id AND later.run > done.run AND later.begun IS NOT NULL
                        AND later.failure IS NULL AND runs.realm = ?2 AND runs.server_name = ?3)
                 FROM actions AS done LEFT JOIN settled
                    ON settled.user_id = done.user_id AND settled.realm = ?2 AND settled.server_name = ?3
                 WHERE done.run = ?1",
            )?;
            let Namespace { realm, server_name } = &self.namespace;
            let mut rows = statement.query(params![run.number(), realm, server_name.as_str()])?;
            let mut since = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let user_id = user_id(row, 0)?;
                let seen_active = row.get::<_, Option<bool>>(1)? == Some(true);
                match row.get::<_, Option<i64>>(2)? {
                    Some(later) => drop(since.insert(user_id, Since::Run(later))),
                    None if seen_active => drop(since.insert(user_id, Since::SeenActive)),
                    None => {}
                }
            }
            Ok(since)
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }

    /// Returns every action on an account, without regard to case, the newest first, each with its run.
    /// Those that were not tried have no beginning.
    pub fn actions_of(&self, user_id: &UserId) -> Result<Vec<(RunId, ActionRow)>, StateError> {
        let connection = self.lock();
        let read = || {
            let mut statement = connection.prepare(
                "SELECT action, user_id, reason, evidence, before, after, begun, actions.ended, outcome, error, failure,
                    run
                 FROM actions JOIN runs ON id = run
                 WHERE realm = ?1 AND server_name = ?2 AND user_id = ?3 COLLATE NOCASE
                 ORDER BY run DESC, number DESC",
            )?;
            let Namespace { realm, server_name } = &self.namespace;
            let of_user = params![realm, server_name.as_str(), user_id.text()];
            let rows = statement
                .query_map(of_user, |row| Ok((RunId::from_number(row.get(11)?), action(row))))?;
            rows.map(|row| {
                let (run, action) = row?;
                Ok((run, action?))
            })
            .collect::<Result<Vec<_>, StateProblem>>()
        };
        read().map_err(|problem| self.error(problem))
    }

    fn read_runs(
        &self,
        only: Option<RunId>,
        filter: &RunFilter,
    ) -> Result<Vec<RunRow>, StateError> {
        let connection = self.lock();
        let read = || {
            let mut statement = connection.prepare(
                "SELECT id, command, started, ended, writer, disable, digest, result, undoes,
                    (SELECT count(*) FROM actions WHERE run = id AND action = ?4 AND outcome = ?6),
                    (SELECT count(*) FROM actions WHERE run = id AND action = ?5 AND outcome = ?6),
                    (SELECT count(*) FROM actions WHERE run = id AND outcome IS NOT ?6), repeats,
                    (SELECT count(*) FROM actions WHERE run = id AND action = ?7 AND outcome = ?6),
                    (SELECT count(*) FROM actions WHERE run = id AND action = ?8 AND outcome = ?6),
                    (SELECT count(*) FROM actions WHERE run = id AND action IN (?12, ?13) AND outcome = ?6)
                 FROM runs WHERE realm = ?1 AND server_name = ?2 AND (?3 IS NULL OR id = ?3)
                    AND (?9 IS NULL OR EXISTS (SELECT 1 FROM actions WHERE run = id AND user_id = ?9 COLLATE NOCASE))
                    AND (?10 IS NULL OR coalesce(ended, started) >= ?10)
                 ORDER BY id DESC LIMIT ?11",
            )?;
            let Namespace { realm, server_name } = &self.namespace;
            let wanted = params![
                realm,
                server_name.as_str(),
                only.map(RunId::number),
                ActionKind::Activate.word(),
                ActionKind::Disable.word(),
                OutcomeKind::Done.word(),
                ActionKind::Deactivate.word(),
                ActionKind::Create.word(),
                filter.user_id.as_ref().map(|user_id| user_id.text().clone()),
                filter.since.map(Timestamp::as_millis),
                filter.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX)),
                ActionKind::GrantAdmin.word(),
                ActionKind::RevokeAdmin.word(),
            ];
            let rows = statement.query_map(wanted, |row| Ok(run(row)))?;
            rows.map(|row| row?).collect::<Result<Vec<_>, StateProblem>>()
        };
        read().map_err(|problem| self.error(problem))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn run(row: &Row<'_>) -> Result<RunRow, StateProblem> {
    Ok(RunRow {
        run: RunId::from_number(row.get(0)?),
        command: word(row, 1)?,
        started: Timestamp::from_millis(row.get(2)?),
        ended: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_millis),
        writer: word(row, 4)?,
        disable: word(row, 5)?,
        digest: row.get(6)?,
        result: word_if_any(row, 7)?,
        undoes: row.get::<_, Option<i64>>(8)?.map(RunId::from_number),
        activated: row.get(9)?,
        disabled: row.get(10)?,
        not_done: row.get(11)?,
        repeats: row.get(12)?,
        deactivated: row.get(13)?,
        created: row.get(14)?,
        admin_changes: row.get(15)?,
    })
}

fn action(row: &Row<'_>) -> Result<ActionRow, StateProblem> {
    let begun: Option<i64> = row.get(6)?;
    let outcome = match (word_if_any(row, 8)?, begun) {
        (Some(kind), _) => RecordedOutcome::Known(kind),
        (None, Some(_)) => RecordedOutcome::Interrupted,
        (None, None) => RecordedOutcome::Known(OutcomeKind::Skipped),
    };
    Ok(ActionRow {
        action: word(row, 0)?,
        user_id: user_id(row, 1)?,
        reason: word(row, 2)?,
        evidence: row.get::<_, Option<String>>(3)?.map(|text| from_json(&text)).transpose()?,
        before: from_json(&row.get::<_, String>(4)?)?,
        after: row.get::<_, Option<String>>(5)?.map(|text| from_json(&text)).transpose()?,
        begun: begun.map(Timestamp::from_millis),
        ended: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_millis),
        outcome,
        error: row.get::<_, Option<String>>(9)?.map(ServerText::from),
        rooms: Vec::new(),
        is_untouched: word_if_any::<HarmlessFailure>(row, 10)?.is_some(),
    })
}
