//! Reads the list of users of MAS.

use super::users_by_name::{NamedUser, UsersByName};
use super::{DisabledTimes, LinkList, LinkProvider, MasReader};
use crate::http::HttpError;
use crate::mas_api::{Resource, UserAttributes};
use crate::model::{Account, AccountState, InMas, Links, Localpart, Remembered};
use crate::readers::packed_ids::IdTexts;
use crate::readers::{Detail, KeycloakReader, ReadError, Tally};

/// Which links are read together with the users of MAS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinksOf<'p> {
    /// No links: accounts are matched by name alone.
    NoProvider,
    /// The links of the upstream provider that is the realm.
    Provider(&'p LinkProvider),
}

impl MasReader {
    /// Reads every account in any state, with its links to Keycloak users if wanted. It leaves out
    /// guests, as the list of the homeserver does. For a report, also since when users have been
    /// disabled.
    ///
    /// Source: `GET /users`, and `GET /upstream-oauth-links`.
    pub async fn accounts(
        &self,
        keycloak: &KeycloakReader,
        tally: &Tally,
        detail: Detail,
    ) -> Result<(Vec<Account>, Option<LinkProvider>, DisabledTimes), ReadError> {
        self.serves_us().await?;
        let provider = self.link_provider_in_use(keycloak).await?;
        let mut times = DisabledTimes::default();
        let to_account = |user: Resource<UserAttributes>| {
            times.note(&user, detail);
            let is_guest = user.attributes.legacy_guest;
            (!is_guest).then(|| self.account_of(user, Links::default()))
        };
        let wanted = provider.as_ref().map_or(LinksOf::NoProvider, LinksOf::Provider);
        let accounts = self.users(to_account, tally);
        let (mut accounts, links) =
            futures_util::future::try_join(accounts, self.links_wanted(wanted)).await?;
        links.need_users(accounts.len())?;
        for account in &mut accounts {
            account.links = account.mas.id().map(|id| links.links_of_user(id)).unwrap_or_default();
        }
        Ok((accounts, provider, times.sorted()))
    }

    /// Reads one account, as the list would show it, or `None` if there is none of this name.
    ///
    /// Source: `GET /users/by-username/{username}`, and `GET /upstream-oauth-links`.
    pub async fn account(
        &self,
        localpart: &Localpart,
        provider: Option<&LinkProvider>,
    ) -> Result<Option<Account>, HttpError> {
        let Some(user) =
            self.by_username(localpart).await?.filter(|user| !user.attributes.legacy_guest)
        else {
            return Ok(None);
        };
        let links = match provider {
            Some(provider) => self.links_of(&user.user_id(), provider).await?,
            None => Links::default(),
        };
        Ok(Some(self.account_of(user, links)))
    }

    fn account_of(&self, user: Resource<UserAttributes>, links: Links) -> Account {
        Account {
            user_id: Localpart::from(user.attributes.username.clone()).on(&self.server_name),
            state: user.attributes.state(),
            admin: user.attributes.admin,
            mas_admin: user.attributes.admin.into(),
            bot: false,
            deactivated_in_mas: user.attributes.deactivated_at.is_some(),
            links,
            remembered: Remembered::default(),
            mas: InMas::Known(user.id.into()),
        }
    }

    /// Reads every user of MAS, to find them by the names of Synapse's accounts.
    ///
    /// Source: `GET /users`, and `GET /upstream-oauth-links` if links are wanted.
    pub async fn ids(
        &self,
        wanted: LinksOf<'_>,
        detail: Detail,
    ) -> Result<(UsersByName, DisabledTimes), ReadError> {
        self.serves_us().await?;
        let (mut texts, mut times) = (IdTexts::default(), DisabledTimes::default());
        let to_named = |user: Resource<UserAttributes>| {
            times.note(&user, detail);
            Some(NamedUser::new(user, &mut texts))
        };
        let tally = Tally::default();
        let users = self.users(to_named, &tally);
        let (users, links) =
            futures_util::future::try_join(users, self.links_wanted(wanted)).await?;
        links.need_users(users.len())?;
        Ok((UsersByName::new(users, texts, links), times.sorted()))
    }

    /// Returns the administrators of MAS, and whether each can log in.
    ///
    /// Source: `GET /users?filter[admin]=true`. MAS ignores filters that it does not know (trap
    /// 42), so each row is checked.
    pub async fn admins(&self) -> Result<Vec<(Localpart, AccountState)>, HttpError> {
        let to_name = |user: Resource<UserAttributes>| {
            let state = user.attributes.state();
            user.attributes.admin.then(|| (Localpart::from(user.attributes.username), state))
        };
        self.mas.list(&["users"], &[("filter[admin]", "true")], to_name, |_, _| {}).await
    }

    async fn links_wanted(&self, wanted: LinksOf<'_>) -> Result<LinkList, HttpError> {
        match wanted {
            LinksOf::NoProvider => Ok(LinkList::default()),
            LinksOf::Provider(provider) => self.links(provider).await,
        }
    }

    /// Checks that this is the MAS of our homeserver: the same name on another one is another user.
    async fn serves_us(&self) -> Result<(), ReadError> {
        match self.mas.site_config().await?.map(|site_config| site_config.server_name) {
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
