//! One account: what a list does not tell, and what has become of it since.

use serde::Deserialize;
use serde::de::Error as _;

use super::{Row, SynapseReader};
use crate::http::{HttpError, none_if_missing};
use crate::model::{Account, AccountDetail, InMas, Links, UserId};

#[derive(Debug, Deserialize)]
struct Detail {
    #[serde(flatten)]
    row: Row,
    appservice_id: Option<String>,
}

impl SynapseReader {
    /// The account as the list would show it, or `None` where there is none of this name.
    ///
    /// Source: `GET /_synapse/admin/v2/users/{user_id}`.
    pub async fn account(&self, user_id: &UserId) -> Result<Option<Account>, HttpError> {
        let detail = self.detail(user_id).await?;
        Ok(detail.map(|AccountDetail { user_id, state, admin, bot, .. }| Account {
            user_id,
            state,
            admin,
            bot,
            mas: InMas::NotAsked,
            deactivated_in_mas: false,
            links: Links::default(),
        }))
    }

    /// The account as it is now, or `None` where there is none of this name.
    ///
    /// Source: `GET /_synapse/admin/v2/users/{user_id}`, the only answer with `appservice_id`.
    pub async fn detail(&self, user_id: &UserId) -> Result<Option<AccountDetail>, HttpError> {
        let path = ["_synapse", "admin", "v2", "users", &user_id.text()];
        let detail = |answer: &str| {
            let Detail { row, appservice_id } = serde_json::from_str(answer)?;
            let Account { user_id, state, admin, bot, .. } =
                row.account(user_id.server_name()).map_err(serde_json::Error::custom)?;
            Ok(AccountDetail { user_id, state, admin, bot, appservice: appservice_id })
        };
        let found = none_if_missing(self.api.get_as(&path, &[], detail).await)?;
        match &found {
            Some(other) if other.user_id != *user_id => Err(self.api.about_another(&path, &[], &other.user_id.text())),
            _ => Ok(found),
        }
    }
}
