//! Collects the rows of a list, each once. Two lists of a million rows have to fit into a small
//! machine, so the index keeps only their numbers.

use std::hash::{BuildHasher, Hash};
use std::ops::Index;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Rows in order of their first appearance.
#[derive(Debug)]
pub(super) struct UniqueRows<T, F> {
    in_order: Vec<T>,
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
    key: F,
}

impl<T, K: Hash + Eq + ?Sized, F: Fn(&T) -> &K> UniqueRows<T, F> {
    /// Creates an empty list whose rows differ by `key`.
    pub(super) fn new(key: F) -> Self {
        Self {
            in_order: Vec::new(),
            places: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            key,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.in_order.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    /// Returns whether there is a row with this key.
    pub(super) fn knows(&self, key: &K) -> bool {
        self.place(key).is_some()
    }

    /// Returns whether there is a row with the same key.
    pub(super) fn knows_row(&self, row: &T) -> bool {
        self.knows((self.key)(row))
    }

    /// Adds a row and returns its place. It replaces a row with the same key.
    pub(super) fn put(&mut self, row: T) -> u32 {
        if let Some(place) = self.place((self.key)(&row)) {
            self.in_order[place as usize] = row;
            place
        } else {
            let place =
                u32::try_from(self.in_order.len()).expect("fewer rows than any server has users");
            let hash_of = |row: &T| self.hasher.hash_one((self.key)(row));
            self.places.insert_unique(hash_of(&row), place, |place| {
                hash_of(&self.in_order[*place as usize])
            });
            self.in_order.push(row);
            place
        }
    }

    pub(super) fn clear(&mut self) {
        self.in_order.clear();
        self.places.clear();
    }

    pub(super) fn into_vec(self) -> Vec<T> {
        self.in_order
    }

    /// Returns the place of the row with this key.
    pub(super) fn place(&self, key: &K) -> Option<u32> {
        let is_it = |place: &u32| (self.key)(&self.in_order[*place as usize]) == key;
        self.places.find(self.hasher.hash_one(key), is_it).copied()
    }
}

impl<T, F> Index<u32> for UniqueRows<T, F> {
    type Output = T;

    fn index(&self, place: u32) -> &T {
        &self.in_order[place as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_of_a_key_counts_and_keeps_the_place_of_the_first() {
        let mut rows = UniqueRows::new(|(name, _): &(String, u32)| name);
        for (name, number) in [("a", 1), ("b", 2), ("a", 3)] {
            rows.put((name.to_owned(), number));
        }
        assert!(rows.knows(&"b".to_owned()) && !rows.knows(&"c".to_owned()));
        assert_eq!(rows.into_vec(), [("a".to_owned(), 3), ("b".to_owned(), 2)]);
    }
}
