//! Stores millions of identifiers as the 16 bytes that most of them encode.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Timestamp;
use super::text::printable;

/// 16 bytes if the text is the usual form of 16 bytes; any other text, including another form of
/// the same bytes, as it is.
#[derive(Clone, PartialEq, Eq)]
enum Id {
    Bytes([u8; 16]),
    Text(Box<str>),
}

impl Ord for Id {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bytes(one), Self::Bytes(other)) => {
                u128::from_be_bytes(*one).cmp(&u128::from_be_bytes(*other))
            }
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            (Self::Bytes(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Bytes(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            // A number is hashed far faster than bytes with their length.
            Self::Bytes(bytes) => u128::from_ne_bytes(*bytes).hash(state),
            Self::Text(text) => text.hash(state),
        }
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $read:path, $write:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "Box<str>", into = "Box<str>")]
        pub struct $name(Id);

        impl $name {
            /// Returns the ID as the server sent it.
            #[must_use]
            pub fn text(&self) -> Cow<'_, str> {
                match &self.0 {
                    Id::Bytes(bytes) => $write(*bytes).into(),
                    Id::Text(text) => (&**text).into(),
                }
            }
        }

        impl $name {
            /// Returns the 16 bytes that the text encodes, if it does.
            #[must_use]
            pub fn bytes(&self) -> Option<[u8; 16]> {
                match self.0 {
                    Id::Bytes(bytes) => Some(bytes),
                    Id::Text(_) => None,
                }
            }
        }

        impl From<[u8; 16]> for $name {
            fn from(bytes: [u8; 16]) -> Self {
                Self(Id::Bytes(bytes))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self($read(text).map_or_else(|| Id::Text(text.into()), Id::Bytes))
            }
        }

        impl From<Box<str>> for $name {
            fn from(text: Box<str>) -> Self {
                Self::from(&*text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::from(&*text)
            }
        }

        impl From<$name> for Box<str> {
            fn from(id: $name) -> Self {
                id.text().into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&printable(&self.text()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.text()).finish()
            }
        }
    };
}

id! {
    /// The ID of a user in Keycloak: a UUID, or `f:PROVIDER:NAME` for federated users that are not
    /// imported.
    KeycloakId, read_uuid, write_uuid
}
id! {
    /// The ID of a user in MAS, a ULID: unlike the name, it never belongs to another user.
    MasUserId, read_ulid, write_ulid
}

impl KeycloakId {
    /// Returns whether Keycloak can be asked for this ID, as one part of a path. The subject of a
    /// link may be anything; with a slash, only IDs of users that are not imported are allowed.
    #[must_use]
    pub fn can_be_asked_for(&self) -> bool {
        let text = self.text();
        let is_part = !["", ".", ".."].contains(&&*text) && text.len() <= 255;
        is_part && (text.starts_with("f:") || !text.contains('/'))
    }
}

/// The bits of a ULID behind its time.
const RANDOM_BITS: u32 = 80;

impl MasUserId {
    /// Returns the smallest ID that MAS may create at a time.
    #[must_use]
    pub fn first_at(at: Timestamp) -> Self {
        let millis = u128::try_from(at.as_millis()).unwrap_or(0);
        Self::from((millis << RANDOM_BITS).to_be_bytes())
    }

    /// Returns when MAS created the ID, if it is a ULID.
    #[must_use]
    pub fn made_at(&self) -> Option<Timestamp> {
        let millis = u128::from_be_bytes(self.bytes()?) >> RANDOM_BITS;
        i64::try_from(millis).ok().map(Timestamp::from_millis)
    }
}

fn read_uuid(text: &str) -> Option<[u8; 16]> {
    let uuid = Uuid::try_parse(text).ok()?;
    (*uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == *text)
        .then(|| uuid.into_bytes())
}

fn write_uuid(bytes: [u8; 16]) -> String {
    Uuid::from_bytes(bytes).hyphenated().to_string()
}

/// The digits of a ULID, each five bits; the first of 26 has only three.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn read_ulid(text: &str) -> Option<[u8; 16]> {
    let is_ulid = text.len() == 26 && text.as_bytes()[0] <= b'7';
    let value = text.bytes().filter(|_| is_ulid).try_fold(0_u128, |value, digit| {
        Some((value << 5) | DIGITS.iter().position(|each| *each == digit)? as u128)
    });
    value.filter(|_| is_ulid).map(u128::to_be_bytes)
}

fn write_ulid(bytes: [u8; 16]) -> String {
    let value = u128::from_be_bytes(bytes);
    let digit =
        |place: u32| char::from(DIGITS[usize::from((value >> (place * 5)).to_le_bytes()[0] & 31)]);
    (0..26).rev().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keycloak_is_asked_for_anything_that_may_be_an_id() {
        let asked = |id: &str| KeycloakId::from(id).can_be_asked_for();
        for id in [
            "e5d0b2a4-0000-4000-8000-000000000000",
            "f:ldap:a#b",
            "f:ldap:a/b",
            "f:ldap:50%",
            "who?",
            "a b",
        ] {
            assert!(asked(id), "{id}");
        }
        for id in ["", ".", "..", "https://example.org/a", &"a".repeat(256)] {
            assert!(!asked(id), "{id}");
        }
    }

    #[test]
    fn ids_come_back_as_they_were_given() {
        for text in [
            "be243450-fb1f-4473-a05d-860beb99ac30",
            "BE243450-FB1F-4473-A05D-860BEB99AC30",
            "be243450fb1f4473a05d860beb99ac30",
            "{be243450-fb1f-4473-a05d-860beb99ac30}",
            "f:5ed1ac45-c05e-4428-b9fa-bb39eba54b02:alice",
            "01J44QC8BCY7FCFM7WGHQGKMTJ",
            "01j44qc8bcy7fcfm7wghqgkmtj",
            "01J44QC8BCY7FCFM7WGHQGKMTU",
            "00000000000000000000000000",
            "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "0ÄÄÄÄÄÄÄÄÄÄÄÄ0",
            "",
        ] {
            assert_eq!(
                (KeycloakId::from(text).text(), MasUserId::from(text).text()),
                (text.into(), text.into())
            );
        }
        let (one, other) =
            ("BE243450-FB1F-4473-A05D-860BEB99AC30", "be243450-fb1f-4473-a05d-860beb99ac30");
        assert_ne!(KeycloakId::from(one), KeycloakId::from(other));
        assert_ne!(
            MasUserId::from("01J44QC8BCY7FCFM7WGHQGKMTJ"),
            "01j44qc8bcy7fcfm7wghqgkmtj".into()
        );
    }

    #[test]
    fn ids_by_the_million_take_no_heap() {
        let is_small = |id: &Id| matches!(id, Id::Bytes(_));
        assert!(is_small(&KeycloakId::from("be243450-fb1f-4473-a05d-860beb99ac30").0));
        assert!(is_small(&MasUserId::from("01J44QC8BCY7FCFM7WGHQGKMTJ").0));
        assert_eq!((size_of::<KeycloakId>(), size_of::<MasUserId>()), (24, 24));
    }

    #[test]
    fn id_of_mas_tells_when_it_was_made() {
        // Recorded with `created_at` 2026-11-23T10:13:20.478547Z.
        let alice = MasUserId::from("01M83YANYY5YJY3H229HTBKSCM");
        let made = Timestamp::from_millis(1_795_428_800_478);
        assert_eq!(alice.made_at(), Some(made));
        assert_eq!(MasUserId::first_at(made).text(), "01M83YANYY0000000000000000");
        assert!(
            MasUserId::first_at(made) < alice
                && alice < MasUserId::first_at(Timestamp::from_millis(1_795_428_800_479))
        );
        assert_eq!(MasUserId::from("alice").made_at(), None);
    }

    #[test]
    fn ids_are_in_the_order_of_their_texts() {
        let texts = [
            "01J44QC8BCY7FCFM7WGHQGKMTJ",
            "01J44QC8BCY7FCFM7WGHQGKMTK",
            "71J44QC8BCY7FCFM7WGHQGKMTJ",
        ];
        let ids = texts.map(MasUserId::from);
        assert!(ids.is_sorted());
    }
}
