//! A text of an answer that need not be copied out of it.

use std::borrow::Cow;
use std::ops::Deref;

use serde::Deserialize;

/// Borrowed from the answer wherever it stands there as it is meant.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}
