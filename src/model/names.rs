//! Defines types for names, so that one kind cannot be mistaken for another.

use std::borrow::Cow;
use std::fmt;

use arcstr::ArcStr;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::text::{ServerText, printable};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident($text:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name($text);

        impl $name {
            /// Returns the name as the server sent it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<$text>> From<T> for $name {
            fn from(name: T) -> Self {
                Self(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&printable(&self.0))
            }
        }
    };
}

name! {
    /// The ID of a group in Keycloak, a UUID.
    GroupId(Box<str>)
}
name! {
    /// The part of a Matrix user ID between `@` and the first `:`, in the server's case. Up to 24
    /// bytes need no allocation.
    Localpart(CompactString)
}
name! {
    /// The name of a homeserver, which may have a port: `example.org`, `example.org:8448`,
    /// `[::1]:8448`. Copies share one text.
    ServerName(ArcStr)
}

impl Localpart {
    /// Returns the key for comparisons: MAS and Keycloak match names without regard to case.
    #[must_use]
    pub fn key(&self) -> Cow<'_, str> {
        if self.is_key() { (&*self.0).into() } else { self.0.to_lowercase().into() }
    }

    /// Returns whether the name is its own key, as nearly all are.
    #[must_use]
    pub fn is_key(&self) -> bool {
        // Without an early exit, several bytes are compared at a time.
        let is_key = |byte: &u8| byte.is_ascii() & !byte.is_ascii_uppercase();
        self.0.as_bytes().iter().fold(true, |all, byte| all & is_key(byte))
    }

    /// Returns whether it has only characters of Matrix's grammar, or capital letters, as old
    /// accounts have.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._=-/+".contains(byte);
        !self.0.is_empty() && self.0.as_bytes().iter().all(is_plain)
    }

    /// Returns the Matrix user ID of this localpart on a homeserver.
    #[must_use]
    pub fn on(self, server: &ServerName) -> UserId {
        UserId { localpart: self, server: server.clone() }
    }
}

/// A Matrix user ID, `@localpart:server.name`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Box<str>", into = "Box<str>")]
pub struct UserId {
    localpart: Localpart,
    server: ServerName,
}

/// A text that is not a Matrix user ID.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a Matrix user ID of the form @localpart:server.name")]
pub struct NotAUserId(ServerText);

impl UserId {
    /// Returns the whole ID, as servers write it.
    #[must_use]
    pub fn text(&self) -> String {
        format!("@{}:{}", self.localpart.as_str(), self.server.as_str())
    }

    /// Returns the part between `@` and the first `:`.
    #[must_use]
    pub fn localpart(&self) -> &Localpart {
        &self.localpart
    }

    /// Returns the part after the first `:`, including a port.
    #[must_use]
    pub fn server_name(&self) -> &ServerName {
        &self.server
    }

    /// Parses an ID. If it is on the `likely` homeserver, it shares the text of its name.
    pub fn parse(text: &str, likely: &ServerName) -> Result<Self, NotAUserId> {
        let split = text.strip_prefix('@').and_then(|rest| rest.split_once(':'));
        let (localpart, server) = split
            .filter(|(_, server)| !server.is_empty())
            .ok_or_else(|| NotAUserId(text.into()))?;
        let server = if server == likely.as_str() { likely.clone() } else { server.into() };
        Ok(Self { localpart: localpart.into(), server })
    }
}

impl TryFrom<Box<str>> for UserId {
    type Error = NotAUserId;

    fn try_from(text: Box<str>) -> Result<Self, NotAUserId> {
        Self::parse(&text, &ServerName(ArcStr::default()))
    }
}

impl From<UserId> for Box<str> {
    fn from(id: UserId) -> Self {
        id.text().into()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}:{}", self.localpart, self.server)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UserId").field(&self.text()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_id(text: &str) -> Result<UserId, NotAUserId> {
        UserId::try_from(Box::from(text))
    }

    #[test]
    fn a_server_name_may_carry_a_port() {
        let id = user_id("@alice:example.org:8448").expect("well formed");
        assert_eq!(
            (id.localpart(), id.server_name()),
            (&"alice".into(), &"example.org:8448".into())
        );
        let id = user_id("@alice:[::1]:8448").expect("well formed");
        assert_eq!(*id.server_name(), "[::1]:8448".into());
    }

    #[test]
    fn rows_by_the_million_are_small() {
        assert_eq!((size_of::<Localpart>(), size_of::<UserId>()), (24, 32));
    }

    #[test]
    fn names_are_compared_without_regard_to_case() {
        for (name, key) in
            [("alice", "alice"), ("Alice", "alice"), ("ÄRGER", "ärger"), ("straße-1", "straße-1")]
        {
            assert_eq!(Localpart::from(name).key(), key);
        }
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        let name = Localpart::from("a\u{1b}[2Jb\u{202e}");
        assert_eq!(
            (name.to_string().as_str(), name.as_str()),
            ("a\\u{1b}[2Jb\\u{202e}", "a\u{1b}[2Jb\u{202e}")
        );
    }

    #[test]
    fn what_is_no_user_id_is_refused() {
        for text in ["alice", "alice:example.org", "@alice", "@alice:", ""] {
            assert!(user_id(text).is_err(), "{text}");
        }
    }
}
