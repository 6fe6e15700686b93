//! Synapse, read only: the accounts, the owner of the token, and the look at one account. Source: the admin API
//! (recordings: `synapse.json`).

mod accounts;
mod detail;

use reqwest::Client;
use serde::Deserialize;

use crate::config::SynapseConfig;
use crate::http::{Api, Credentials, HttpError, Server};
use crate::model::UserId;

/// Reads one homeserver. There is nothing here that could write.
#[derive(Debug)]
pub struct SynapseReader {
    api: Api,
}

impl SynapseReader {
    /// A reader that asks with the admin token.
    #[must_use]
    pub fn new(config: &SynapseConfig, http: Client) -> Self {
        let credentials = Credentials::Token(config.admin_token.clone());
        Self { api: Api::new(Server::Synapse, config.url.clone(), http, credentials) }
    }

    /// The owner of the admin token. Source: `GET /_matrix/client/v3/account/whoami`.
    pub async fn token_owner(&self) -> Result<UserId, HttpError> {
        #[derive(Deserialize)]
        struct Whoami {
            user_id: UserId,
        }
        let whoami: Whoami = self.api.get(&["_matrix", "client", "v3", "account", "whoami"], &[]).await?;
        Ok(whoami.user_id)
    }
}

/// `user_type` of the support and bot accounts of Synapse; people have none.
fn is_bot(user_type: Option<&str>) -> bool {
    matches!(user_type, Some("bot" | "support"))
}
