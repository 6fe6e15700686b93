//! Reads one user and their groups: the reverse of the member list.

use futures_util::future::try_join;

use super::group_tree::GroupPlace;
use super::{GroupTree, KeycloakReader, Membership, Representation as _, Unread, UserRow};
use crate::http::{HttpError, Missing, none_if_missing};
use crate::localpart::Attributes;
use crate::model::{KeycloakId, KeycloakPerson, KeycloakUser, Localpart, ServerText, Timestamp};
use crate::readers::ReadError;

/// A user, and the groups that Keycloak lists for them.
#[derive(Debug)]
pub(super) struct UserWithGroups {
    pub(super) user: UserRow,
    pub(super) groups: Vec<GroupPlace>,
    /// For each of the groups, whether its members count as members of a configured group.
    counts: Vec<bool>,
    /// The configured roles that the user has.
    roles: Vec<ServerText>,
}

impl UserWithGroups {
    /// Returns the groups that make the user a member.
    pub(super) fn groups_that_count(&self) -> impl Iterator<Item = &GroupPlace> {
        self.groups.iter().zip(&self.counts).filter(|(_, counts)| **counts).map(|(group, _)| group)
    }

    /// Returns whether a group or a role makes the user a member.
    pub(super) fn is_member(&self) -> bool {
        !self.roles.is_empty() || self.groups_that_count().next().is_some()
    }

    /// Returns whether a role makes the user a member.
    pub(super) fn has_role(&self) -> bool {
        !self.roles.is_empty()
    }
}

impl KeycloakReader {
    /// Reads one user, by ID if it is known, else by the username that is the localpart.
    ///
    /// Source: `GET …/users/{id}` or `GET …/users?username=…&exact=true`, then `GET
    /// …/users/{id}/groups`, and with roles `GET …/users/{id}/role-mappings/…/composite`.
    pub async fn person(
        &self,
        id: Option<&KeycloakId>,
        localpart: &Localpart,
        membership: &Membership,
    ) -> Result<KeycloakPerson, ReadError> {
        Ok(match self.find_user(id, localpart, &GroupTree::new(membership)).await? {
            Some(found) => as_told(&found),
            None => KeycloakPerson::Unknown,
        })
    }

    /// Reads the user of this ID, or of this name, with their groups.
    pub(super) async fn find_user(
        &self,
        id: Option<&KeycloakId>,
        localpart: &Localpart,
        tree: &GroupTree<'_>,
    ) -> Result<Option<UserWithGroups>, ReadError> {
        let user = match id {
            Some(id) => self.user_of_id(id).await?,
            None => {
                self.user_called(&localpart.key()).await?.filter(|user| self.names(user, localpart))
            }
        };
        match user {
            Some(user) => self.with_groups(user, tree).await.map(Some),
            None => Ok(None),
        }
    }

    /// Returns whether the user has this localpart by the template.
    pub(super) fn names(&self, user: &UserRow, localpart: &Localpart) -> bool {
        self.localpart(user).is_ok_and(|theirs| theirs.key() == localpart.key())
    }

    pub(super) async fn with_groups(
        &self,
        user: UserRow,
        tree: &GroupTree<'_>,
    ) -> Result<UserWithGroups, ReadError> {
        let groups = async { Ok(self.groups_of(&user).await?) };
        let (groups, roles) = try_join(groups, self.roles_held(&user.id, tree.roles())).await?;
        self.placed(user, groups, roles, tree).await
    }

    pub(super) async fn groups_of(&self, user: &UserRow) -> Result<Vec<GroupPlace>, HttpError> {
        let path = ["users", &*user.id, "groups"];
        self.get(&path, &[("briefRepresentation", "true")]).await
    }

    /// Finds out which of a user's groups count. `roles` are the configured roles they have.
    pub(super) async fn placed(
        &self,
        user: UserRow,
        groups: Vec<GroupPlace>,
        roles: Vec<ServerText>,
        tree: &GroupTree<'_>,
    ) -> Result<UserWithGroups, ReadError> {
        let mut counts = Vec::with_capacity(groups.len());
        for group in &groups {
            counts.push(self.counts(group, tree).await?);
        }
        Ok(UserWithGroups { user, groups, counts, roles })
    }

    /// Returns whether the realm has a user of this ID.
    ///
    /// Source: `GET …/users/{id}`.
    pub async fn has_user(&self, id: &KeycloakId) -> Result<bool, HttpError> {
        Ok(id.can_be_asked_for() && self.user_of_id(id).await?.is_some())
    }

    /// Returns the user of an ID.
    pub(super) async fn user_of_id(&self, id: &KeycloakId) -> Result<Option<UserRow>, HttpError> {
        let id_text = id.text();
        let path = ["users", &*id_text];
        let found: Option<UserRow> = none_if_missing(Missing::User, self.get(&path, &[]).await)?;
        match &found {
            Some(other) if *other.id != *id_text => {
                Err(self.api.about_another(&self.path(&path), &[], &other.id))
            }
            _ => Ok(found),
        }
    }

    /// Returns the user of that username. Keycloak keeps usernames in lower case; a storage
    /// provider may not.
    pub(super) async fn user_called(&self, name: &str) -> Result<Option<UserRow>, HttpError> {
        let brief =
            if self.template.needs_attributes() { Attributes::BRIEF } else { Unread::BRIEF };
        let query = [("username", name), ("exact", "true"), ("briefRepresentation", brief)];
        let found: Vec<UserRow> = self.get(&["users"], &query).await?;
        let other = found.first().map(|user| user.username.clone());
        let name = name.to_lowercase();
        let user = found.into_iter().find(|user| user.username.to_lowercase() == name);
        match (user, other) {
            (None, Some(other)) => {
                Err(self.api.about_another(&self.path(&["users"]), &query, &other))
            }
            (user, _) => Ok(user),
        }
    }
}

/// Returns what Keycloak says, without any correction.
pub(super) fn as_told(found: &UserWithGroups) -> KeycloakPerson {
    let row = &found.user;
    KeycloakPerson::Known {
        in_group: found.is_member(),
        groups: found.groups.iter().map(|group| group.path.clone()).collect(),
        remembered: Vec::new(),
        roles: found.roles.clone(),
        enabled: row.enabled,
        locked_out: row.is_locked_out(),
        created: row.created_timestamp.map(Timestamp::from_millis),
        federation_link: row.provider().map(Into::into),
        user: to_user(row),
    }
}

/// Returns a user as people know them.
pub(super) fn to_user(row: &UserRow) -> KeycloakUser {
    let name = joined_name(row.first_name.as_deref(), row.last_name.as_deref());
    KeycloakUser {
        id: (*row.id).into(),
        username: row.username.clone().into(),
        name: name.map(ServerText::from),
        email: row.email.clone().map(ServerText::from),
    }
}

/// Returns first and last name, as far as they are set.
pub(super) fn joined_name(first: Option<&str>, last: Option<&str>) -> Option<String> {
    let names = [first, last].into_iter().flatten().map(str::trim);
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn name_of_a_user_is_what_is_set_of_first_and_last_name() {
        let name = |names: Value| {
            let mut row = json!({"id": "1", "username": "dora", "enabled": true});
            row.as_object_mut().expect("an object").extend(names.as_object().expect("one").clone());
            let row: UserRow = serde_json::from_value(row).expect("a row");
            to_user(&row).name.map(|name| name.raw().to_owned())
        };
        let both = json!({"firstName": "Dora ", "lastName": "Doe"});
        assert_eq!(name(both).as_deref(), Some("Dora Doe"));
        assert_eq!(name(json!({"firstName": " ", "lastName": "Doe"})).as_deref(), Some("Doe"));
        assert_eq!(name(json!({"firstName": ""})), None);
    }
}
