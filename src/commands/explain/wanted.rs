//! Finds the user or account that `explain` is about, and everything that belongs to it.

use std::collections::BTreeSet;

use crate::failure::Failure;
use crate::model::{Account, Evidence, KeycloakId, Localpart, Member, UserId};
use crate::planner::{Facts, Rechecks};
use crate::readers::{FoundUser, ReadError};
use crate::session::Session;

/// The user or account named on the command line.
pub(super) struct Wanted {
    text: String,
    /// The account, if the text can be the name of one.
    account: Option<UserId>,
    /// The users of Keycloak that have this username, ID or e-mail address.
    users: Vec<FoundUser>,
}

impl Wanted {
    /// Finds what a text may mean: a Matrix user ID is an account; anything else may be a localpart
    /// of the configured homeserver and a user of Keycloak.
    pub(super) async fn find(text: &str, session: &Session) -> Result<Self, Failure> {
        let not_a_user = || Failure::NotAUser(text.to_owned());
        if text.starts_with('@') {
            let account = UserId::try_from(Box::from(text)).map_err(|_| not_a_user())?;
            return Ok(Self { text: text.to_owned(), account: Some(account), users: Vec::new() });
        }
        if text.is_empty() {
            return Err(not_a_user());
        }
        let server_name = &session.config.server_name;
        let is_localpart = !text.contains([':', '@']);
        let account = is_localpart.then(|| Localpart::from(text).on(server_name));
        let users = session.readers.keycloak.users_called(text).await.map_err(ReadError::from)?;
        if account.is_none() && users.is_empty() {
            let is_email = text.contains('@');
            return Err(if is_email {
                Failure::UnknownUser(text.to_owned())
            } else {
                not_a_user()
            });
        }
        Ok(Self { text: text.to_owned(), account, users })
    }

    /// Returns the text to print for it.
    pub(super) fn name(&self) -> String {
        match &self.account {
            Some(account) => account.to_string(),
            None => self.text.clone(),
        }
    }

    /// Returns the localpart to ask Keycloak for, if it is one of the configured homeserver.
    pub(super) fn localpart(&self, facts: &Facts) -> Option<&Localpart> {
        let account = self.account.as_ref();
        let account = account.filter(|account| *account.server_name() == facts.server_name);
        account.map(UserId::localpart)
    }

    fn is_account(&self, user_id: &UserId) -> bool {
        self.account.as_ref().is_some_and(|wanted| {
            wanted.server_name() == user_id.server_name()
                && wanted.localpart().key() == user_id.localpart().key()
        })
    }

    /// Returns the users and names that accounts are searched by.
    pub(super) fn subject<'w>(&'w self, facts: &'w Facts) -> Subject<'w> {
        let found = self.users.iter().map(|found| &found.user.id);
        let mut subject = Subject { wanted: self, ids: found.collect(), names: BTreeSet::new() };
        let key = self.localpart(facts).map(Localpart::key);
        for member in &facts.members {
            let name = member.localpart.as_ref().map(Localpart::key);
            if key.is_some() && name == key {
                subject.ids.insert(&member.id);
            }
            if subject.ids.contains(&member.id) {
                subject.names.extend(name.map(String::from));
            }
        }
        let names = self.users.iter().filter_map(|found| found.localpart.as_ref());
        subject.names.extend(names.map(|name| name.key().into_owned()));
        subject
    }
}

/// The users that are wanted, and the names of their accounts.
pub(super) struct Subject<'w> {
    wanted: &'w Wanted,
    ids: BTreeSet<&'w KeycloakId>,
    names: BTreeSet<String>,
}

impl Subject<'_> {
    /// Returns the users.
    pub(super) fn ids(&self) -> impl Iterator<Item = KeycloakId> {
        self.ids.iter().map(|id| (*id).clone())
    }

    /// Returns whether a member is one of the users.
    pub(super) fn is_member(&self, member: &Member) -> bool {
        self.ids.contains(&member.id)
    }

    /// Returns whether an account is the wanted one, or any evidence ties it to one of the users.
    pub(super) fn covers(&self, account: &Account, facts: &Facts, rechecks: &Rechecks) -> bool {
        let is_named = || {
            account.is_on(&facts.server_name) && self.names.contains(&*account.localpart().key())
        };
        self.wanted.is_account(&account.user_id)
            || account.links.iter().any(|id| self.ids.contains(id))
            || account.remembered_owner().is_some_and(|(id, _)| self.ids.contains(id))
            || is_named()
            || self.has_external_id(account, rechecks)
    }

    fn has_external_id(&self, account: &Account, rechecks: &Rechecks) -> bool {
        let seen = rechecks.evidence(&account.user_id);
        seen.into_iter().flat_map(Evidence::by_external_id).any(|(id, _)| self.ids.contains(id))
    }
}
