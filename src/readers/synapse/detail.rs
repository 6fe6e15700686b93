//! One account: what a list does not tell, and what has become of it since.

use serde::Deserialize;

use super::{Row, SynapseReader};
use crate::http::{HttpError, none_if_missing};
use crate::model::{AccountDetail, UserId};

#[derive(Debug, Deserialize)]
struct Detail {
    #[serde(flatten)]
    row: Row,
    appservice_id: Option<String>,
}

impl SynapseReader {
    /// The account as it is now, or `None` where there is none of this name.
    ///
    /// Source: `GET /_synapse/admin/v2/users/{user_id}`, the only answer with `appservice_id`.
    pub async fn detail(&self, user_id: &UserId) -> Result<Option<AccountDetail>, HttpError> {
        let path = ["_synapse", "admin", "v2", "users", user_id.as_str()];
        let found: Option<Detail> = none_if_missing(self.api.get(&path, &[]).await)?;
        Ok(found.map(|Detail { row, appservice_id }| AccountDetail {
            state: row.state(),
            admin: row.admin,
            bot: row.is_bot(),
            user_id: row.name,
            appservice: appservice_id,
        }))
    }
}
