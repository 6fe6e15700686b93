//! Indexes members and accounts. There may be millions, so it stores only row numbers.

use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// Row numbers, found by a key in the row.
#[derive(Debug)]
pub(super) struct RowIndex {
    hasher: DefaultHashBuilder,
    rows: HashTable<u32>,
}

impl RowIndex {
    /// Returns an empty index with room for about this many rows.
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self { hasher: DefaultHashBuilder::default(), rows: HashTable::with_capacity(rows) }
    }

    /// Adds a row, even if another one has the same key.
    pub(super) fn add<K: Hash>(&mut self, row: u32, key: K, key_of: impl Fn(u32) -> K) {
        let hash = self.hasher.hash_one(key);
        self.rows.insert_unique(hash, row, |row| self.hasher.hash_one(key_of(*row)));
    }

    /// Adds a row, and returns an earlier one with the same key, if there is one.
    pub(super) fn add_beside<K: Hash + Eq>(
        &mut self,
        row: u32,
        key: &K,
        key_of: impl Fn(u32) -> K,
    ) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        let other = self.rows.find(hash, |row| key_of(*row) == *key).copied();
        self.rows.insert_unique(hash, row, |row| self.hasher.hash_one(key_of(*row)));
        other
    }

    /// Returns a row of this key.
    pub(super) fn find<K: Hash + Eq>(&self, key: &K, key_of: impl Fn(u32) -> K) -> Option<u32> {
        self.rows.find(self.hasher.hash_one(key), |row| key_of(*row) == *key).copied()
    }

    /// Returns every row that may have the key; each has to be checked.
    pub(super) fn candidates<K: Hash>(&self, key: &K) -> impl Iterator<Item = u32> {
        self.rows.iter_hash(self.hasher.hash_one(key)).copied()
    }
}
