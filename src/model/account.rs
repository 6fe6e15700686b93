//! Defines an account, as the list of the homeserver or of MAS shows it.

use serde::{Deserialize, Serialize};

use super::{
    KeycloakId, Links, Localpart, MasUserId, Recalled, Remembered, ServerName, Tie, UserId,
};

/// One row of `GET /_synapse/admin/v3/users`, or of `GET /api/admin/v1/users`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The whole Matrix user ID.
    pub user_id: UserId,
    /// Deactivated, locked, erased.
    pub state: AccountState,
    pub admin: bool,
    /// Whether MAS makes its owner an administrator.
    pub mas_admin: MasAdmin,
    /// Whether `user_type` is `bot` or `support`.
    pub bot: bool,
    /// Whether MAS knows it, and by which ID.
    pub mas: InMas,
    /// Whether MAS has it deactivated, even if the homeserver shows it active, as after an
    /// interrupted activation.
    pub deactivated_in_mas: bool,
    /// The Keycloak users that MAS links it to (`upstream-oauth-links`); empty if links were not
    /// read.
    pub links: Links,
    /// The owner that the state file remembers.
    pub remembered: Remembered,
}

/// Whether the owner of an account may request administrator rights in MAS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MasAdmin {
    /// MAS was not asked.
    #[default]
    Unknown,
    No,
    Yes,
}

impl From<bool> for MasAdmin {
    fn from(is_admin: bool) -> Self {
        if is_admin { Self::Yes } else { Self::No }
    }
}

/// Whether MAS knows an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum InMas {
    /// MAS was not asked: mas-cli uses the name.
    #[default]
    NotAsked,
    /// MAS has no user of this name, for example for a bridge's account.
    Unknown,
    Known(MasUserId),
    /// MAS has several users whose names differ only in case, and none of them has exactly this
    /// name.
    Ambiguous,
}

impl InMas {
    /// Returns whether two accounts whose names differ only in case may be one user in MAS.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::NotAsked, Self::NotAsked) => true,
            (Self::Known(one), Self::Known(other)) => one == other,
            _ => false,
        }
    }

    /// Returns the ID, if it is known.
    #[must_use]
    pub fn id(&self) -> Option<&MasUserId> {
        match self {
            Self::Known(id) => Some(id),
            Self::NotAsked | Self::Unknown | Self::Ambiguous => None,
        }
    }
}

/// How an account is disabled, if it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// Deactivated: cannot log in; rooms and e-mail addresses are lost.
    pub deactivated: bool,
    /// Locked: cannot log in; everything is kept.
    pub locked: bool,
    /// Erased: messages and profile are gone.
    pub erased: bool,
}

impl AccountState {
    /// Combines this state from MAS with that from Synapse. Only MAS keeps the owner from logging
    /// in (trap 47), but if Synapse shows no deactivation, MAS's job may be lost (trap 69).
    #[must_use]
    pub fn in_mas_and(self, synapse: Self) -> Self {
        Self {
            deactivated: self.deactivated && synapse.deactivated,
            locked: self.locked,
            erased: synapse.erased,
        }
    }

    /// Returns whether its owner can log in.
    #[must_use]
    pub fn is_active(self) -> bool {
        !self.deactivated && !self.locked
    }
}

/// The state of an account at one moment, with the part that only MAS shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenState {
    pub state: AccountState,
    /// Whether MAS has it deactivated, even if Synapse does not show it.
    pub deactivated_in_mas: bool,
}

impl SeenState {
    /// Returns whether its owner can log in.
    #[must_use]
    pub fn is_active(self) -> bool {
        self.state.is_active() && !self.deactivated_in_mas
    }

    /// Returns whether it is locked and nothing else.
    #[must_use]
    pub fn is_only_locked(self) -> bool {
        self.state.locked && !self.is_deactivated()
    }

    /// Returns whether it is deactivated, even if only MAS shows it (trap 69).
    #[must_use]
    pub fn is_deactivated(self) -> bool {
        self.state.deactivated || self.deactivated_in_mas
    }

    /// Returns whether it is locked or deactivated and was not before.
    #[must_use]
    pub fn is_shut_further_than(self, before: Self) -> bool {
        (self.state.locked && !before.state.locked)
            || (self.is_deactivated() && !before.is_deactivated())
    }
}

impl Account {
    /// Returns an active account about which nothing else is known.
    #[must_use]
    pub fn active(user_id: UserId) -> Self {
        Self {
            user_id,
            state: AccountState::default(),
            admin: false,
            mas_admin: MasAdmin::Unknown,
            bot: false,
            mas: InMas::NotAsked,
            deactivated_in_mas: false,
            links: Links::default(),
            remembered: Remembered::default(),
        }
    }

    /// Returns the localpart, in the homeserver's case.
    #[must_use]
    pub fn localpart(&self) -> &Localpart {
        self.user_id.localpart()
    }

    /// Returns whether its owner can log in, as far as MAS and homeserver show it.
    #[must_use]
    pub fn can_log_in(&self) -> bool {
        self.seen().is_active()
    }

    /// Returns the state that the lists show.
    #[must_use]
    pub fn seen(&self) -> SeenState {
        SeenState { state: self.state, deactivated_in_mas: self.deactivated_in_mas }
    }

    /// Returns the owner that the state file remembers.
    #[must_use]
    pub fn remembered_owner(&self) -> Option<(&KeycloakId, Tie)> {
        match self.remembered.what()? {
            Recalled::SameAsLink => self.links.newest().map(|id| (id, Tie::Link)),
            Recalled::Owner(owner) => Some((&owner.id, owner.tie)),
        }
    }

    /// Returns the user of the newest link, or else the one that the state file remembers.
    #[must_use]
    pub fn tied_to(&self) -> Option<&KeycloakId> {
        self.links.newest().or_else(|| self.tied_by_memory().map(|(id, _)| id))
    }

    /// Returns the owner that the state file remembers, unless the file is older than the last run.
    #[must_use]
    pub fn tied_by_memory(&self) -> Option<(&KeycloakId, Tie)> {
        self.remembered_owner().filter(|(_, tie)| *tie != Tie::Restored)
    }

    /// Returns whether the account belongs to this homeserver.
    #[must_use]
    pub fn is_on(&self, server: &ServerName) -> bool {
        self.user_id.server_name() == server
    }
}
