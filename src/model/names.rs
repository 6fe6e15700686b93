//! Identifiers, so that no bare string can be taken for another kind of name.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as the server gave it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<Box<str>>> From<T> for $name {
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

/// A name comes from outside and is printed to terminals: control characters, which could move the cursor, are shown.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        let shown = |character: char| {
            if character.is_control() { character.escape_default().to_string() } else { character.to_string() }
        };
        text.chars().map(shown).collect::<String>().into()
    } else {
        text.into()
    }
}

name! {
    /// The ID of a user in Keycloak: a UUID, or `f:PROVIDER:NAME` for people of a directory that are not imported.
    KeycloakId
}
name! {
    /// The ID of a group in Keycloak, a UUID.
    GroupId
}
name! {
    /// The ID of a user in MAS, a ULID: unlike the name, it never belongs to anybody else.
    MasUserId
}
name! {
    /// The part of a Matrix user ID between `@` and the first `:`, in the case that the server keeps.
    Localpart
}
name! {
    /// The name of a homeserver, which may carry a port: `example.org`, `example.org:8448`, `[::1]:8448`.
    ServerName
}

impl Localpart {
    /// What localparts are compared by: MAS and Keycloak match names without regard to case.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// The Matrix user ID of this localpart on a homeserver.
    #[must_use]
    pub fn on(&self, server: &ServerName) -> UserId {
        UserId(format!("@{}:{}", self.as_str(), server.as_str()).into())
    }
}

/// A Matrix user ID, `@localpart:server.name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Box<str>", into = "Box<str>")]
pub struct UserId(Box<str>);

/// A text that is no Matrix user ID.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a Matrix user ID of the form @localpart:server.name")]
pub struct NotAUserId(String);

impl UserId {
    /// The whole ID.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands between `@` and the first `:`.
    #[must_use]
    pub fn localpart(&self) -> Localpart {
        self.split().0.into()
    }

    /// What stands after the first `:`; a port belongs to it.
    #[must_use]
    pub fn server_name(&self) -> ServerName {
        self.split().1.into()
    }

    fn split(&self) -> (&str, &str) {
        self.0[1..].split_once(':').unwrap_or((&self.0[1..], ""))
    }
}

impl TryFrom<Box<str>> for UserId {
    type Error = NotAUserId;

    fn try_from(text: Box<str>) -> Result<Self, NotAUserId> {
        let well_formed =
            text.strip_prefix('@').and_then(|rest| rest.split_once(':')).is_some_and(|(_, server)| !server.is_empty());
        if well_formed { Ok(Self(text)) } else { Err(NotAUserId(text.into())) }
    }
}

impl From<UserId> for Box<str> {
    fn from(id: UserId) -> Self {
        id.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0))
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
        assert_eq!((id.localpart(), id.server_name()), ("alice".into(), "example.org:8448".into()));
        let id = user_id("@alice:[::1]:8448").expect("well formed");
        assert_eq!(id.server_name(), "[::1]:8448".into());
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        let name = Localpart::from("a\u{1b}[2Jb");
        assert_eq!((name.to_string().as_str(), name.as_str()), ("a\\u{1b}[2Jb", "a\u{1b}[2Jb"));
    }

    #[test]
    fn what_is_no_user_id_is_refused() {
        for text in ["alice", "alice:example.org", "@alice", "@alice:", ""] {
            assert!(user_id(text).is_err(), "{text}");
        }
    }
}
