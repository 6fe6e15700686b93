//! The ties between users of MAS and users of Keycloak: they survive a rename, and tell a namesake from the person.

use std::fmt;

use reqwest::StatusCode;
use serde::Deserialize;

use super::MasReader;
use crate::http::HttpError;
use crate::mas_api::Resource;
use crate::model::{KeycloakId, Links, MasUserId};
use crate::planner::Matching;
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

/// The links of many users.
#[derive(Debug, Default)]
pub struct LinkList {
    /// In order of user ID; of one user, the newest link first.
    rows: Vec<(MasUserId, KeycloakId)>,
}

impl LinkList {
    fn new(oldest_first: Vec<(MasUserId, KeycloakId)>) -> Self {
        let mut rows = oldest_first;
        rows.reverse();
        // A stable sort, so the links of one user keep their order.
        rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self { rows }
    }

    /// Returns the links of one user.
    #[must_use]
    pub fn of(&self, user: &MasUserId) -> Links {
        let begin = self.rows.partition_point(|(other, _)| other < user);
        let theirs = self.rows[begin..].iter().take_while(|(other, _)| other == user);
        theirs.map(|(_, subject)| subject.clone()).collect()
    }
}

impl MasReader {
    /// Returns the provider whose links are read. Only `match = "upstream-link"` needs one if MAS has none, and
    /// `"localpart"` does without one that fits.
    pub async fn link_provider_in_use(&self, keycloak: &KeycloakReader) -> Result<Option<LinkProvider>, ReadError> {
        match (self.link_provider(keycloak).await, self.matching) {
            (Err(ReadError::NoProvider { .. }), Matching::Localpart) => Ok(None),
            (Err(ReadError::NoProvider { all, wanted, .. }), Matching::Auto)
                if all.is_empty() && self.provider.as_ref() != Some(&wanted) =>
            {
                Ok(None)
            }
            // MAS before 1.4 has no such list, and the writer refuses it.
            (Err(ReadError::Http(error)), Matching::Auto | Matching::Localpart)
                if error.status() == Some(StatusCode::NOT_FOUND) =>
            {
                Ok(None)
            }
            (found, _) => found.map(Some),
        }
    }

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

    /// Reads the links of every user.
    pub async fn links(&self, provider: &LinkProvider) -> Result<LinkList, HttpError> {
        let filter = [("filter[provider]", provider.0.as_str())];
        Ok(LinkList::new(self.rows(provider, &filter).await?))
    }

    /// Reads the links that one user has now.
    pub async fn links_of(&self, id: &MasUserId, provider: &LinkProvider) -> Result<Links, HttpError> {
        let rows = self.rows(provider, &[("filter[user]", &*id.text())]).await?;
        Ok(LinkList::new(rows).of(id))
    }

    /// Returns user and subject of each link, oldest first: MAS lists links by their IDs, and ULIDs
    /// grow with time. MAS ignores a filter that it does not know and answers with every link, so
    /// each row is checked.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_by_user_newest_first() {
        let rows = [("02", "b"), ("01", "a"), ("02", "c"), ("03", "a")];
        let list = LinkList::new(rows.map(|(user, id)| (user.into(), id.into())).into());
        let of =
            |user: &str| -> Vec<String> { list.of(&user.into()).iter().map(|id| id.text().into_owned()).collect() };
        assert_eq!(["01", "02", "03"].map(of), [vec!["a"], vec!["c", "b"], vec!["a"]]);
        assert_eq!(["", "00", "011", "04"].map(of), [const { Vec::<String>::new() }; 4]);
    }
}
