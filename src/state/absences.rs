//! What complete readings have shown: since when someone has been out of the group, whose account was seen active again,
//! and which directories were ever alive.

use rusqlite::params;

use super::{State, StateError};
use crate::model::Moment;
use crate::planner::Presence;

impl State {
    /// Takes in one complete reading: whoever is out of the group and was not yet is out since now; whoever is in it is
    /// not out any more. Nothing changes for anyone else.
    pub fn record(&self, presence: &Presence<'_>, realm: &str, now: Moment) -> Result<(), StateError> {
        self.transaction(|transaction| {
            let mut out = transaction.prepare("INSERT OR IGNORE INTO absences (user_id, since) VALUES (?1, ?2)")?;
            for user_id in &presence.absent {
                out.execute(params![user_id.text(), now.as_millis()])?;
            }
            let mut back = transaction.prepare("DELETE FROM absences WHERE user_id = ?1")?;
            for user_id in &presence.present {
                back.execute(params![user_id.text()])?;
            }
            let mut settled = transaction.prepare("INSERT OR REPLACE INTO settled (user_id, seen) VALUES (?1, ?2)")?;
            for user_id in &presence.settled {
                settled.execute(params![user_id.text(), now.as_millis()])?;
            }
            let mut alive =
                transaction.prepare("INSERT OR IGNORE INTO directories (realm, provider) VALUES (?1, ?2)")?;
            for provider in &presence.directories {
                alive.execute(params![realm, provider])?;
            }
            Ok(())
        })
    }
}
