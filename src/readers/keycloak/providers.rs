//! Reads the directories behind Keycloak (LDAP, Active Directory): its user storage providers.

use reqwest::StatusCode;
use serde::Deserialize;

use super::KeycloakReader;
use crate::http::HttpError;

#[derive(Debug, Deserialize)]
struct Component {
    id: Box<str>,
}

impl KeycloakReader {
    /// Returns the IDs of the realm's user storage providers, as in `federationLink` of users.
    /// Returns `None` if the role `view-realm` is missing, which nothing else needs.
    ///
    /// Source: `GET …/components?type=org.keycloak.storage.UserStorageProvider`.
    pub async fn providers(&self) -> Result<Option<Vec<Box<str>>>, HttpError> {
        let query = [("type", "org.keycloak.storage.UserStorageProvider")];
        let answer: Result<Vec<Component>, HttpError> = self.get(&["components"], &query).await;
        match answer {
            Ok(components) => {
                Ok(Some(components.into_iter().map(|component| component.id).collect()))
            }
            Err(error) if error.status() == Some(StatusCode::FORBIDDEN) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
