//! Reads Synapse: accounts, the owner of the token, and single accounts. It cannot write. Source:
//! the admin API (recordings: `synapse.json`).

mod access;
mod accounts;
mod detail;
mod registered;
mod rooms;

use std::ops::Deref;

use reqwest::Client;
use serde::Deserialize;

use crate::config::SynapseConfig;
use crate::http::{Api, Credentials, HttpError};
use crate::model::{
    Account, AccountState, InMas, Links, MasAdmin, NotAUserId, Remembered, Server, ServerName,
    Timestamp, UserId,
};

/// Reads one homeserver, and cannot write.
#[derive(Debug)]
pub struct SynapseReader {
    api: Api,
}

impl SynapseReader {
    /// Creates a reader with the admin token.
    #[must_use]
    pub fn new(config: &SynapseConfig, http: Client) -> Self {
        let credentials = Credentials::Token(config.admin_token.clone());
        Self { api: Api::new(Server::Synapse, config.url.clone(), http, credentials) }
    }

    /// Returns the time on the server's clock at its last answer, if it sends it.
    pub(super) fn clock(&self) -> Option<Timestamp> {
        self.api.clock()
    }

    /// Returns the owner of the admin token. Source: `GET /_matrix/client/v3/account/whoami`.
    pub async fn token_owner(&self) -> Result<UserId, HttpError> {
        #[derive(Deserialize)]
        struct Whoami {
            user_id: UserId,
        }
        let whoami: Whoami =
            self.api.get(&["_matrix", "client", "v3", "account", "whoami"], &[]).await?;
        Ok(whoami.user_id)
    }
}

/// The fields of a user that are used, in a list or alone.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the row is the server's")]
struct AccountRow<T = Box<str>> {
    name: T,
    user_type: Option<T>,
    #[serde(default)]
    admin: bool,
    deactivated: bool,
    /// Missing before Synapse 1.91, which cannot lock.
    #[serde(default)]
    locked: bool,
    #[serde(default)]
    erased: bool,
}

impl<T: Deref<Target = str>> AccountRow<T> {
    fn state(&self) -> AccountState {
        AccountState { deactivated: self.deactivated, locked: self.locked, erased: self.erased }
    }

    /// Returns whether this is a support or bot account: only these have a `user_type`.
    fn is_bot(&self) -> bool {
        matches!(self.user_type.as_deref(), Some("bot" | "support"))
    }

    /// Returns the account. Most are on this homeserver, and share the text of its name.
    fn account(&self, likely: &ServerName) -> Result<Account, NotAUserId> {
        let (state, bot, user_id) =
            (self.state(), self.is_bot(), UserId::parse(&self.name, likely)?);
        Ok(Account {
            user_id,
            state,
            admin: self.admin,
            mas_admin: MasAdmin::Unknown,
            bot,
            mas: InMas::NotAsked,
            deactivated_in_mas: false,
            links: Links::default(),
            remembered: Remembered::default(),
        })
    }
}
