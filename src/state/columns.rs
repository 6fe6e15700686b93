//! Reads and writes values as columns.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::StateProblem;
use crate::model::{UserId, Word};

/// Reads a variant of an enum.
pub(super) fn from_word<T: Word>(word: &str) -> Result<T, StateProblem> {
    T::from_word(word).ok_or_else(|| StateProblem::Row(format!("unknown word {word:?}").into()))
}

/// Reads a Matrix user ID.
pub(super) fn user_id(text: &str) -> Result<UserId, StateProblem> {
    UserId::try_from(Box::from(text)).map_err(|error| StateProblem::Row(error.to_string().into()))
}

pub(super) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("strings and numbers always serialize")
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StateProblem> {
    serde_json::from_str(text).map_err(|error| StateProblem::Row(error.to_string().into()))
}
