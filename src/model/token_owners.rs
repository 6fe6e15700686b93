//! Defines the accounts behind the credentials in use.

use super::{Account, MasUserId, UserId};

/// Accounts that own a token in use, or that it acts as: without them the next run would fail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenOwners {
    /// The owner of Synapse's admin token, if Synapse is asked.
    pub synapse: Option<UserId>,
    /// The users behind the personal access tokens of MAS in use, if MAS lists them.
    pub mas: Vec<MasUserId>,
    /// The user that Synapse's admin token acts as, if it is a personal access token whose owner
    /// MAS does not show.
    pub without_owner: Option<UserId>,
}

impl TokenOwners {
    /// Returns whether an account owns a token in use.
    #[must_use]
    pub fn include(&self, account: &Account) -> bool {
        let in_mas = account.mas.id().is_some_and(|id| self.mas.contains(id));
        in_mas || self.synapse.as_ref() == Some(&account.user_id)
    }
}
