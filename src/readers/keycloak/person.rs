//! The reverse question: not "who is in the group" but "which groups is this person in".

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::{Group, KeycloakReader, UserRow};
use crate::http::{HttpError, none_if_missing};
use crate::model::{KeycloakId, KeycloakPerson, Localpart};
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
        self.by_name.get(&localpart.key()).map_or(&[], Vec::as_slice)
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
    path: String,
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
            Some(id) => none_if_missing(self.get(&["users", id.as_str()], &[]).await)?,
            None if self.template.is_username() => self.user_by_name(localpart).await?,
            // Nobody's localpart is this one.
            None => None,
        };
        let Some(user) = user else { return Ok(KeycloakPerson::Unknown) };
        let path = ["users", &*user.id, "groups"];
        let of_user: Vec<GroupOfUser> = self.get(&path, &[("briefRepresentation", "true")]).await?;
        Ok(KeycloakPerson::Known {
            in_group: of_user.iter().any(|of| groups.iter().any(|group| self.is_in(of, group))),
            groups: of_user.into_iter().map(|group| group.path).collect(),
            enabled: user.enabled,
            federation_link: user.provider(),
            id: user.id.into(),
        })
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
        let users = self.whole_list(&["users"], "the users of the realm", &Tally::default()).await?;
        let mut owners = Owners::default();
        for user in users {
            let id = KeycloakId::from(user.id.clone());
            if let Ok(localpart) = self.localpart(&user) {
                owners.by_name.entry(localpart.key()).or_default().push(id.clone());
            }
            owners.everyone.insert(id);
        }
        Ok(Some(owners))
    }

    /// The user of that username; Keycloak keeps usernames in lower case.
    async fn user_by_name(&self, localpart: &Localpart) -> Result<Option<UserRow>, HttpError> {
        let name = localpart.key();
        let query = [("username", name.as_str()), ("exact", "true"), ("briefRepresentation", "true")];
        let found: Vec<UserRow> = self.get(&["users"], &query).await?;
        Ok(found.into_iter().find(|user| user.username.to_lowercase() == name))
    }
}
