//! An account, as the list of the homeserver or of MAS shows it.

use serde::{Deserialize, Serialize};

use super::{Links, Localpart, MasUserId, ServerName, UserId};

/// One row of `GET /_synapse/admin/v3/users`, or of `GET /api/admin/v1/users`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The whole Matrix user ID.
    pub user_id: UserId,
    /// Deactivated, locked, erased.
    pub state: AccountState,
    /// An administrator of the homeserver.
    pub admin: bool,
    /// `user_type` is `bot` or `support`.
    pub bot: bool,
    /// What MAS calls it.
    pub mas: InMas,
    /// MAS has it deactivated, whatever the homeserver shows: an activation that broke off is done there first.
    pub deactivated_in_mas: bool,
    /// The Keycloak users that MAS links it to (`upstream-oauth-links`); empty if links were not read.
    pub links: Links,
}

/// Whether MAS knows an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum InMas {
    /// MAS was not asked: mas-cli goes by the name.
    #[default]
    NotAsked,
    /// MAS knows nobody of this name: a bridge's user, say.
    Unknown,
    /// MAS knows it by this ID.
    Known(MasUserId),
    /// MAS has several users whose names differ only in case, and none of them has exactly this name.
    Ambiguous,
}

impl InMas {
    /// The ID, where it is known.
    #[must_use]
    pub fn id(&self) -> Option<&MasUserId> {
        match self {
            Self::Known(id) => Some(id),
            Self::NotAsked | Self::Unknown | Self::Ambiguous => None,
        }
    }
}

/// What has been done to an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// Deactivated: cannot log in; the rooms were left and the e-mail addresses dropped.
    pub deactivated: bool,
    /// Locked: cannot log in; everything is kept.
    pub locked: bool,
    /// Erased: messages and profile are gone.
    pub erased: bool,
}

impl Account {
    /// The localpart, in the homeserver's case.
    #[must_use]
    pub fn localpart(&self) -> &Localpart {
        self.user_id.localpart()
    }

    /// Whether the account belongs to this homeserver.
    #[must_use]
    pub fn is_on(&self, server: &ServerName) -> bool {
        self.user_id.server_name() == server
    }
}
