//! Stores rows in order of their keys, and finds the n-th without counting all before it, which a
//! page of a million rows needs. The list stays live, so it is not copied.

use std::cell::Cell;
use std::fmt;

/// Rows per chunk. Fewer slow down the search for a row, more slow down an insertion.
const CHUNK: usize = 256;

struct Chunk<V> {
    rows: Vec<(String, V)>,
    /// How many of them lists show; unknown once one was returned to be changed.
    shown: Cell<Option<usize>>,
}

impl<V> Chunk<V> {
    fn new(rows: Vec<(String, V)>) -> Self {
        Self { rows, shown: Cell::new(None) }
    }

    fn shown(&self, shows: fn(&V) -> bool) -> usize {
        let count = self
            .shown
            .get()
            .unwrap_or_else(|| self.rows.iter().filter(|(_, row)| shows(row)).count());
        self.shown.set(Some(count));
        count
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.rows.binary_search_by(|(other, _)| other.as_str().cmp(key))
    }
}

/// A map in order of its keys, of which lists show some rows.
pub struct Sorted<V> {
    chunks: Vec<Chunk<V>>,
    len: usize,
    shows: fn(&V) -> bool,
}

impl<V> Sorted<V> {
    /// Creates an empty map; lists show the rows that `shows` selects.
    #[must_use]
    pub(super) fn showing(shows: fn(&V) -> bool) -> Self {
        Self { chunks: Vec::new(), len: 0, shows }
    }

    /// Returns how many rows there are, shown or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the row of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&V> {
        let chunk = self.chunks.get(self.chunk_of(key))?;
        Some(&chunk.rows[chunk.place(key).ok()?].1)
    }

    /// Returns whether there is a row of this key.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Returns all rows, shown or not.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &V)> {
        self.chunks.iter().flat_map(|chunk| &chunk.rows).map(|(key, row)| (key, row))
    }

    /// Returns all keys.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.iter().map(|(key, _)| key)
    }

    /// Returns how many rows lists show.
    #[must_use]
    pub(super) fn shown(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.shown(self.shows)).sum()
    }

    /// Returns the rows that lists show, from the n-th of them on.
    pub(super) fn shown_from(&self, mut skip: usize) -> impl Iterator<Item = (&String, &V)> {
        let mut first = 0;
        while let Some(chunk) = self.chunks.get(first)
            && skip >= chunk.shown(self.shows)
        {
            skip -= chunk.shown(self.shows);
            first += 1;
        }
        let rows = self.chunks[first..].iter().flat_map(|chunk| &chunk.rows);
        rows.filter(|(_, row)| (self.shows)(row)).skip(skip).map(|(key, row)| (key, row))
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        let at = self.chunk_of(key);
        let chunk = self.chunks.get_mut(at)?;
        let place = chunk.place(key).ok()?;
        chunk.shown.set(None);
        Some(&mut chunk.rows[place].1)
    }

    /// Returns the row of a key, which is created if there is none.
    pub(super) fn entry(&mut self, key: &str, make: impl FnOnce() -> V) -> &mut V {
        if self.chunks.is_empty() {
            self.chunks.push(Chunk::new(Vec::new()));
        }
        let mut at = self.chunk_of(key);
        if self.chunks[at].rows.len() == CHUNK && self.chunks[at].place(key).is_err() {
            // Most lists are filled at the end, which leaves full chunks behind.
            let half = if self.chunks[at].place(key) == Err(CHUNK) { CHUNK } else { CHUNK / 2 };
            let rest = self.chunks[at].rows.split_off(half);
            self.chunks[at].shown.set(None);
            self.chunks.insert(at + 1, Chunk::new(rest));
            at += usize::from(self.chunks[at].place(key) == Err(half));
        }
        let chunk = &mut self.chunks[at];
        chunk.shown.set(None);
        let place = chunk.place(key).unwrap_or_else(|place| {
            chunk.rows.insert(place, (key.to_owned(), make()));
            self.len += 1;
            place
        });
        &mut chunk.rows[place].1
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<V> {
        let at = self.chunk_of(key);
        let chunk = self.chunks.get_mut(at)?;
        let (_, row) = chunk.rows.remove(chunk.place(key).ok()?);
        chunk.shown.set(None);
        if chunk.rows.is_empty() {
            self.chunks.remove(at);
        }
        self.len -= 1;
        Some(row)
    }

    /// Returns the chunk that has the key, or would have it.
    fn chunk_of(&self, key: &str) -> usize {
        let begins_before =
            |chunk: &Chunk<V>| chunk.rows.first().is_some_and(|(first, _)| first.as_str() <= key);
        self.chunks.partition_point(begins_before).saturating_sub(1)
    }
}

impl<V> Default for Sorted<V> {
    fn default() -> Self {
        Self::showing(|_| true)
    }
}

impl<V: Clone> Clone for Sorted<V> {
    fn clone(&self) -> Self {
        let chunks = self.chunks.iter().map(|chunk| Chunk::new(chunk.rows.clone())).collect();
        Self { chunks, len: self.len, shows: self.shows }
    }
}

impl<V: fmt::Debug> fmt::Debug for Sorted<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Returns random-looking numbers, the same each time.
    fn chances() -> impl Iterator<Item = u64> {
        std::iter::successors(Some(7_u64), |last| {
            Some(
                last.wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407),
            )
        })
        .map(|number| number >> 33)
    }

    #[test]
    fn it_does_what_a_plain_ordered_map_does() {
        let mut sorted = Sorted::showing(|row: &u64| !row.is_multiple_of(3));
        let mut plain = BTreeMap::new();
        for (step, number) in (0_u64..20_000).zip(chances()) {
            let key = format!("{:04}", number % 3000);
            if number.is_multiple_of(5) {
                assert_eq!(sorted.remove(&key), plain.remove(&key));
            } else if let Some(row) = sorted.get_mut(&key) {
                *row = step;
                plain.insert(key, step);
            } else {
                sorted.entry(&key, || step);
                plain.insert(key, step);
            }
            if step.is_multiple_of(1000) {
                let shown: Vec<_> =
                    plain.iter().filter(|(_, row)| !row.is_multiple_of(3)).collect();
                assert_eq!((sorted.len(), sorted.shown()), (plain.len(), shown.len()));
                for skip in [
                    0,
                    1,
                    shown.len() / 2,
                    shown.len().saturating_sub(1),
                    shown.len(),
                    shown.len() + 1,
                ] {
                    assert!(
                        sorted.shown_from(skip).eq(shown.iter().skip(skip).copied()),
                        "{step} {skip}"
                    );
                }
            }
        }
        assert!(sorted.iter().eq(plain.iter()));
        assert!(plain.keys().all(|key| sorted.contains(key)) && !sorted.contains("none"));
    }

    #[test]
    fn an_empty_one_has_nothing_at_any_place() {
        let mut sorted: Sorted<()> = Sorted::default();
        assert!(
            sorted.is_empty()
                && sorted.shown_from(0).next().is_none()
                && sorted.remove("a").is_none()
        );
        sorted.entry("a", || ());
        sorted.remove("a");
        assert_eq!((sorted.len(), sorted.shown(), sorted.keys().count()), (0, 0, 0));
    }
}
