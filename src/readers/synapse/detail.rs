//! One account: what a list does not tell, and what has become of it since.

use serde::Deserialize;

use super::{SynapseReader, is_bot};
use crate::http::{HttpError, none_if_missing};
use crate::model::{AccountDetail, AccountState, UserId};

#[derive(Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the row is the server's")]
struct Detail {
    name: UserId,
    #[serde(default)]
    admin: bool,
    deactivated: bool,
    #[serde(default)]
    locked: bool,
    #[serde(default)]
    erased: bool,
    appservice_id: Option<String>,
    user_type: Option<String>,
}

impl SynapseReader {
    /// The account as it is now, or `None` where there is none of this name.
    ///
    /// Source: `GET /_synapse/admin/v2/users/{user_id}`, the only answer with `appservice_id`.
    pub async fn detail(&self, user_id: &UserId) -> Result<Option<AccountDetail>, HttpError> {
        let path = ["_synapse", "admin", "v2", "users", user_id.as_str()];
        let found: Option<Detail> = none_if_missing(self.api.get(&path, &[]).await)?;
        Ok(found.map(|detail| AccountDetail {
            user_id: detail.name,
            appservice: detail.appservice_id,
            admin: detail.admin,
            bot: is_bot(detail.user_type.as_deref()),
            state: AccountState { deactivated: detail.deactivated, locked: detail.locked, erased: detail.erased },
        }))
    }
}
