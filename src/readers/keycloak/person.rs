//! The reverse question: not "who is in the group" but "which groups is this person in".

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::{Group, KeycloakReader, Representation, Unread, UserRow};
use crate::http::{HttpError, none_if_missing};
use crate::localpart::Attributes;
use crate::model::{KeycloakId, KeycloakPerson, Localpart};
use crate::readers::text::Text;
use crate::readers::{ReadError, Tally};

/// The users of a realm by the localparts that the template gives them.
#[derive(Debug, Default)]
pub struct Owners {
    by_name: HashMap<String, Vec<KeycloakId>>,
    everyone: HashSet<KeycloakId>,
}

impl Owners {
    /// Who has this localpart; more than one where the template does not tell people apart.
    #[must_use]
    pub fn of(&self, localpart: &Localpart) -> &[KeycloakId] {
        self.by_name.get(&*localpart.key()).map_or(&[], Vec::as_slice)
    }

    /// Whether the list of users holds this person.
    #[must_use]
    pub fn know(&self, id: &KeycloakId) -> bool {
        self.everyone.contains(id)
    }
}

/// A user's ID, and the localpart if the template gives one.
type NamedUser = (KeycloakId, Option<Localpart>);

#[derive(Debug, Deserialize)]
pub(super) struct GroupOfUser {
    pub(super) id: Box<str>,
    pub(super) name: String,
    pub(super) path: String,
}

/// A user, and the groups that Keycloak gives for them.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) user: UserRow,
    pub(super) groups: Vec<GroupOfUser>,
}

impl KeycloakReader {
    /// Asks for one person, by ID where it is known, else by exact username where that is the localpart.
    ///
    /// Source: `GET …/users/{id}` or `GET …/users?username=…&exact=true`, then `GET …/users/{id}/groups`.
    pub async fn person(
        &self,
        id: Option<&KeycloakId>,
        localpart: &Localpart,
        groups: &[Group],
    ) -> Result<KeycloakPerson, HttpError> {
        Ok(match self.find_user(id, localpart).await? {
            Some(found) => self.as_told(&found, groups),
            None => KeycloakPerson::Unknown,
        })
    }

    /// The user of this ID, or of this name, with their groups.
    pub(super) async fn find_user(
        &self,
        id: Option<&KeycloakId>,
        localpart: &Localpart,
    ) -> Result<Option<Found>, HttpError> {
        let user = match id {
            Some(id) => none_if_missing(self.get(&["users", &id.text()], &[]).await)?,
            None if self.template.is_username() => self.user_called(&localpart.key()).await?,
            // Nobody's localpart is this one.
            None => None,
        };
        match user {
            Some(user) => self.with_groups(user).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn with_groups(&self, user: UserRow) -> Result<Found, HttpError> {
        let groups = self.get(&["users", &user.id, "groups"], &[("briefRepresentation", "true")]).await?;
        Ok(Found { user, groups })
    }

    /// What Keycloak tells, with nothing left out of it.
    pub(super) fn as_told(&self, Found { user, groups: of_user }: &Found, groups: &[Group]) -> KeycloakPerson {
        KeycloakPerson::Known {
            in_group: of_user.iter().any(|of| self.opens(of, groups)),
            groups: of_user.iter().map(|group| group.path.clone()).collect(),
            remembered: Vec::new(),
            enabled: user.enabled,
            federation_link: user.provider().map(Into::into),
            id: (*user.id).into(),
        }
    }

    /// Whether being in this group is being in one of the groups of the configuration.
    pub(super) fn opens(&self, of: &GroupOfUser, groups: &[Group]) -> bool {
        groups.iter().any(|group| self.is_in(of, group))
    }

    /// With subgroups, a group below counts too, one that is newer than the reading of the groups as well.
    fn is_in(&self, of: &GroupOfUser, group: &Group) -> bool {
        let below = || of.path.strip_prefix(&group.path).is_some_and(|rest| rest.starts_with('/'));
        group.id.as_str() == &*of.id || (self.include_subgroups && below())
    }

    /// Whom the accounts belong to, where the username does not tell: every user of the realm by localpart. `None` where
    /// the template is just the username, and people can be asked for by name.
    ///
    /// Source: `GET …/users`, in pages.
    pub async fn owners(&self) -> Result<Option<Owners>, ReadError> {
        if self.template.is_username() {
            return Ok(None);
        }
        let users = if self.template.needs_attributes() {
            self.users::<Attributes>().await?
        } else {
            self.users::<Unread>().await?
        };
        let mut owners = Owners::default();
        for (id, localpart) in users {
            if let Some(localpart) = localpart {
                owners.by_name.entry(localpart.key().into_owned()).or_default().push(id.clone());
            }
            owners.everyone.insert(id);
        }
        Ok(Some(owners))
    }

    /// Reads every user of the realm with the localpart that the template gives them.
    async fn users<A: Representation>(&self) -> Result<Vec<NamedUser>, ReadError> {
        let named = |user: UserRow<Text<'_>, A>| {
            let localpart = self.localpart(&user).ok();
            ((*user.id).into(), localpart)
        };
        let tally = Tally::default();
        self.whole_list(&["users"], "the users of the realm", &tally, named, |(id, _)| id).await
    }

    /// The user of that username. Keycloak keeps usernames in lower case; a storage provider may not.
    pub(super) async fn user_called(&self, name: &str) -> Result<Option<UserRow>, HttpError> {
        let needs_attributes = self.template.needs_attributes();
        let brief = if needs_attributes { Attributes::BRIEF } else { Unread::BRIEF };
        let query = [("username", name), ("exact", "true"), ("briefRepresentation", brief)];
        let found: Vec<UserRow> = self.get(&["users"], &query).await?;
        let name = name.to_lowercase();
        Ok(found.into_iter().find(|user| user.username.to_lowercase() == name))
    }
}
