//! Members and accounts by what ties them. They come by the million, so what is kept here is row numbers.

use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// Row numbers, found by what stands in the row.
#[derive(Debug)]
pub(super) struct Index {
    hasher: DefaultHashBuilder,
    rows: HashTable<u32>,
}

impl Index {
    /// Returns an empty index with room for about so many rows.
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self { hasher: DefaultHashBuilder::default(), rows: HashTable::with_capacity(rows) }
    }

    /// Adds a row, even if another one has the same key.
    pub(super) fn add<K: Hash>(&mut self, row: u32, key: K, key_of: impl Fn(u32) -> K) {
        let hash = self.hasher.hash_one(key);
        self.rows.insert_unique(hash, row, |row| self.hasher.hash_one(key_of(*row)));
    }

    /// Returns a row of this key.
    pub(super) fn find<K: Hash + Eq>(&self, key: &K, key_of: impl Fn(u32) -> K) -> Option<u32> {
        self.rows.find(self.hasher.hash_one(key), |row| key_of(*row) == *key).copied()
    }

    /// Returns every row that the key may stand in; each has to be checked.
    pub(super) fn candidates<K: Hash>(&self, key: &K) -> impl Iterator<Item = u32> {
        self.rows.iter_hash(self.hasher.hash_one(key)).copied()
    }
}

/// Returns the rows that share their key with another one.
///
/// Sorting hashes goes through memory from one end to the other, which by the million is several times
/// faster than looking each key up.
pub(super) fn shared<K: Hash + Eq>(rows: impl Iterator<Item = u32>, key_of: impl Fn(u32) -> K) -> Vec<u32> {
    let hash_of = DefaultHashBuilder::default();
    let mut hashes: Vec<(u64, u32)> = rows.map(|row| (hash_of.hash_one(key_of(row)), row)).collect();
    hashes.sort_unstable();
    let mut shared = Vec::new();
    for same in hashes.chunk_by(|(one, _), (other, _)| one == other).filter(|same| same.len() > 1) {
        for (_, row) in same {
            let mut others = same.iter().filter(|(_, other)| other != row);
            if others.any(|(_, other)| key_of(*other) == key_of(*row)) {
                shared.push(*row);
            }
        }
    }
    shared
}
