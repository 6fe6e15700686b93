//! Decodes a list row by row, and makes each row smaller at once, so that a page of whole rows is
//! never in memory.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

struct RowDecoder<R, F> {
    make: F,
    row: PhantomData<fn() -> R>,
}

/// Decodes a text that is one list, and applies `make` to each row.
pub(super) fn each_row<'t, R: Deserialize<'t>, T>(
    text: &'t str,
    make: impl FnMut(R) -> T,
) -> Result<Vec<T>, serde_json::Error> {
    let mut answer = serde_json::Deserializer::from_str(text);
    let rows = RowDecoder { make, row: PhantomData }.deserialize(&mut answer)?;
    answer.end()?;
    Ok(rows)
}

impl<'t, R: Deserialize<'t>, T, F: FnMut(R) -> T> DeserializeSeed<'t> for RowDecoder<R, F> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'t>>(self, list: D) -> Result<Vec<T>, D::Error> {
        list.deserialize_seq(self)
    }
}

impl<'t, R: Deserialize<'t>, T, F: FnMut(R) -> T> Visitor<'t> for RowDecoder<R, F> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'t>>(mut self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = list.next_element()? {
            rows.push((self.make)(row));
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_all_of_the_text_or_an_error() {
        let read = |text: &str| each_row(text, |row: u8| row * 2).map_err(drop);
        assert_eq!(read("[1, 2]"), Ok(vec![2, 4]));
        assert_eq!(read("[]"), Ok(vec![]));
        for text in ["", "[1, 2", "[1] 2", "[1, \"2\"]", "{\"0\": 1}", "null"] {
            assert_eq!(read(text), Err(()), "{text}");
        }
    }
}
