//! Reads what the plan needs from the past.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rusqlite::{Connection, params};
use serde_json::Value;

use super::columns::{from_json, text, user_id, word, word_if_any};
use super::error::StateProblem;
use super::readings::{Age, Readings};
use super::runs::HarmlessFailure;
use super::times::Times;
use super::{Namespace, State, StateError};
use crate::model::{KeycloakId, Timestamp, UserId, Word as _};
use crate::plan::{ActionKind, DisableMode, OutcomeKind, RunCommand};
use crate::planner::{
    AccountsByLocalpart, BegunCreation, Facts, Memory, OwnDisable, Progress, SecondStage,
};

/// How long an account counts as unknown to MAS.
const NOT_IN_MAS_FOR: Duration = Duration::from_hours(24);
/// How long an account counts as a bridge's before Synapse is asked again.
pub(super) const BRIDGE_FOR: Duration = Duration::from_hours(30 * 24);

impl State {
    /// Returns everything that a plan needs now, except the owners.
    pub fn memory(&self, now: Timestamp) -> Result<Memory, StateError> {
        let connection = self.lock();
        let read = || {
            let goes_on = Readings::read(&connection, &self.namespace)?.go_on(now);
            let mut memory = Memory {
                directories: directories(&connection, &self.namespace)?,
                not_in_mas: not_in_mas(&connection, &self.namespace, now.before(NOT_IN_MAS_FOR))?,
                bridges: bridges(&connection, &self.namespace, now)?,
                creations: creations(&connection, &self.namespace)?,
                revocations: revocations(&connection, &self.namespace)?,
                ..Memory::default()
            };
            if self.age == Age::AsExpected {
                memory.own = own_disables(&connection, &self.namespace)?;
                if goes_on {
                    memory.absent_since =
                        times(&connection, &self.namespace, Times::Absences, now)?;
                    memory.locked_since = times(&connection, &self.namespace, Times::Locks, now)?;
                } else {
                    memory.own.retain(|_, own| own.progress == Progress::Done);
                }
            }
            Ok(memory)
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }

    /// Adds everything that is remembered to a complete reading.
    pub fn recall(&self, facts: &mut Facts) -> Result<(), StateError> {
        facts.memory = self.memory(facts.now)?;
        let index = AccountsByLocalpart::new(facts);
        self.owners(|localpart, owner| index.remember(facts, localpart, owner))?;
        facts.recall_creations();
        Ok(())
    }

    /// Returns the accounts whose last action failed.
    pub fn failed_before(&self) -> Result<BTreeSet<UserId>, StateError> {
        let connection = self.lock();
        let last = last_actions(&connection, &self.namespace, Timestamp::default())
            .map_err(|problem| self.error(problem))?;
        let failed = last.into_iter().filter(|last| last.outcome == Some(OutcomeKind::Failed));
        Ok(failed.map(|last| last.user_id).collect())
    }

    /// Returns the accounts whose last action was skipped, as after a second look that failed.
    /// Accounts that were not rechecked because of others do not count.
    pub fn skipped_before(&self) -> Result<BTreeSet<UserId>, StateError> {
        let connection = self.lock();
        let Namespace { realm, server_name } = &self.namespace;
        let read = || {
            // With max(), SQLite takes the other columns from the same row.
            let mut statement = connection.prepare(
                "SELECT user_id, outcome, begun, max(run) FROM actions JOIN runs ON id = run
                 WHERE realm = ?1 AND server_name = ?2 AND outcome IS NOT NULL
                    AND failure IS NOT ?3 GROUP BY user_id",
            )?;
            let mut rows = statement.query(params![
                realm,
                server_name.as_str(),
                HarmlessFailure::NotRechecked.word()
            ])?;
            let mut skipped = BTreeSet::new();
            while let Some(row) = rows.next()? {
                let outcome: OutcomeKind = word(row, 1)?;
                if outcome == OutcomeKind::Skipped && row.get::<_, Option<i64>>(2)?.is_none() {
                    skipped.insert(user_id(row, 0)?);
                }
            }
            Ok(skipped)
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }

    /// Returns the actions that a command has started since a time, each with its account and time.
    pub fn done_since(
        &self,
        command: RunCommand,
        since: Timestamp,
    ) -> Result<Vec<(UserId, ActionKind, Timestamp)>, StateError> {
        let connection = self.lock();
        let Namespace { realm, server_name } = &self.namespace;
        let read = || {
            let mut statement = connection.prepare(
                "SELECT user_id, action, begun FROM actions JOIN runs ON id = run
                 WHERE realm = ?1 AND server_name = ?2 AND command = ?3 AND begun >= ?4",
            )?;
            let mut rows = statement.query(params![
                realm,
                server_name.as_str(),
                command.word(),
                since.as_millis()
            ])?;
            let mut done = Vec::new();
            while let Some(row) = rows.next()? {
                done.push((user_id(row, 0)?, word(row, 1)?, Timestamp::from_millis(row.get(2)?)));
            }
            Ok(done)
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }
}

/// Returns since when accounts are absent, or locked. A time in the future counts as now.
fn times(
    connection: &Connection,
    namespace: &Namespace,
    times: Times,
    now: Timestamp,
) -> Result<BTreeMap<UserId, Timestamp>, StateProblem> {
    let mut statement = connection.prepare(times.select())?;
    let mut rows = statement.query(params![namespace.realm, namespace.server_name.as_str()])?;
    let mut since_when = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let since = Timestamp::from_millis(row.get(1)?).min(now);
        since_when.insert(user_id(row, 0)?, since);
    }
    Ok(since_when)
}

/// Returns the disables of this program that still hold. One that was refused before its first
/// change does not count. A disable ends once the account was seen active: a later lock or
/// deactivation is by hand. It also ends with an activation, unless that failed or was interrupted,
/// and so may have reversed nothing. One that a later reading has shown is done since then.
pub(super) fn own_disables(
    connection: &Connection,
    namespace: &Namespace,
) -> Result<BTreeMap<UserId, OwnDisable>, StateProblem> {
    let mut statement = connection.prepare(
        "SELECT user_id, action, disable, outcome, begun, actions.ended, shown
         FROM actions JOIN runs ON id = actions.run LEFT JOIN settled USING (realm, server_name, user_id)
         WHERE realm = ?1 AND server_name = ?2 AND begun IS NOT NULL AND failure IS NULL
            AND (seen IS NULL OR coalesce(actions.run > settled.run, begun > seen))
         ORDER BY actions.run, number",
    )?;
    let mut rows = statement.query(params![namespace.realm, namespace.server_name.as_str()])?;
    let mut own: BTreeMap<UserId, OwnDisable> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let user_id = user_id(row, 0)?;
        let kind = word(row, 1)?;
        let mode = word(row, 2)?;
        let begun = Timestamp::from_millis(row.get(4)?);
        let [ended, shown] = [row.get::<_, Option<i64>>(5)?, row.get(6)?]
            .map(|millis| millis.map(Timestamp::from_millis));
        let outcome = word_if_any(row, 3)?;
        let since = |own: &BTreeMap<_, OwnDisable>| own.get(&user_id).map_or(begun, |own| own.at);
        match (kind, outcome) {
            (ActionKind::Disable, _) => {
                let progress = match Progress::reached(outcome) {
                    Progress::Requested if shown.is_some() => Progress::Done,
                    reached => reached,
                };
                let disable = disable(mode, progress, since(&own), (ended.unwrap_or(begun), shown));
                own.insert(user_id, disable);
            }
            (ActionKind::Activate, Some(OutcomeKind::Done | OutcomeKind::Scheduled)) => {
                own.remove(&user_id);
            }
            // The second stage follows a lock of ours. Unless it was seen, the lock still counts,
            // and the stage is tried again.
            (ActionKind::Deactivate, outcome)
                if outcome == Some(OutcomeKind::Done) || shown.is_some() =>
            {
                let (mode, progress) = (DisableMode::Deactivate, Progress::Done);
                let disable = disable(mode, progress, since(&own), (ended.unwrap_or(begun), shown));
                own.insert(user_id, disable);
            }
            (ActionKind::Deactivate, _) => {
                if let Some(lock) = own.get_mut(&user_id) {
                    lock.second_stage = SecondStage::Begun;
                }
            }
            (
                ActionKind::Activate
                | ActionKind::Create
                | ActionKind::GrantAdmin
                | ActionKind::RevokeAdmin,
                _,
            ) => {}
        }
    }
    Ok(own)
}

/// Makes a disable of ours of its end, and of when a later reading has shown it.
fn disable(
    mode: DisableMode,
    progress: Progress,
    at: Timestamp,
    (ended, shown): (Timestamp, Option<Timestamp>),
) -> OwnDisable {
    // MAS locks at once: what a reading shows later may have been locked by hand since.
    let shown = shown.filter(|_| mode == DisableMode::Deactivate);
    OwnDisable {
        mode,
        progress,
        at,
        until: shown.unwrap_or(ended),
        second_stage: SecondStage::NotBegun,
        was_deactivated: shown.is_some(),
    }
}

/// An attempt whose end was not recorded may have lasted this long: the request, and one repetition.
const LONGEST_ATTEMPT: Duration = Duration::from_mins(2);

/// Returns the accounts whose creation was begun, and their users, unless it is known that it was
/// finished, or that nothing was changed.
fn creations(
    connection: &Connection,
    namespace: &Namespace,
) -> Result<BTreeMap<UserId, BegunCreation>, StateProblem> {
    let mut statement = connection.prepare(
        "SELECT user_id, evidence, outcome, begun, actions.ended, mas_id,
            (SELECT later.started FROM runs AS later
             WHERE later.id > run AND later.realm = ?1 AND later.server_name = ?2
             ORDER BY later.id LIMIT 1)
         FROM actions JOIN runs ON id = run
         WHERE realm = ?1 AND server_name = ?2 AND action = ?3 AND begun IS NOT NULL AND failure IS NULL
         ORDER BY run, number",
    )?;
    let kind = ActionKind::Create.word();
    let mut rows =
        statement.query(params![namespace.realm, namespace.server_name.as_str(), kind])?;
    let mut creations: BTreeMap<UserId, BegunCreation> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        if word_if_any(row, 2)? == Some(OutcomeKind::Done) {
            creations.remove(&user_id(row, 0)?);
            continue;
        }
        let evidence: Value = from_json(text(row, 1)?)?;
        let id = evidence.pointer("/keycloak/0/asked/id").and_then(Value::as_str);
        let Some(user) = id.map(KeycloakId::from) else { continue };
        let begun = Timestamp::from_millis(row.get(3)?);
        let [ended, next] = [row.get::<_, Option<i64>>(4)?, row.get::<_, Option<i64>>(6)?]
            .map(|millis| millis.map(Timestamp::from_millis));
        let longest = begun.after(LONGEST_ATTEMPT);
        // The next run holds the lock, so this one had ended.
        let ended = ended.unwrap_or_else(|| next.map_or(longest, |next| next.min(longest)));
        // What was to finish an account has made none.
        let is_to_finish = row.get::<_, Option<String>>(5)?.is_some();
        let attempt = (!is_to_finish).then_some((begun, ended));
        let email = evidence.pointer("/keycloak/0/user/known/user/email").and_then(Value::as_str);
        let before = creations.remove(&user_id(row, 0)?).filter(|before| before.user == user);
        let (mut attempts, mut emails) =
            before.map(|before| (before.attempts, before.emails)).unwrap_or_default();
        attempts.extend(attempt);
        emails.extend(email.map(Box::from));
        creations.insert(user_id(row, 0)?, BegunCreation { user, attempts, emails });
    }
    Ok(creations)
}

/// Returns the accounts whose owners were to lose the right of an administrator, unless it is known
/// that this was finished, or that nothing was changed. A right that was given later ends it.
fn revocations(
    connection: &Connection,
    namespace: &Namespace,
) -> Result<BTreeSet<UserId>, StateProblem> {
    let mut statement = connection.prepare(
        "SELECT user_id, action, outcome FROM actions JOIN runs ON id = run
         WHERE realm = ?1 AND server_name = ?2 AND action IN (?3, ?4) AND begun IS NOT NULL AND failure IS NULL
         ORDER BY run, number",
    )?;
    let (revoke, grant) = (ActionKind::RevokeAdmin.word(), ActionKind::GrantAdmin.word());
    let mut rows =
        statement.query(params![namespace.realm, namespace.server_name.as_str(), revoke, grant])?;
    let mut revocations = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let is_done = word_if_any(row, 2)? == Some(OutcomeKind::Done);
        if word::<ActionKind>(row, 1)? == ActionKind::RevokeAdmin && !is_done {
            revocations.insert(user_id(row, 0)?);
        } else {
            revocations.remove(&user_id(row, 0)?);
        }
    }
    Ok(revocations)
}

/// Returns the accounts whose last action since a time failed because MAS has no such user.
fn not_in_mas(
    connection: &Connection,
    namespace: &Namespace,
    since: Timestamp,
) -> Result<BTreeSet<UserId>, StateProblem> {
    let last = last_actions(connection, namespace, since)?.into_iter();
    let unknown = last.filter(|last| last.failure == Some(HarmlessFailure::UserNotFound));
    Ok(unknown.map(|last| last.user_id).collect())
}

/// Returns the accounts that belonged to a bridge less than [`BRIDGE_FOR`] ago. A time in the
/// future does not count, because it would count for too long.
fn bridges(
    connection: &Connection,
    namespace: &Namespace,
    now: Timestamp,
) -> Result<BTreeSet<UserId>, StateProblem> {
    let mut statement = connection
        .prepare("SELECT user_id FROM bridges WHERE realm = ?1 AND server_name = ?2 AND seen > ?3 AND seen <= ?4")?;
    let since = now.before(BRIDGE_FOR).as_millis();
    let mut rows = statement.query(params![
        namespace.realm,
        namespace.server_name.as_str(),
        since,
        now.as_millis()
    ])?;
    let mut bridges = BTreeSet::new();
    while let Some(row) = rows.next()? {
        bridges.insert(user_id(row, 0)?);
    }
    Ok(bridges)
}

/// The last action on an account.
struct LastAction {
    user_id: UserId,
    outcome: Option<OutcomeKind>,
    failure: Option<HarmlessFailure>,
}

/// Returns the last action on each account since a time.
fn last_actions(
    connection: &Connection,
    namespace: &Namespace,
    since: Timestamp,
) -> Result<Vec<LastAction>, StateProblem> {
    // With max(), SQLite takes the other columns from the same row.
    let mut statement = connection.prepare(
        "SELECT user_id, outcome, failure, max(begun) FROM actions JOIN runs ON id = run
         WHERE realm = ?1 AND server_name = ?2 AND begun >= ?3 GROUP BY user_id",
    )?;
    let mut rows = statement.query(params![
        namespace.realm,
        namespace.server_name.as_str(),
        since.as_millis()
    ])?;
    let mut last = Vec::new();
    while let Some(row) = rows.next()? {
        last.push(LastAction {
            user_id: user_id(row, 0)?,
            outcome: word_if_any(row, 1)?,
            failure: word_if_any(row, 2)?,
        });
    }
    Ok(last)
}

/// Returns every directory that was ever seen; those from version 0.1 for each homeserver.
fn directories(
    connection: &Connection,
    namespace: &Namespace,
) -> Result<BTreeSet<Box<str>>, StateProblem> {
    let mut statement = connection
        .prepare("SELECT provider FROM directories WHERE realm = ?1 AND server_name IN (?2, '')")?;
    let rows = statement
        .query_map(params![namespace.realm, namespace.server_name.as_str()], |row| {
            row.get::<_, String>(0)
        })?;
    rows.map(|row| Ok(row?.into())).collect()
}
