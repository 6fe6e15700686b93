//! Defines the accounts behind the credentials in use.

use super::{Account, MasUserId, UserId};

/// Accounts that own a token in use, or that it acts as: without them the next run would fail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenOwners {
    /// The owner of Synapse's admin token, if Synapse is asked.
    pub synapse: Option<UserId>,
    /// The bot that writes to `notify.room`, if there is one.
    pub notifier: Option<UserId>,
    /// The users behind the personal access tokens of MAS in use, if MAS lists them.
    pub mas: Vec<MasUserId>,
    /// The user that Synapse's admin token acts as, if it is a personal access token whose owner
    /// MAS does not show.
    pub without_owner: Option<UserId>,
    /// Why the owner of the bot's token is not known, if it is not.
    pub unknown_notifier: Option<UnknownNotifier>,
}

/// Why the owner of the bot's token is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnknownNotifier {
    /// Synapse refuses the token.
    Refused,
    /// It is a personal access token that acts as this user, and MAS does not show its owner.
    ActsAs(UserId),
}

impl TokenOwners {
    /// Returns whether an account owns a token in use.
    #[must_use]
    pub fn include(&self, account: &Account) -> bool {
        let in_mas = account.mas.id().is_some_and(|id| self.mas.contains(id));
        let mut by_name = self.synapse.iter().chain(&self.notifier);
        in_mas || by_name.any(|owner| *owner == account.user_id)
    }
}
