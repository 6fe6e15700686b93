//! Adds the owners that the state file remembers to the accounts of a reading.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher as _;

use super::Facts;
use crate::model::{Account, Localpart, Owner, Remembered, Tie};

/// Finds the accounts of this homeserver by their localparts, spelled as the server spells them.
#[derive(Debug)]
pub struct AccountsByLocalpart {
    hasher: DefaultHashBuilder,
    rows: HashTable<u32>,
}

impl AccountsByLocalpart {
    /// Indexes the accounts of a reading. The index is valid until accounts are added, removed or
    /// moved.
    #[must_use]
    pub fn new(facts: &Facts) -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut rows = HashTable::with_capacity(facts.accounts.len());
        let hash_of = |row: u32| hasher.hash_one(facts.accounts[row as usize].localpart().as_str());
        for (row, account) in (0..).zip(&facts.accounts) {
            if account.is_on(&facts.server_name) {
                rows.insert_unique(hash_of(row), row, |row| hash_of(*row));
            }
        }
        Self { hasher, rows }
    }

    /// Notes the owner of the account with this localpart, or that the account is gone.
    pub fn remember(&self, facts: &mut Facts, localpart: &str, owner: Owner) {
        let is_it = |row: &u32| facts.accounts[*row as usize].localpart().as_str() == localpart;
        if let Some(row) = self.rows.find(self.hasher.hash_one(localpart), is_it) {
            facts.accounts[*row as usize].remember(owner);
        } else {
            let key = Localpart::from(localpart).key().into();
            facts.memory.former_owners.insert(key, owner.id);
        }
    }
}

impl Account {
    /// Notes the owner of the account; the user of the newest link takes no memory.
    pub fn remember(&mut self, owner: Owner) {
        let is_as_linked = owner.tie == Tie::Link && self.links.newest() == Some(&owner.id);
        self.remembered =
            if is_as_linked { Remembered::same_as_link() } else { Remembered::owner(owner) };
    }
}

impl Facts {
    /// Notes the users of accounts that this program has begun to create, as far as nothing else does.
    /// They may have other names since then.
    pub fn recall_creations(&mut self) {
        let Self { accounts, memory, .. } = self;
        for account in accounts.iter_mut().filter(|_| !memory.creations.is_empty()) {
            let begun = memory.creations.get(&account.user_id);
            if let Some(begun) = begun.filter(|_| account.remembered.what().is_none()) {
                account.remember(Owner { id: begun.user.clone(), tie: Tie::Name });
            }
        }
    }

    /// Notes the owners of a few accounts, and drops what was noted about them before.
    pub fn recall(&mut self, localparts: &[Localpart], owners: &[(Localpart, Owner)]) {
        for account in &mut self.accounts {
            if !account.is_on(&self.server_name) || !localparts.contains(account.localpart()) {
                continue;
            }
            account.remembered = Remembered::default();
            let owner = owners.iter().find(|(localpart, _)| localpart == account.localpart());
            if let Some((_, owner)) = owner {
                account.remember(owner.clone());
            }
        }
    }
}
