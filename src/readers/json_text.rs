//! Borrows texts from an answer, without a copy if possible.

use std::borrow::Cow;
use std::ops::Deref;

use serde::Deserialize;

/// A text that is borrowed from the answer unless it contains escapes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct JsonText<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for JsonText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}
