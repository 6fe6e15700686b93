//! Computes the digest of a plan, so that approving one plan approves no other.

use std::fmt::{self, Write as _};
use std::str::FromStr;

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
    /// Computes the digest over version, server name, writer, disable mode and actions only, so
    /// that someone's first login does not invalidate an approval.
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

impl Digest {
    /// Returns the first digits, by which people recognise a plan.
    #[must_use]
    pub fn short(&self) -> &str {
        let digits = self.0.strip_prefix("sha256:").unwrap_or(&self.0);
        digits.get(..FEWEST_DIGITS).unwrap_or(digits)
    }

    /// Returns enough digits that no one can make two plans with the same ones, for a command that
    /// approves.
    #[must_use]
    pub fn approving(&self) -> &str {
        let digits = self.0.strip_prefix("sha256:").unwrap_or(&self.0);
        digits.get(..APPROVING_DIGITS).unwrap_or(digits)
    }

    /// Returns whether an approval names this digest.
    #[must_use]
    pub fn is_meant_by(&self, approved: &ApprovedDigest) -> bool {
        self.0.strip_prefix("sha256:").is_some_and(|digits| digits.starts_with(&approved.0))
    }
}

/// The digest, or the first digits of it, that an administrator has approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovedDigest(String);

/// The minimum number of digits of an approval.
const FEWEST_DIGITS: usize = 8;
/// The number of digits in commands that approve: half as many bits are safe from a chosen collision.
const APPROVING_DIGITS: usize = 32;

impl FromStr for ApprovedDigest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex && (FEWEST_DIGITS..=64).contains(&digits.len()) {
            Ok(Self(digits))
        } else {
            Err(format!(
                "expected the digest of a plan, or its first {FEWEST_DIGITS} or more hexadecimal digits"
            ))
        }
    }
}

impl fmt::Display for ApprovedDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits_name_a_digest_and_fewer_do_not() {
        let digest = Digest::from("sha256:0123456789abcdef".to_owned());
        assert_eq!(digest.short(), "01234567");
        for (text, is_meant) in [
            ("sha256:0123456789abcdef", Some(true)),
            ("01234567", Some(true)),
            ("0123456789ABCDEF", Some(true)),
            ("sha256:0123456789", Some(true)),
            ("01234568", Some(false)),
            ("0123456", None),
            ("", None),
            ("sha256:", None),
            ("0123456g", None),
        ] {
            let approved = text.parse::<ApprovedDigest>().ok();
            assert_eq!(approved.map(|approved| digest.is_meant_by(&approved)), is_meant, "{text}");
        }
    }
}
