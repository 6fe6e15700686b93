//! Which Keycloak user an account belongs to, as far as something says so.

use serde::{Deserialize, Serialize};

use super::KeycloakId;

/// What ties an account to a Keycloak user, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    /// An upstream link of MAS.
    Link,
    /// An external ID in Synapse that is the ID of a user of the realm.
    ExternalId,
    /// The name that the template gives the user.
    Name,
    /// Any of these, in a state file that is older than the last run. It ties nothing, and may only protect.
    Restored,
}

/// The Keycloak user an account was last seen to belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The user's ID in Keycloak, or the subject of the link.
    pub id: KeycloakId,
    /// What said so.
    pub tie: Tie,
}

/// What the state file remembers of an account's owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Remembered {
    /// Nothing: no complete reading has ever tied the account.
    #[default]
    Nothing,
    /// The same as the newest link; by the million, this takes no room.
    SameAsLink,
    /// This user.
    Owner(Box<Owner>),
}
