//! Reads the newest accounts of the homeserver.

use serde::Deserialize;
use serde::de::Error as _;

use super::SynapseReader;
use super::accounts::{ListVersion, of_newest_version};
use crate::http::HttpError;
use crate::model::{ServerName, Timestamp, UserId};
use crate::readers::json_text::JsonText;
use crate::readers::registered::{NEWEST, Registered};

/// Newest first; Synapse sorts accounts of the same second by name.
const NEWEST_FIRST: [(&str, &str); 2] = [("order_by", "creation_ts"), ("dir", "b")];

/// More new accounts than this need a full run.
const MOST_ROWS: usize = 2000;

#[derive(Debug, Deserialize)]
struct RawRegisteredPage<'a> {
    #[serde(borrow)]
    users: Vec<RegisteredRow<'a>>,
}

#[derive(Debug, Deserialize)]
struct RegisteredRow<'a> {
    #[serde(borrow)]
    name: JsonText<'a>,
    /// In milliseconds, though it is kept in seconds. Accounts without it come first, even if they
    /// are old.
    creation_ts: Option<i64>,
}

#[derive(Debug)]
struct RegisteredPage {
    rows: usize,
    /// The rows of our homeserver with a time of registration.
    registered: Vec<Registered>,
}

impl SynapseReader {
    /// Returns the newest accounts.
    ///
    /// Source: `GET /_synapse/admin/v3/users?order_by=creation_ts&dir=b`, or v2 if there is no v3.
    pub async fn newest(&self, server_name: &ServerName) -> Result<Vec<Registered>, HttpError> {
        Ok(self.first_newest_page(server_name).await?.1.registered)
    }

    /// Returns the accounts that were registered since a time, at most thousands.
    ///
    /// Source: as for [`Self::newest`].
    pub async fn registered_since(
        &self,
        since: Timestamp,
        server_name: &ServerName,
    ) -> Result<Vec<Registered>, HttpError> {
        let (version, mut page) = self.first_newest_page(server_name).await?;
        let (mut found, mut from) = (Vec::new(), 0);
        while page.rows > 0 && from < MOST_ROWS {
            let reaches_back = page.registered.last().is_some_and(|row| row.at < since);
            // A list that grows at its start repeats rows of the last page.
            found.extend(page.registered.into_iter().filter(|row| row.at >= since));
            if reaches_back {
                break;
            }
            from += page.rows;
            page = self.newest_page(version, from, server_name).await?;
        }
        Ok(found)
    }

    async fn first_newest_page(
        &self,
        server_name: &ServerName,
    ) -> Result<(ListVersion, RegisteredPage), HttpError> {
        of_newest_version(async |version| self.newest_page(version, 0, server_name).await).await
    }

    async fn newest_page(
        &self,
        list: ListVersion,
        from: usize,
        server_name: &ServerName,
    ) -> Result<RegisteredPage, HttpError> {
        let (from, limit) = (from.to_string(), NEWEST.to_string());
        let query =
            [list.everyone, &NEWEST_FIRST, &[("from", &*from), ("limit", &*limit)]].concat();
        let decode = |answer: &str| {
            let RawRegisteredPage { users } = serde_json::from_str(answer)?;
            let mut page = RegisteredPage { rows: users.len(), registered: Vec::new() };
            for RegisteredRow { name, creation_ts } in &users {
                let user_id =
                    UserId::parse(name, server_name).map_err(serde_json::Error::custom)?;
                if let Some(millis) = creation_ts.filter(|_| user_id.server_name() == server_name) {
                    page.registered
                        .push(Registered { user_id, at: Timestamp::from_millis(millis) });
                }
            }
            Ok(page)
        };
        let path = ["_synapse", "admin", list.version, "users"];
        let page = self.api.get_as(&path, &query, decode).await?;
        if page.registered.is_sorted_by(|one, next| one.at >= next.at) {
            return Ok(page);
        }
        Err(self.api.inconsistent(&path, "the list is not in the requested order".to_owned()))
    }
}
