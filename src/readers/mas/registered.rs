//! Reads the newest users of MAS.

use super::MasReader;
use crate::http::HttpError;
use crate::mas_api::{Resource, UserAttributes};
use crate::model::{Localpart, MasUserId, Timestamp};
use crate::readers::registered::{NEWEST, Registered};

const USERS: [&str; 1] = ["users"];

impl MasReader {
    /// Returns the newest users.
    ///
    /// Source: `GET /users?page[last]=…`.
    pub async fn newest(&self) -> Result<Vec<Registered>, HttpError> {
        self.registered(self.mas.newest(&USERS, NEWEST).await?)
    }

    /// Returns the users that were registered since a time. IDs begin with their time, so the time
    /// is a cursor.
    ///
    /// Source: `GET /users?page[after]=…`.
    pub async fn registered_since(&self, since: Timestamp) -> Result<Vec<Registered>, HttpError> {
        self.registered(self.mas.list_after(&USERS, &MasUserId::first_at(since).text()).await?)
    }

    fn registered(
        &self,
        rows: Vec<Resource<UserAttributes>>,
    ) -> Result<Vec<Registered>, HttpError> {
        let users = rows.into_iter().filter(|row| !row.attributes.legacy_guest);
        let registered = |row: Resource<UserAttributes>| {
            let id = row.user_id();
            let no_ulid = || self.mas.inconsistent(&USERS, format!("the ID {id} is not a ULID"));
            let at = id.made_at().ok_or_else(no_ulid)?;
            Ok(Registered {
                user_id: Localpart::from(row.attributes.username).on(&self.server_name),
                at,
            })
        };
        users.map(registered).collect()
    }
}
