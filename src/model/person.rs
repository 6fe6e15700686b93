//! What the second look at one person found, before they are disabled.

use serde::Serialize;

use super::{AccountState, KeycloakId, UserId};

/// The answers of both servers about one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What Keycloak says of them: one answer, or one for each user that the account is tied to.
    pub keycloak: Vec<KeycloakPerson>,
    /// What the homeserver, or MAS, says of the one account.
    pub account: AccountDetail,
}

impl Evidence {
    /// Whether Keycloak knows nobody whose account this could be. Where the account is tied to people (`links`), somebody
    /// else of its name is nobody it could belong to.
    #[must_use]
    pub fn is_unknown_to_keycloak(&self, links: &[KeycloakId]) -> bool {
        self.keycloak.iter().all(|person| match person {
            KeycloakPerson::Unknown | KeycloakPerson::OnlyRemembered { .. } => true,
            KeycloakPerson::Known { id, .. } => !links.is_empty() && !links.contains(id),
        })
    }
}

/// The evidence, or the error that stood in the way of it.
pub type Look = Result<Evidence, String>;

/// A person asked for by ID or exact username.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeycloakPerson {
    /// Keycloak does not know anyone of this name.
    Unknown,
    /// Keycloak answers for their ID from memory, but their directory, asked by name, does not know them any more: the
    /// same as unknown.
    OnlyRemembered {
        /// Their ID.
        id: KeycloakId,
        /// The paths of the groups that Keycloak remembers them in.
        groups: Vec<String>,
        /// The storage provider they came from.
        federation_link: Box<str>,
    },
    /// Keycloak knows them.
    Known {
        /// Their ID.
        id: KeycloakId,
        /// Whether Keycloak lets them in.
        enabled: bool,
        /// Whether one of their groups, other than those only remembered, is one of the groups of the configuration.
        in_group: bool,
        /// The paths of their groups, as Keycloak gives them.
        groups: Vec<String>,
        /// Those of them in which Keycloak only remembers them: asked at that moment, their directory counts them in no
        /// such group and counts others in it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        remembered: Vec<String>,
        /// The storage provider they come from.
        federation_link: Option<Box<str>>,
    },
}

impl KeycloakPerson {
    /// Whether this is nobody whom Keycloak knows by now.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown | Self::OnlyRemembered { .. })
    }
}

/// One account: what a list does not have, or what may have changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountDetail {
    /// Whose account this is.
    pub user_id: UserId,
    /// The application service (a bridge, say) that the account belongs to.
    pub appservice: Option<String>,
    /// An administrator of the homeserver.
    pub admin: bool,
    /// `user_type` is `bot` or `support`.
    pub bot: bool,
    /// What has become of it since the list was read.
    pub state: AccountState,
}
