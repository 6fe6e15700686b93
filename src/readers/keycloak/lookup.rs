//! Finds users by what an administrator knows about them: ID, username or e-mail address.

use super::person::to_user;
use super::{KeycloakReader, UserRow};
use crate::http::HttpError;
use crate::model::{KeycloakId, KeycloakUser, Localpart};

/// A user that a text may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundUser {
    pub user: KeycloakUser,
    /// The account name by the template, or `None` if MAS would not accept it.
    pub localpart: Option<Localpart>,
}

impl KeycloakReader {
    /// Finds the users that have this ID, username or e-mail address, each once.
    ///
    /// Source: `GET …/users/{id}`, `GET …/users?username=…&exact=true`, and the same with
    /// `email=…`.
    pub async fn users_called(&self, text: &str) -> Result<Vec<FoundUser>, HttpError> {
        let mut rows: Vec<UserRow> = Vec::new();
        if looks_like_an_id(text) {
            rows.extend(self.user_of_id(&KeycloakId::from(text)).await?);
        }
        rows.extend(self.user_called(text).await?);
        if text.contains('@') {
            rows.extend(self.users_with_email(text).await?);
        }
        let mut found: Vec<FoundUser> = Vec::new();
        for row in rows {
            let user = to_user(&row);
            if found.iter().all(|other| other.user.id != user.id) {
                found.push(FoundUser { user, localpart: self.localpart(&row).ok() });
            }
        }
        Ok(found)
    }

    /// Returns the users of an e-mail address; a realm may allow several.
    async fn users_with_email(&self, email: &str) -> Result<Vec<UserRow>, HttpError> {
        let query = [("email", email), ("exact", "true"), ("briefRepresentation", "true")];
        let mut found: Vec<UserRow> = self.get(&["users"], &query).await?;
        let other = found.first().map(|user| user.username.clone());
        let wanted = email.to_lowercase();
        found.retain(|user| user.email.as_ref().is_some_and(|has| has.to_lowercase() == wanted));
        match other {
            Some(other) if found.is_empty() => {
                Err(self.api.about_another(&self.path(&["users"]), &query, &other))
            }
            _ => Ok(found),
        }
    }
}

/// Returns whether a text may be an ID of a user: a UUID, or `f:PROVIDER:NAME`.
fn looks_like_an_id(text: &str) -> bool {
    let is_uuid = text.len() == 36
        && text.char_indices().all(|(place, character)| match place {
            8 | 13 | 18 | 23 => character == '-',
            _ => character.is_ascii_hexdigit(),
        });
    let is_federated = text.strip_prefix("f:").is_some_and(|rest| rest.contains(':'));
    is_uuid || (is_federated && !text.contains(['/', '?', '#', '%']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_keycloak_are_recognised() {
        let uuid = "0ba50303-5dc2-4485-ad77-acd8b74f5b9f";
        for id in [uuid, "f:ldap-1:alice"] {
            assert!(looks_like_an_id(id), "{id}");
        }
        for text in ["alice", "f:alice", "f:a:b/../c", "0ba50303-5dc2-4485-ad77-acd8b74f5b9", ""] {
            assert!(!looks_like_an_id(text), "{text}");
        }
    }
}
