//! The ties between users of MAS and users of Keycloak: they survive a rename, and tell a namesake from the person.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;

use super::MasReader;
use crate::http::HttpError;
use crate::mas_api::Resource;
use crate::model::{KeycloakId, MasUserId};
use crate::readers::{KeycloakReader, ReadError, UpstreamProvider};

/// The upstream provider of MAS that is the realm, a ULID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkProvider(String);

impl fmt::Display for LinkProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Source: `GET /upstream-oauth-providers`.
#[derive(Debug, Deserialize)]
struct ProviderAttributes {
    /// Missing where MAS does not ask the provider for its description.
    issuer: Option<String>,
    human_name: Option<String>,
}

/// Source: `GET /upstream-oauth-links`.
#[derive(Debug, Deserialize)]
struct LinkAttributes {
    provider_id: Box<str>,
    /// The user's ID in Keycloak.
    subject: Box<str>,
    /// Nobody's yet while somebody is registering.
    user_id: Option<MasUserId>,
}

impl MasReader {
    /// The provider of the configuration, or the one whose issuer is the realm's.
    pub async fn link_provider(&self, keycloak: &KeycloakReader) -> Result<LinkProvider, ReadError> {
        let realm = match self.provider {
            Some(_) => String::new(),
            None => keycloak.issuer().await?,
        };
        let is_realm = |issuer: &String| issuer.trim_end_matches('/') == realm.trim_end_matches('/');
        let every = |provider: Resource<ProviderAttributes>| Some(provider);
        let all = self.mas.list(&["upstream-oauth-providers"], &[], every, |_, _| {}).await?;
        let fits = |provider: &&Resource<ProviderAttributes>| match &self.provider {
            Some(wanted) => wanted.eq_ignore_ascii_case(&provider.id),
            None => provider.attributes.issuer.as_ref().is_some_and(is_realm),
        };
        match all.iter().filter(fits).collect::<Vec<_>>().as_slice() {
            [provider] => Ok(LinkProvider(provider.id.to_string())),
            fitting => Err(ReadError::NoProvider {
                wanted: self.provider.clone().unwrap_or(realm),
                fitting: fitting.len(),
                all: all.iter().map(told).collect(),
            }),
        }
    }

    /// Whom of Keycloak each user is tied to, by the user's ULID.
    pub(super) async fn links(
        &self,
        provider: &LinkProvider,
    ) -> Result<HashMap<MasUserId, Vec<KeycloakId>>, HttpError> {
        let filter = [("filter[provider]", provider.0.as_str())];
        let mut links: HashMap<_, Vec<_>> = HashMap::new();
        for (user_id, subject) in self.rows(provider, &filter).await? {
            links.entry(user_id).or_default().push(subject);
        }
        Ok(links)
    }

    /// Whom of Keycloak one user is tied to now.
    pub async fn links_of(&self, id: &MasUserId, provider: &LinkProvider) -> Result<Vec<KeycloakId>, HttpError> {
        let rows = self.rows(provider, &[("filter[user]", &*id.text())]).await?;
        Ok(rows.into_iter().filter(|(user_id, _)| user_id == id).map(|(_, subject)| subject).collect())
    }

    /// A filter that MAS does not know is ignored, and the answer is everybody: each row has to say for itself.
    async fn rows(
        &self,
        provider: &LinkProvider,
        filter: &[(&str, &str)],
    ) -> Result<Vec<(MasUserId, KeycloakId)>, HttpError> {
        let make = |Resource { attributes: link, .. }: Resource<LinkAttributes>| {
            let ours = link.provider_id.eq_ignore_ascii_case(&provider.0);
            link.user_id.filter(|_| ours).map(|user_id| (user_id, link.subject.into()))
        };
        self.mas.list(&["upstream-oauth-links"], filter, make, |_, _| {}).await
    }
}

fn told(provider: &Resource<ProviderAttributes>) -> UpstreamProvider {
    UpstreamProvider {
        id: provider.id.to_string(),
        issuer: provider.attributes.issuer.clone(),
        name: provider.attributes.human_name.clone(),
    }
}
