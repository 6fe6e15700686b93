//! Stores upstream providers and links: which Keycloak user is which user of MAS (trap 30).

use std::collections::BTreeMap;

use serde::Serialize;

use super::state::MasState;
use crate::standins::{ids, time};

/// An upstream provider. What is serialized are the attributes that every Admin API shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Provider {
    /// The ULID.
    #[serde(skip)]
    pub id: String,
    /// The issuer: of a Keycloak, the realm's URL.
    pub issuer: Option<String>,
    /// A name for people.
    pub human_name: Option<String>,
    pub brand_name: Option<String>,
    /// When it was first configured.
    pub created_at: String,
    /// When it was removed from the configuration.
    pub disabled_at: Option<String>,
    /// Whether new users need a token.
    #[serde(skip)]
    pub registration_token_required: bool,
}

impl Provider {
    /// Creates an enabled provider with this ULID and issuer.
    #[must_use]
    pub fn new(id: &str, issuer: &str) -> Self {
        Self {
            id: id.to_owned(),
            issuer: Some(issuer.to_owned()),
            human_name: None,
            brand_name: None,
            created_at: time::now_rfc3339(),
            disabled_at: None,
            registration_token_required: false,
        }
    }
}

/// A link. What is serialized are the attributes that the Admin API shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The ULID.
    #[serde(skip)]
    pub id: String,
    /// When its user first logged in that way.
    pub created_at: String,
    pub provider_id: String,
    /// The user's ID at the provider, which survives a rename.
    pub subject: String,
    /// The user's ULID; `None` until the registration is finished.
    pub user_id: Option<String>,
    /// A name for people.
    pub human_account_name: Option<String>,
}

impl Link {
    /// Creates a link between a provider's subject and a user.
    #[must_use]
    pub fn new(provider_id: &str, subject: &str, user_id: &str) -> Self {
        Self {
            id: ids::ulid(),
            created_at: time::now_rfc3339(),
            provider_id: provider_id.to_owned(),
            subject: subject.to_owned(),
            user_id: Some(user_id.to_owned()),
            human_account_name: None,
        }
    }
}

impl Link {
    /// Returns the link as if it had been created at this time, in milliseconds since 1970; its
    /// ULID matches.
    #[must_use]
    pub fn made_at(self, millis: u64) -> Self {
        Self { id: ids::ulid_at(millis), created_at: time::rfc3339(millis * 1000), ..self }
    }
}

/// All providers and links by ULID.
#[derive(Debug, Default)]
pub(super) struct Upstream {
    pub(super) providers: BTreeMap<String, Provider>,
    pub(super) links: BTreeMap<String, Link>,
}

impl MasState {
    /// Adds a provider.
    pub fn add_provider(&mut self, provider: Provider) {
        self.upstream.providers.insert(provider.id.clone(), provider);
    }

    /// Returns a provider by ULID, to change.
    pub fn provider_mut(&mut self, id: &str) -> Option<&mut Provider> {
        self.upstream.providers.get_mut(id)
    }

    /// Adds a link.
    pub fn add_link(&mut self, link: Link) {
        self.upstream.links.insert(link.id.clone(), link);
    }

    /// Returns all links by ULID.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.upstream.links.values()
    }

    /// Keeps only the links that the function selects.
    pub fn retain_links(&mut self, keep: impl Fn(&Link) -> bool) {
        self.upstream.links.retain(|_, link| keep(link));
    }

    /// Removes every link of a user.
    pub fn unlink(&mut self, user_id: &str) {
        self.upstream.links.retain(|_, link| link.user_id.as_deref() != Some(user_id));
    }
}
