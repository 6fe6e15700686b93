//! An account, as the list of the homeserver shows it.

use super::{Localpart, ServerName, UserId};

/// One row of `GET /_synapse/admin/v3/users`.
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
}

/// What has been done to an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
    pub fn localpart(&self) -> Localpart {
        self.user_id.localpart()
    }

    /// Whether the account belongs to this homeserver.
    #[must_use]
    pub fn is_on(&self, server: &ServerName) -> bool {
        self.user_id.server_name() == *server
    }
}
