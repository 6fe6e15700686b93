//! Stores weak signs that an account may be a member's, as fingerprints, because there may be
//! millions of members.
//!
//! A fingerprint never ties an account to a user. At worst, two texts that share one keep an
//! account.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZeroU8;

/// A text, folded and hashed to five bytes; the same text has the same fingerprint in every run.
/// One text in 300,000 shares a fingerprint with one of the three signs of a million members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint {
    // A byte that is never zero makes room for the absence of a sign.
    first: NonZeroU8,
    rest: [u8; 4],
}

impl Fingerprint {
    /// Returns the fingerprint of a text without regard to case, or `None` if it is blank.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        text.to_lowercase().hash(&mut hasher);
        let [first, rest @ .., _, _, _] = hasher.finish().to_be_bytes();
        Some(Self { first: NonZeroU8::new(first).unwrap_or(NonZeroU8::MIN), rest })
    }
}

/// The parts of a Keycloak user that an account may show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signs {
    pub username: Option<Fingerprint>,
    /// The e-mail address.
    pub email: Option<Fingerprint>,
    /// First and last name, if both are set.
    pub full_name: Option<Fingerprint>,
}

impl Signs {
    /// Returns the signs of a user.
    #[must_use]
    pub fn new(
        username: &str,
        email: Option<&str>,
        first: Option<&str>,
        last: Option<&str>,
    ) -> Self {
        Self {
            username: Fingerprint::new(username),
            email: email.and_then(Fingerprint::new),
            full_name: full_name(first, last).as_deref().and_then(Fingerprint::new),
        }
    }
}

/// Returns first and last name as one text, if both are set.
#[must_use]
pub fn full_name(first: Option<&str>, last: Option<&str>) -> Option<String> {
    let (first, last) = (first?.trim(), last?.trim());
    (!first.is_empty() && !last.is_empty()).then(|| format!("{first} {last}"))
}

/// Returns the name that Synapse once escaped into this localpart, or `None` if nothing in it is
/// escaped.
///
/// Source: trap 50, Synapse's `map_username_to_mxid_localpart`: each byte outside `a-z0-9._=/-`
/// (newer versions keep `+` too), a leading `_` and `=` itself become `=` and two hexadecimal
/// digits.
#[must_use]
pub fn unescape_localpart(localpart: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(localpart.len());
    let mut rest = localpart.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'=' {
            bytes.push(byte);
            continue;
        }
        let (high, low) = (hex_digit(rest.next()?)?, hex_digit(rest.next()?)?);
        bytes.push(high << 4 | low);
    }
    let name = String::from_utf8(bytes).ok()?;
    let is_escaped = name != localpart;
    let fits = escape(&name, Plus::Escaped) == localpart || escape(&name, Plus::Kept) == localpart;
    (is_escaped && fits).then_some(name)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    Kept,
    Escaped,
}

fn escape(name: &str, plus: Plus) -> String {
    let mut localpart = String::new();
    for (place, byte) in name.bytes().enumerate() {
        let is_plain = match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'/' | b'-' => true,
            b'_' => place > 0,
            b'+' => plus == Plus::Kept,
            _ => false,
        };
        if is_plain {
            localpart.push(char::from(byte));
        } else {
            let _ = write!(localpart, "={byte:02x}");
        }
    }
    localpart
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_escaped_by_synapse_are_read_back() {
        for (localpart, name) in [
            ("j=c3=bcrgen", Some("jürgen")),
            ("o=27brien", Some("o'brien")),
            ("=5fx", Some("_x")),
            ("a=2bb", Some("a+b")),
            ("a+b=3d", Some("a+b=")),
            ("alice", None),
            ("a+b", None),
            ("a=b", None),
            ("a=61b", None),
            ("a=C3=BC", None),
            ("a=ff", None),
            ("a=2", None),
            ("x=5fy", None),
        ] {
            assert_eq!(unescape_localpart(localpart).as_deref(), name, "{localpart}");
        }
    }

    #[test]
    fn signs_by_the_million_are_small() {
        assert_eq!(size_of::<Signs>(), 15);
    }

    #[test]
    fn full_name_needs_both_parts() {
        assert_eq!(full_name(Some(" Ada "), Some("Byron")).as_deref(), Some("Ada Byron"));
        assert_eq!(full_name(Some("Ada"), Some(" ")), None);
        assert_eq!(full_name(None, Some("Byron")), None);
    }

    proptest! {
        #[test]
        fn every_escaped_name_is_read_back(name in "\\PC{1,12}") {
            for plus in [Plus::Kept, Plus::Escaped] {
                let localpart = escape(&name, plus);
                let expected = (localpart != name).then_some(name.clone());
                prop_assert_eq!(unescape_localpart(&localpart), expected);
            }
        }
    }
}
