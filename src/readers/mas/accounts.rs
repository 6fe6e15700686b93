//! The list of users of MAS.

use std::collections::HashMap;

use super::{LinkProvider, MasReader};
use crate::http::HttpError;
use crate::mas_api::{Resource, UserAttributes};
use crate::model::{Account, InMas, KeycloakId, Localpart, MasUserId};
use crate::planner::Matching;
use crate::readers::{KeycloakReader, ReadError, Tally};

impl MasReader {
    /// Every account in any state, with whom of Keycloak it is tied to where that is what counts. Guests are left out,
    /// as the list of the homeserver leaves them out.
    ///
    /// Source: `GET /users`, and `GET /upstream-oauth-links`.
    pub async fn accounts(
        &self,
        keycloak: &KeycloakReader,
        tally: &Tally,
    ) -> Result<(Vec<Account>, Option<LinkProvider>), ReadError> {
        self.serves_us().await?;
        let provider = match self.matching {
            Matching::UpstreamLink => Some(self.link_provider(keycloak).await?),
            Matching::Localpart => None,
        };
        let users = self.users(|user| (!user.attributes.legacy_guest).then_some(user), tally);
        let links = async {
            match &provider {
                Some(provider) => self.links(provider).await,
                None => Ok(HashMap::new()),
            }
        };
        let (users, mut links) = futures_util::future::try_join(users, links).await?;
        let account = |user: Resource<UserAttributes>| {
            let links = links.remove(&user.user_id()).unwrap_or_default();
            self.account_of(user, links)
        };
        Ok((users.into_iter().map(account).collect(), provider))
    }

    /// One account, as the list would show it; `None` where there is none of this name.
    ///
    /// Source: `GET /users/by-username/{username}`, and `GET /upstream-oauth-links`.
    pub async fn account(
        &self,
        localpart: &Localpart,
        provider: Option<&LinkProvider>,
    ) -> Result<Option<Account>, HttpError> {
        let Some(user) = self.by_username(localpart).await?.filter(|user| !user.attributes.legacy_guest) else {
            return Ok(None);
        };
        let links = match provider {
            Some(provider) => self.links_of(&user.user_id(), provider).await?,
            None => Vec::new(),
        };
        Ok(Some(self.account_of(user, links)))
    }

    fn account_of(&self, user: Resource<UserAttributes>, links: Vec<KeycloakId>) -> Account {
        Account {
            user_id: Localpart::from(user.attributes.username.clone()).on(&self.server_name),
            state: user.attributes.state(),
            admin: user.attributes.admin,
            bot: false,
            deactivated_in_mas: user.attributes.deactivated_at.is_some(),
            links,
            mas: InMas::Known(user.id.into()),
        }
    }

    /// The ID of every user by the name that both servers compare by, and whether the user is deactivated.
    pub async fn ids(&self) -> Result<HashMap<String, (MasUserId, bool)>, ReadError> {
        self.serves_us().await?;
        let by_name = |user: Resource<UserAttributes>| {
            let deactivated = user.attributes.deactivated_at.is_some();
            Some((Localpart::from(user.attributes.username).key().into_owned(), (user.id.into(), deactivated)))
        };
        Ok(self.users(by_name, &Tally::default()).await?.into_iter().collect())
    }

    /// Whether it is the MAS of our homeserver: namesakes elsewhere are other people.
    async fn serves_us(&self) -> Result<(), ReadError> {
        match self.mas.server_name().await? {
            Some(actual) if actual != self.server_name => {
                Err(ReadError::MasServesAnother { actual, configured: self.server_name.clone() })
            }
            _ => Ok(()),
        }
    }

    async fn users<T>(
        &self,
        make: impl FnMut(Resource<UserAttributes>) -> Option<T>,
        tally: &Tally,
    ) -> Result<Vec<T>, HttpError> {
        let seen = |rows, all: Option<usize>| {
            if let Some(all) = all {
                tally.expect(all);
            }
            tally.add(rows);
        };
        self.mas.list(&["users"], &[], make, seen).await
    }
}
