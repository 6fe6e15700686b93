//! Defines the accounts a partial run is about.

use std::collections::HashSet;

use crate::model::UserId;

/// Accounts that may have changed since the last complete reading. All others only count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanScope(HashSet<UserId>);

impl PlanScope {
    /// Returns whether there are no accounts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the accounts.
    pub fn iter(&self) -> impl Iterator<Item = &UserId> {
        self.0.iter()
    }

    /// Returns whether it contains an account.
    #[must_use]
    pub fn covers(&self, user_id: &UserId) -> bool {
        self.0.contains(user_id)
    }
}

impl Extend<UserId> for PlanScope {
    fn extend<I: IntoIterator<Item = UserId>>(&mut self, accounts: I) {
        self.0.extend(accounts);
    }
}
