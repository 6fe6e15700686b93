//! Reads and writes values as columns.

use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::StateProblem;
use crate::model::{UserId, Word};

/// Reads a variant of an enum. A newer version may know more of them.
pub(super) fn word<T: Word>(row: &Row<'_>, column: usize) -> Result<T, StateProblem> {
    parsed(text(row, column)?)
}

/// Reads a variant of an enum, if there is one.
pub(super) fn word_if_any<T: Word>(
    row: &Row<'_>,
    column: usize,
) -> Result<Option<T>, StateProblem> {
    let value = row.get_ref(column)?;
    let word =
        value.as_str_or_null().map_err(|error| StateProblem::Row(error.to_string().into()))?;
    word.map(parsed).transpose()
}

fn parsed<T: Word>(word: &str) -> Result<T, StateProblem> {
    T::from_word(word).ok_or_else(|| StateProblem::Word(word.into()))
}

/// Reads a Matrix user ID.
pub(super) fn user_id(row: &Row<'_>, column: usize) -> Result<UserId, StateProblem> {
    UserId::try_from(Box::from(text(row, column)?))
        .map_err(|error| StateProblem::Row(error.to_string().into()))
}

pub(super) fn text<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r str, StateProblem> {
    let value = row.get_ref(column)?;
    value.as_str().map_err(|error| StateProblem::Row(error.to_string().into()))
}

pub(super) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("strings and numbers always serialize")
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StateProblem> {
    serde_json::from_str(text).map_err(|error| StateProblem::Row(error.to_string().into()))
}
