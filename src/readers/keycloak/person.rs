//! The reverse question: not "who is in the group" but "which groups is this person in".

use serde::Deserialize;

use super::{Group, KeycloakReader, UserRow};
use crate::http::{HttpError, none_if_missing};
use crate::model::{KeycloakId, KeycloakPerson, Localpart};

#[derive(Debug, Deserialize)]
struct GroupOfUser {
    id: Box<str>,
    path: String,
}

impl KeycloakReader {
    /// Asks for one person, by ID where it is known, else by exact username.
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
            None => self.user_by_name(localpart).await?,
        };
        let Some(user) = user else { return Ok(KeycloakPerson::Unknown) };
        let path = ["users", &*user.id, "groups"];
        let Some(of_user) = none_if_missing(self.get(&path, &[("briefRepresentation", "true")]).await)? else {
            return Ok(KeycloakPerson::Unknown);
        };
        let of_user: Vec<GroupOfUser> = of_user;
        Ok(KeycloakPerson::Known {
            in_group: of_user.iter().any(|of| groups.iter().any(|group| group.id.as_str() == &*of.id)),
            groups: of_user.into_iter().map(|group| group.path).collect(),
            id: user.id.into(),
            enabled: user.enabled,
            federation_link: user.federation_link,
        })
    }

    /// The user whose account this is: one of that username whom the template does not name otherwise.
    async fn user_by_name(&self, localpart: &Localpart) -> Result<Option<UserRow>, HttpError> {
        let query = [("username", localpart.as_str()), ("exact", "true"), ("briefRepresentation", "true")];
        let found: Vec<UserRow> = self.get(&["users"], &query).await?;
        Ok(found.into_iter().find(|user| {
            user.username.to_lowercase() == localpart.key()
                && self.localpart(user).is_ok_and(|named| named.key() == localpart.key())
        }))
    }
}
