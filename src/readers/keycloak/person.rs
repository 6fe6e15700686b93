//! The reverse question: not "who is in the group" but "which groups is this person in".

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::{Group, KeycloakReader, UserRow};
use crate::http::{HttpError, none_if_missing};
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

#[derive(Debug, Deserialize)]
struct GroupOfUser {
    id: Box<str>,
    name: String,
    path: String,
}

#[derive(Debug, Deserialize)]
struct Count {
    count: u64,
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
        let user = match id {
            Some(id) => none_if_missing(self.get(&["users", &id.text()], &[]).await)?,
            None if self.template.is_username() => self.user_called(&localpart.key()).await?,
            // Nobody's localpart is this one.
            None => None,
        };
        let Some(user) = user else { return Ok(KeycloakPerson::Unknown) };
        let of_user = self.groups_of(&user.id).await?;
        Ok(KeycloakPerson::Known {
            in_group: of_user.iter().any(|of| self.opens(of, groups)),
            groups: of_user.into_iter().map(|group| group.path).collect(),
            enabled: user.enabled,
            federation_link: user.provider().map(Into::into),
            id: user.id.into(),
        })
    }

    /// The person without the groups that they have left in their directory and that Keycloak only remembers them in. It
    /// remembers who is in which group for as long as it remembers the person, by default for ever, but counts anew each
    /// time. The count is believed only where it also finds one of the `witnesses`, listed members of the same directory:
    /// one that is down has nobody in any group, and not every release has to count what is in a directory.
    ///
    /// Source: `GET …/users/{id}/groups/count?search=NAME`, the number of their groups whose name contains NAME.
    pub async fn as_counted(
        &self,
        person: &KeycloakPerson,
        witnesses: &[&KeycloakId],
        groups: &[Group],
    ) -> Result<KeycloakPerson, HttpError> {
        let mut person = person.clone();
        if let KeycloakPerson::Known { id, in_group, groups: paths, .. } = &mut person {
            let mut still_in = Vec::new();
            for of in self.groups_of(&id.text()).await? {
                if !self.opens(&of, groups) || !self.has_left(id, &of, witnesses).await? {
                    still_in.push(of);
                }
            }
            *in_group = still_in.iter().any(|of| self.opens(of, groups));
            *paths = still_in.into_iter().map(|of| of.path).collect();
        }
        Ok(person)
    }

    /// The person, unless their directory does not know them any more: whoever was deleted there, Keycloak remembers by ID
    /// and does not find by name. That counts as [`Self::as_counted`] does, where a witness is found.
    ///
    /// Source: `GET …/users?username=…&exact=true`, which is never answered from memory.
    pub async fn as_found(
        &self,
        person: KeycloakPerson,
        witnesses: &[&KeycloakId],
        groups: &[Group],
    ) -> Result<KeycloakPerson, HttpError> {
        let KeycloakPerson::Known { id, .. } = &person else { return Ok(person) };
        let Some(user) = none_if_missing::<UserRow>(self.get(&["users", &id.text()], &[]).await)? else {
            return Ok(KeycloakPerson::Unknown);
        };
        let found = self.user_called(&user.username).await?;
        if found.is_some_and(|found| *found.id == *id.text()) {
            return Ok(person);
        }
        for of in self.groups_of(&id.text()).await?.iter().filter(|of| self.opens(of, groups)) {
            if !self.is_any_in(witnesses, of).await? {
                return Ok(person);
            }
        }
        Ok(KeycloakPerson::Unknown)
    }

    async fn has_left(&self, id: &KeycloakId, of: &GroupOfUser, witnesses: &[&KeycloakId]) -> Result<bool, HttpError> {
        Ok(self.count(id, of).await? == 0 && self.is_any_in(witnesses, of).await?)
    }

    async fn is_any_in(&self, witnesses: &[&KeycloakId], of: &GroupOfUser) -> Result<bool, HttpError> {
        for witness in witnesses {
            if self.count(witness, of).await? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn count(&self, id: &KeycloakId, of: &GroupOfUser) -> Result<u64, HttpError> {
        let Count { count } = self.get(&["users", &id.text(), "groups", "count"], &[("search", &of.name)]).await?;
        Ok(count)
    }

    async fn groups_of(&self, id: &str) -> Result<Vec<GroupOfUser>, HttpError> {
        self.get(&["users", id, "groups"], &[("briefRepresentation", "true")]).await
    }

    /// Whether being in this group is being in one of the groups of the configuration.
    fn opens(&self, of: &GroupOfUser, groups: &[Group]) -> bool {
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
        let who = |user: UserRow<Text<'_>>| (KeycloakId::from(&*user.id), self.localpart(&user).ok());
        let path = ["users"];
        let users = self.whole_list(&path, "the users of the realm", &Tally::default(), who, |(id, _)| id).await?;
        let mut owners = Owners::default();
        for (id, localpart) in users {
            if let Some(localpart) = localpart {
                owners.by_name.entry(localpart.key().into_owned()).or_default().push(id.clone());
            }
            owners.everyone.insert(id);
        }
        Ok(Some(owners))
    }

    /// The user of that username; Keycloak keeps usernames in lower case.
    async fn user_called(&self, name: &str) -> Result<Option<UserRow>, HttpError> {
        let query = [("username", name), ("exact", "true"), ("briefRepresentation", "true")];
        let found: Vec<UserRow> = self.get(&["users"], &query).await?;
        Ok(found.into_iter().find(|user| user.username.to_lowercase() == name))
    }
}
