//! Remembers what `notify.room` has heard of.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::columns::{from_json, json};
use super::error::StateProblem;
use super::{Namespace, State, StateError};
use crate::model::Timestamp;

/// What the room has heard of, and what it has not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoticeMemory {
    /// The ID of the room. Another room has heard of nothing.
    pub room: String,
    /// When the last message was sent, or tried.
    pub sent: Option<Timestamp>,
    /// What is open and was reported: a refused plan, actions that wait.
    pub told: BTreeSet<String>,
    /// What is open and was left out.
    pub untold: BTreeSet<String>,
    /// What is over and was left out.
    pub left_out: LeftOut,
}

/// How much the room has not heard of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeftOut {
    /// Runs that changed something.
    pub runs: usize,
    /// The changes of these runs.
    pub changes: usize,
    /// Refused plans.
    pub refused: usize,
    /// Plans with actions that waited for an approval.
    pub waiting: usize,
    /// Failures, and actions that were not done.
    pub failed: usize,
}

impl State {
    /// Returns what the room has heard of. What a newer version has written counts as nothing.
    pub fn notices(&self) -> Result<NoticeMemory, StateError> {
        let Namespace { realm, server_name } = &self.namespace;
        let connection = self.lock();
        let read = || {
            let mut statement = connection
                .prepare("SELECT memory FROM notices WHERE realm = ?1 AND server_name = ?2")?;
            let found = statement
                .query_row(params![realm, server_name.as_str()], |row| row.get::<_, String>(0))
                .optional()?;
            Ok(found.and_then(|text| from_json(&text).ok()).unwrap_or_default())
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }

    /// Records what the room has heard of.
    pub fn note_notices(&self, memory: &NoticeMemory) -> Result<(), StateError> {
        let Namespace { realm, server_name } = &self.namespace;
        self.transaction(|transaction| {
            transaction.execute(
                "INSERT INTO notices (realm, server_name, memory) VALUES (?1, ?2, ?3)
                 ON CONFLICT (realm, server_name) DO UPDATE SET memory = excluded.memory",
                params![realm, server_name.as_str(), json(memory)],
            )?;
            Ok(())
        })
    }
}
