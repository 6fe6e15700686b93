//! Reads the links between users of MAS and Keycloak. They survive a rename, and distinguish users
//! with the same name.

use std::cmp::Reverse;
use std::fmt;

use serde::Deserialize;

use super::MasReader;
use crate::http::HttpError;
use crate::mas_api::Resource;
use crate::model::{KeycloakId, Links, MasUserId, ServerText};
use crate::planner::Matching;
use crate::readers::packed_ids::{IdTexts, PackedId};
use crate::readers::{KeycloakReader, ReadError, UpstreamProvider};

/// The upstream provider of MAS that is the realm, a ULID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkProvider(ServerText);

impl LinkProvider {
    /// Returns its ULID, as MAS spells it.
    #[must_use]
    pub fn text(&self) -> &ServerText {
        &self.0
    }

    fn id(&self) -> &str {
        self.0.raw()
    }
}

impl fmt::Display for LinkProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Source: `GET /upstream-oauth-providers`.
#[derive(Debug, Deserialize)]
struct ProviderAttributes {
    /// Missing if MAS does not read the provider's metadata.
    issuer: Option<ServerText>,
    human_name: Option<ServerText>,
}

/// Source: `GET /upstream-oauth-links`.
#[derive(Debug, Deserialize)]
struct LinkAttributes {
    provider_id: Box<str>,
    /// The user's ID in Keycloak.
    subject: Box<str>,
    /// Missing while the user is still registering.
    user_id: Option<MasUserId>,
}

/// The links of many users.
#[derive(Debug, Default)]
pub struct LinkList {
    /// In order of users, the newest of each first.
    rows: Vec<LinkRow>,
    texts: IdTexts,
}

#[derive(Debug)]
struct LinkRow {
    user: PackedId,
    subject: PackedId,
    /// Its place in the list of MAS, oldest first; as bytes, which need no alignment.
    place: [u8; 4],
}

impl LinkList {
    fn new(mut rows: Vec<LinkRow>, texts: IdTexts) -> Self {
        rows.sort_unstable_by_key(|row| (row.user, Reverse(row.place)));
        Self { rows, texts }
    }

    /// Returns an error if there are links but no users: each link is a user's.
    pub(super) fn need_users(&self, users: usize) -> Result<(), ReadError> {
        match self.rows.len() {
            links if links > 0 && users == 0 => Err(ReadError::NoUsersInMas { links }),
            _ => Ok(()),
        }
    }

    /// Returns the links of one user.
    #[must_use]
    pub fn links_of_user(&self, user: &MasUserId) -> Links {
        let Some(user) = self.texts.find(user) else { return Links::default() };
        let begin = self.rows.partition_point(|row| row.user < user);
        let theirs = self.rows[begin..].iter().take_while(|row| row.user == user);
        theirs.map(|row| self.texts.unpack(row.subject)).collect()
    }
}

impl MasReader {
    /// Returns the provider whose links are read. Only `match = "upstream-link"` needs one if MAS
    /// has none, and `"localpart"` works without one that matches.
    pub async fn link_provider_in_use(
        &self,
        keycloak: &KeycloakReader,
    ) -> Result<Option<LinkProvider>, ReadError> {
        match (self.link_provider(keycloak).await, self.matching) {
            (Err(ReadError::NoProvider { .. }), Matching::Localpart) => Ok(None),
            (Err(ReadError::NoProvider { all, wanted, .. }), Matching::Auto)
                if all.is_empty() && self.provider.as_deref() != Some(wanted.raw()) =>
            {
                Ok(None)
            }
            // MAS before 1.4 has no such list, and the writer refuses it.
            (Err(ReadError::Http(error)), Matching::Auto | Matching::Localpart) => {
                self.mas.unless_too_old(error).await?;
                Ok(None)
            }
            (found, _) => found.map(Some),
        }
    }

    /// Returns the configured provider, or the one whose issuer is the realm's.
    pub async fn link_provider(
        &self,
        keycloak: &KeycloakReader,
    ) -> Result<LinkProvider, ReadError> {
        let realm = match self.provider {
            Some(_) => ServerText::default(),
            None => keycloak.issuer().await?,
        };
        let is_realm = |issuer: &ServerText| {
            issuer.raw().trim_end_matches('/') == realm.raw().trim_end_matches('/')
        };
        let every = |provider: Resource<ProviderAttributes>| Some(provider);
        let all = self.mas.list(&["upstream-oauth-providers"], &[], every, |_, _| {}).await?;
        let fits = |provider: &&Resource<ProviderAttributes>| match &self.provider {
            Some(wanted) => wanted.eq_ignore_ascii_case(&provider.id),
            None => provider.attributes.issuer.as_ref().is_some_and(is_realm),
        };
        match all.iter().filter(fits).collect::<Vec<_>>().as_slice() {
            [provider] => Ok(LinkProvider(provider.id.clone().into())),
            fitting => Err(ReadError::NoProvider {
                wanted: self.provider.clone().map_or(realm, ServerText::from),
                fitting: fitting.len(),
                all: all.iter().map(told).collect(),
            }),
        }
    }

    /// Reads the links of every user.
    pub async fn links(&self, provider: &LinkProvider) -> Result<LinkList, HttpError> {
        let filter = [("filter[provider]", provider.id())];
        self.link_list(provider, &filter).await
    }

    /// Reads the links that one user has now.
    pub async fn links_of(
        &self,
        id: &MasUserId,
        provider: &LinkProvider,
    ) -> Result<Links, HttpError> {
        Ok(self.link_list(provider, &[("filter[user]", &*id.text())]).await?.links_of_user(id))
    }

    /// Returns whether any account is linked to a user of Keycloak.
    pub async fn has_link(
        &self,
        subject: &KeycloakId,
        provider: &LinkProvider,
    ) -> Result<bool, HttpError> {
        let filter = [("filter[provider]", provider.id()), ("filter[subject]", &*subject.text())];
        let is_it = |Resource { attributes: link, .. }: Resource<LinkAttributes>| {
            let is_it = link.provider_id.eq_ignore_ascii_case(provider.id())
                && *link.subject == *subject.text()
                && link.user_id.is_some();
            is_it.then_some(())
        };
        let found = self.mas.shrinking_list(&["upstream-oauth-links"], &filter, is_it).await?;
        Ok(!found.is_empty())
    }

    /// Reads links in order of their IDs, which are ULIDs and grow with time. MAS ignores unknown
    /// filters and then returns every link, so each row is checked.
    async fn link_list(
        &self,
        provider: &LinkProvider,
        filter: &[(&str, &str)],
    ) -> Result<LinkList, HttpError> {
        let (mut texts, mut places) = (IdTexts::default(), 0_u32..);
        let make = |Resource { attributes: link, .. }: Resource<LinkAttributes>| {
            let ours = link.provider_id.eq_ignore_ascii_case(provider.id());
            let user = texts.pack(link.user_id.filter(|_| ours)?);
            Some(LinkRow {
                user,
                subject: texts.pack(KeycloakId::from(link.subject)),
                place: places.next()?.to_be_bytes(),
            })
        };
        let rows = self.mas.list(&["upstream-oauth-links"], filter, make, |_, _| {}).await?;
        Ok(LinkList::new(rows, texts))
    }
}

fn told(provider: &Resource<ProviderAttributes>) -> UpstreamProvider {
    UpstreamProvider {
        id: provider.id.clone().into(),
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
        let mut texts = IdTexts::default();
        let rows = rows.into_iter().zip(0_u32..).map(|((user, subject), place)| LinkRow {
            user: texts.pack(MasUserId::from(user)),
            subject: texts.pack(KeycloakId::from(subject)),
            place: place.to_be_bytes(),
        });
        let list = LinkList::new(rows.collect(), texts);
        let of = |user: &str| -> Vec<String> {
            list.links_of_user(&user.into()).iter().map(|id| id.text().into_owned()).collect()
        };
        assert_eq!(["01", "02", "03"].map(of), [vec!["a"], vec!["c", "b"], vec!["a"]]);
        assert_eq!(["", "00", "011", "04"].map(of), [const { Vec::<String>::new() }; 4]);
    }
}
