//! Defines what ties an account to a Keycloak user.

use std::sync::{Arc, LazyLock};

use strum::{IntoStaticStr, VariantArray};

use super::KeycloakId;

/// What ties an account to a Keycloak user, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Tie {
    /// An upstream link of MAS.
    Link,
    /// An external ID in Synapse that is the ID of a user of the realm.
    ExternalId,
    /// The user's name by the template.
    Name,
    /// Any of these, in a state file that is older than the last run. It ties nothing, and only
    /// protects.
    Restored,
}

/// The Keycloak user an account was last seen to belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The user's ID in Keycloak, or the subject of the link.
    pub id: KeycloakId,
    pub tie: Tie,
}

/// The owner that the state file remembers, if a complete reading has ever tied the account. There
/// may be millions of accounts, so this is one pointer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered(Option<Arc<Recalled>>);

/// The owner that is remembered.
#[derive(Debug, PartialEq, Eq)]
pub enum Recalled {
    /// The user of the newest link.
    SameAsLink,
    Owner(Owner),
}

impl Remembered {
    /// Returns that the user of the newest link is remembered; all of these share one value.
    #[must_use]
    pub fn same_as_link() -> Self {
        static SAME_AS_LINK: LazyLock<Arc<Recalled>> =
            LazyLock::new(|| Arc::new(Recalled::SameAsLink));
        Self(Some(SAME_AS_LINK.clone()))
    }

    /// Returns that this user is remembered.
    #[must_use]
    pub fn owner(owner: Owner) -> Self {
        Self(Some(Arc::new(Recalled::Owner(owner))))
    }

    /// Returns what is remembered, if anything is.
    #[must_use]
    pub fn what(&self) -> Option<&Recalled> {
        self.0.as_deref()
    }
}
