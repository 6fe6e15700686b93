//! Reads one account: what a list does not contain, and its state now.

use serde::Deserialize;
use serde::de::Error as _;

use super::{AccountRow, SynapseReader};
use crate::http::{HttpError, Missing, none_if_missing};
use crate::model::{
    Account, AccountDetail, Existence, InMas, Links, MasAdmin, Remembered, ServerText, UserId,
};

#[derive(Debug, Deserialize)]
struct Detail {
    #[serde(flatten)]
    row: AccountRow,
    appservice_id: Option<ServerText>,
    displayname: Option<ServerText>,
    #[serde(default)]
    threepids: Vec<Threepid>,
    #[serde(default)]
    external_ids: Vec<ExternalId>,
}

#[derive(Debug, Deserialize)]
struct Threepid {
    medium: Box<str>,
    address: ServerText,
}

#[derive(Debug, Deserialize)]
struct ExternalId {
    auth_provider: Box<str>,
    external_id: ServerText,
}

/// The external ID that MAS itself leaves in Synapse: the user's ID in MAS.
const OF_MAS: &str = "oauth-delegated";

impl SynapseReader {
    /// Returns the account as the list would show it, or `None` if there is none of this name.
    ///
    /// Source: `GET /_synapse/admin/v2/users/{user_id}`.
    pub async fn account(&self, user_id: &UserId) -> Result<Option<Account>, HttpError> {
        let detail = self.detail(user_id).await?;
        Ok(detail.map(|AccountDetail { user_id, state, admin, bot, .. }| Account {
            user_id,
            state,
            admin,
            mas_admin: MasAdmin::Unknown,
            bot,
            mas: InMas::NotAsked,
            deactivated_in_mas: false,
            links: Links::default(),
            remembered: Remembered::default(),
        }))
    }

    /// Returns the account as it is now, or `None` if there is none of this name.
    ///
    /// Source: `GET /_synapse/admin/v2/users/{user_id}`, the only answer with `appservice_id`.
    pub async fn detail(&self, user_id: &UserId) -> Result<Option<AccountDetail>, HttpError> {
        let path = ["_synapse", "admin", "v2", "users", &user_id.text()];
        let detail = |answer: &str| {
            let Detail { row, appservice_id, displayname, threepids, external_ids } =
                serde_json::from_str(answer)?;
            let Account { user_id, state, admin, bot, .. } =
                row.account(user_id.server_name()).map_err(serde_json::Error::custom)?;
            let emails = threepids.into_iter().filter(|threepid| &*threepid.medium == "email");
            let external_ids =
                external_ids.into_iter().filter(|external| &*external.auth_provider != OF_MAS);
            Ok(AccountDetail {
                existence: Existence::Exists,
                user_id,
                state,
                admin,
                bot,
                appservice: appservice_id,
                deactivated_in_mas: false,
                locked_at: None,
                disabled_at: None,
                last_disabled_at: None,
                display_name: displayname,
                emails: emails.map(|threepid| threepid.address).collect(),
                external_ids: external_ids.map(|external| external.external_id).collect(),
            })
        };
        let found = none_if_missing(Missing::User, self.api.get_as(&path, &[], detail).await)?;
        match &found {
            Some(other) if other.user_id != *user_id => {
                Err(self.api.about_another(&path, &[], &other.user_id.text()))
            }
            _ => Ok(found),
        }
    }
}
