//! Reads MAS: accounts with their state and links, and single users. It cannot write.

mod accounts;
mod disabled_times;
mod links;
mod registered;
mod token_owners;
mod users_by_name;

use serde::Deserialize;

use crate::config::Config;
use crate::http::{HttpError, Missing, none_if_missing};
use crate::mas_api::{MasApi, Resource, Single, UserAttributes};
use crate::model::{
    AccountState, Links, Localpart, MasUserId, ServerName, ServerText, Timestamp, UserId,
};
use crate::planner::Matching;

pub use accounts::LinksOf;
pub use disabled_times::DisabledTimes;
pub use links::{LinkList, LinkProvider};
pub use token_owners::SynapseApi;
pub use users_by_name::{FoundInMas, InMasRow, UsersByName};

/// Reads one MAS, and cannot write.
#[derive(Debug, Clone)]
pub struct MasReader {
    mas: MasApi,
    server_name: ServerName,
    matching: Matching,
    /// `accounts.provider`.
    provider: Option<String>,
}

/// Source: `GET /user-emails`.
#[derive(Debug, Deserialize)]
struct EmailAttributes {
    user_id: MasUserId,
    email: ServerText,
}

/// A user of MAS as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasUser {
    pub user_id: UserId,
    /// Deactivated or locked.
    pub state: AccountState,
    /// Whether the user may request administrator rights.
    pub admin: bool,
    /// When the user was locked.
    pub locked_at: Option<Timestamp>,
    /// When the user was locked or deactivated, the earlier of both.
    pub disabled_at: Option<Timestamp>,
    /// When the user was last locked or deactivated, the later of both.
    pub last_disabled_at: Option<Timestamp>,
}

impl MasReader {
    /// Creates the reader, without a request yet.
    #[must_use]
    pub fn new(config: &Config, mas: MasApi) -> Self {
        Self {
            mas,
            server_name: config.server_name.clone(),
            matching: config.policy.matching,
            provider: config.accounts.provider.clone(),
        }
    }

    /// Returns the Admin API that it reads.
    #[must_use]
    pub fn api(&self) -> &MasApi {
        &self.mas
    }

    /// Returns the time on the server's clock at its last answer, if it sends it.
    pub(super) fn clock(&self) -> Option<Timestamp> {
        self.mas.clock()
    }

    /// Returns the user as they are now, or `None` if this ID no longer exists.
    ///
    /// Source: `GET /users/{id}`.
    pub async fn user(&self, id: &MasUserId) -> Result<Option<MasUser>, HttpError> {
        let id_text = id.text();
        let path = ["users", &*id_text];
        let Some(user) = self.user_at(&path).await? else { return Ok(None) };
        if user.user_id() != *id {
            return Err(self.mas.about_another(&path, &user.id));
        }
        Ok(Some(MasUser {
            state: user.attributes.state(),
            admin: user.attributes.admin,
            locked_at: user.attributes.locked_at(),
            disabled_at: user.attributes.disabled_at(),
            last_disabled_at: user.attributes.last_disabled_at(),
            user_id: Localpart::from(user.attributes.username).on(&self.server_name),
        }))
    }

    /// Finds the user of an account's name, as the list would show it, with their links. If several
    /// names differ only in case and none is exact, MAS finds none.
    pub async fn found_by_name(
        &self,
        localpart: &Localpart,
        provider: Option<&LinkProvider>,
    ) -> Result<FoundInMas, HttpError> {
        let Some(user) = self.by_username(localpart).await? else { return Ok(FoundInMas::Nothing) };
        let links = match provider {
            Some(provider) => self.links_of(&user.user_id(), provider).await?,
            None => Links::default(),
        };
        Ok(FoundInMas::User(InMasRow::new(user, links)))
    }

    /// Finds a user by name, without regard to case.
    ///
    /// Source: `GET /users/by-username/{username}`.
    async fn by_username(
        &self,
        localpart: &Localpart,
    ) -> Result<Option<Resource<UserAttributes>>, HttpError> {
        let path = ["users", "by-username", localpart.as_str()];
        let Some(user) = self.user_at(&path).await? else { return Ok(None) };
        let username = Localpart::from(user.attributes.username.clone());
        if username.key() != localpart.key() {
            return Err(self.mas.about_another(&path, username.as_str()));
        }
        Ok(Some(user))
    }

    /// Reads the e-mail addresses of a user.
    ///
    /// Source: `GET /user-emails?filter[user]=…` (recording: `mas-lifecycle.json`). MAS ignores
    /// filters that it does not know, so each row is checked.
    pub async fn emails_of(&self, id: &MasUserId) -> Result<Vec<ServerText>, HttpError> {
        let to_email = |Resource { attributes: row, .. }: Resource<EmailAttributes>| {
            (row.user_id == *id).then_some(row.email)
        };
        self.mas.list(&["user-emails"], &[("filter[user]", &*id.text())], to_email, |_, _| {}).await
    }

    async fn user_at(&self, path: &[&str]) -> Result<Option<Resource<UserAttributes>>, HttpError> {
        let found: Option<Single<UserAttributes>> =
            none_if_missing(Missing::User, self.mas.get(path, &[]).await)?;
        Ok(found.map(|found| found.data))
    }
}
