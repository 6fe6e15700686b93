//! An account, as the list of the homeserver or of MAS shows it.

use serde::{Deserialize, Serialize};

use super::{KeycloakId, Links, Localpart, MasUserId, Recalled, Remembered, ServerName, Tie, UserId};

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
    /// What the state file remembers of its owner.
    pub remembered: Remembered,
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
    /// Returns whether two accounts whose names differ only in case may be one user in MAS.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::NotAsked, Self::NotAsked) => true,
            (Self::Known(one), Self::Known(other)) => one == other,
            _ => false,
        }
    }

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

impl AccountState {
    /// Returns the state of an account that MAS shows like this and Synapse like `synapse`. Only MAS keeps its owner from
    /// logging in (trap 47); but while Synapse shows no deactivation, MAS's job may be lost (trap 69).
    #[must_use]
    pub fn in_mas_and(self, synapse: Self) -> Self {
        Self { deactivated: self.deactivated && synapse.deactivated, locked: self.locked, erased: synapse.erased }
    }

    /// Returns whether its owner can log in.
    #[must_use]
    pub fn is_active(self) -> bool {
        !self.deactivated && !self.locked
    }
}

/// The state of an account at one moment, with what MAS alone shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenState {
    /// What has been done to it.
    pub state: AccountState,
    /// MAS has it deactivated, even if Synapse does not show it.
    pub deactivated_in_mas: bool,
}

impl SeenState {
    /// Returns whether its owner can log in.
    #[must_use]
    pub fn is_active(self) -> bool {
        self.state.is_active() && !self.deactivated_in_mas
    }

    /// Returns whether a lock is all that was done to it.
    #[must_use]
    pub fn is_only_locked(self) -> bool {
        self.state.locked && !self.state.deactivated && !self.deactivated_in_mas
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
            bot: false,
            mas: InMas::NotAsked,
            deactivated_in_mas: false,
            links: Links::default(),
            remembered: Remembered::default(),
        }
    }

    /// The localpart, in the homeserver's case.
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

    /// Returns the user that the newest link ties it to, or else the one that the state file remembers.
    #[must_use]
    pub fn tied_to(&self) -> Option<&KeycloakId> {
        self.links.newest().or_else(|| self.tied_by_memory().map(|(id, _)| id))
    }

    /// Returns the owner that the state file remembers, unless the file is older than the last run.
    #[must_use]
    pub fn tied_by_memory(&self) -> Option<(&KeycloakId, Tie)> {
        self.remembered_owner().filter(|(_, tie)| *tie != Tie::Restored)
    }

    /// Whether the account belongs to this homeserver.
    #[must_use]
    pub fn is_on(&self, server: &ServerName) -> bool {
        self.user_id.server_name() == server
    }
}
