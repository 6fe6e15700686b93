//! Remembers the rooms that accounts were in before they were deactivated.

use std::collections::BTreeMap;

use rusqlite::params;

use super::error::StateProblem;
use super::runs::{RunId, place};
use super::{State, StateError};
use crate::model::{Room, ServerText};

impl State {
    /// Records the rooms that the account of an action is in before it is deactivated. A repetition
    /// replaces them.
    pub fn note_rooms(&self, run: RunId, number: usize, rooms: &[Room]) -> Result<(), StateError> {
        self.transaction(|transaction| {
            let of_action = params![run.number(), place(number)];
            transaction.execute("DELETE FROM rooms WHERE run = ?1 AND number = ?2", of_action)?;
            let mut insert = transaction.prepare(
                "INSERT INTO rooms (run, number, place, room_id, name) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for (at, room) in rooms.iter().enumerate() {
                let name = room.name.as_ref().map(ServerText::raw);
                insert.execute(params![
                    run.number(),
                    place(number),
                    place(at),
                    room.room_id.raw(),
                    name
                ])?;
            }
            Ok(())
        })
    }

    /// Returns the rooms of a run by the number of their action.
    pub(super) fn rooms(&self, run: RunId) -> Result<BTreeMap<usize, Vec<Room>>, StateError> {
        let connection = self.lock();
        let read = || {
            let mut statement = connection.prepare(
                "SELECT number, room_id, name FROM rooms WHERE run = ?1 ORDER BY number, place",
            )?;
            let mut rows = statement.query(params![run.number()])?;
            let mut rooms: BTreeMap<usize, Vec<Room>> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let room = Room {
                    room_id: row.get::<_, String>(1)?.into(),
                    name: row.get::<_, Option<String>>(2)?.map(Into::into),
                };
                let number = usize::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
                rooms.entry(number).or_default().push(room);
            }
            Ok(rooms)
        };
        read().map_err(|problem: StateProblem| self.error(problem))
    }
}
