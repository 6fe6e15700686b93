//! Reads what recorded runs have counted, for the chart of `watch`.

use rusqlite::params;

use super::{Namespace, State, StateError, StateProblem};
use crate::model::Timestamp;

/// Longer plans are not searched for their two numbers, so that a start takes no time.
const LONGEST_PLAN: i64 = 1 << 20;

/// What a recorded run has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastReading {
    pub at: Timestamp,
    pub members: u32,
    pub accounts: u32,
}

impl State {
    /// Returns what the last runs of this scope have read, oldest first.
    pub fn past_readings(&self, limit: usize) -> Result<Vec<PastReading>, StateError> {
        let connection = self.lock();
        let read = || {
            let mut statement = connection.prepare(
                "SELECT started, plan ->> '$.read.members', plan ->> '$.read.accounts' FROM runs
                 WHERE realm = ?1 AND server_name = ?2 AND octet_length(plan) <= ?4
                 ORDER BY id DESC LIMIT ?3",
            )?;
            let Namespace { realm, server_name } = &self.namespace;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let wanted = params![realm, server_name.as_str(), limit, LONGEST_PLAN];
            let mut rows = statement.query(wanted)?;
            let mut readings = Vec::new();
            while let Some(row) = rows.next()? {
                let (members, accounts) = (row.get(1)?, row.get(2)?);
                // A file from elsewhere may lack them.
                if let (Some(members), Some(accounts)) = (members, accounts) {
                    let at = Timestamp::from_millis(row.get(0)?);
                    readings.push(PastReading { at, members, accounts });
                }
            }
            readings.reverse();
            Ok(readings)
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }
}
