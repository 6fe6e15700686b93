//! The digest that names a plan, so that approving one plan approves no other.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{ActionKind, DisableMode, Reason, WriterKind};
use crate::model::{Localpart, ServerName};

/// `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

/// The version of the plan format; part of the digest. Version 0.1 of the program wrote 1.
pub const PLAN_VERSION: u32 = 2;

impl Digest {
    /// Over version, server name, writer, disable mode and the actions; over nothing else, so that someone who
    /// logs in for the first time does not take an approval away.
    #[must_use]
    pub fn new<'a>(
        version: u32,
        server_name: &ServerName,
        writer: WriterKind,
        disable: DisableMode,
        actions: impl Iterator<Item = (ActionKind, &'a Localpart, Reason)>,
    ) -> Self {
        let facts = (version, server_name, writer, disable, actions.collect::<Vec<_>>());
        let canonical = serde_json::to_vec(&facts).expect("strings and numbers always serialize");
        let mut text = String::from("sha256:");
        for byte in Sha256::digest(&canonical) {
            write!(text, "{byte:02x}").expect("a string takes everything");
        }
        Self(text)
    }
}

impl From<String> for Digest {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
