//! Packs what users are known by, because there may be millions of them: about 40 bytes each.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use super::{KeycloakId, KeycloakUser, ServerText};

/// The size of a piece of memory: big pieces grow without a copy, small ones leave little unused.
const PIECE: usize = 1 << 20;

/// Usernames, names and e-mail addresses of Keycloak's users, by ID.
#[derive(Debug, Default)]
pub struct UserNames {
    hasher: RandomState,
    places: Vec<Place>,
    pieces: Vec<Vec<u8>>,
    /// The domains of e-mail addresses, which users share.
    domains: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u16>,
}

/// The place of a user's texts. Bytes need no alignment.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// 64 bits of the ID, with a key that no server knows.
    id: [u8; 8],
    piece: [u8; 3],
    begin: [u8; 3],
}

/// How an e-mail address is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Email {
    None = 0,
    Whole = 1,
    /// Its first part, and the number of its domain.
    AtDomain = 2,
    /// The username, and the number of its domain.
    UsernameAtDomain = 3,
}

impl UserNames {
    /// Adds a user.
    pub fn put(
        &mut self,
        id: &KeycloakId,
        username: &str,
        name: Option<&str>,
        email: Option<&str>,
    ) {
        let mut bytes = Vec::new();
        put_text(&mut bytes, username);
        put_text(&mut bytes, name.unwrap_or_default());
        self.put_email(&mut bytes, username, email);
        let is_full = |piece: &Vec<u8>| piece.len() + bytes.len() > PIECE;
        if self.pieces.last().is_none_or(is_full) {
            self.pieces.push(Vec::with_capacity(PIECE.max(bytes.len())));
        }
        let piece = self.pieces.len() - 1;
        let begin = self.pieces[piece].len();
        self.pieces[piece].extend(bytes);
        self.places.push(Place { id: self.hash(id), piece: packed(piece), begin: packed(begin) });
    }

    /// Puts the users in order, which [`UserNames::get`] needs. Of a user added twice, what was
    /// added last counts.
    pub fn sort(&mut self) {
        self.places.reverse();
        self.places.sort_by_key(|place| place.id);
        self.places.dedup_by_key(|place| place.id);
    }

    /// Returns the user of an ID.
    #[must_use]
    pub fn get(&self, id: &KeycloakId) -> Option<KeycloakUser> {
        let hash = self.hash(id);
        let at = self.places.binary_search_by_key(&hash, |place| place.id).ok()?;
        let Place { piece, begin, .. } = self.places[at];
        let mut bytes = &self.pieces[unpacked(piece)][unpacked(begin)..];
        let username = take_text(&mut bytes)?;
        let name = take_text(&mut bytes)?;
        let email = self.take_email(&mut bytes, username);
        Some(KeycloakUser {
            id: id.clone(),
            username: username.into(),
            name: (!name.is_empty()).then(|| name.into()),
            email: email.map(ServerText::from),
        })
    }

    fn hash(&self, id: &KeycloakId) -> [u8; 8] {
        self.hasher.hash_one(id).to_ne_bytes()
    }

    fn put_email(&mut self, bytes: &mut Vec<u8>, username: &str, email: Option<&str>) {
        let Some(email) = email else { return bytes.push(Email::None as u8) };
        let parts = email.rsplit_once('@');
        let parts = parts.and_then(|(first, domain)| Some((first, self.number(domain)?)));
        match parts {
            Some((first, domain)) if first == username => {
                bytes.push(Email::UsernameAtDomain as u8);
                bytes.extend(domain.to_ne_bytes());
            }
            Some((first, domain)) => {
                bytes.push(Email::AtDomain as u8);
                bytes.extend(domain.to_ne_bytes());
                put_text(bytes, first);
            }
            None => {
                bytes.push(Email::Whole as u8);
                put_text(bytes, email);
            }
        }
    }

    fn take_email(&self, bytes: &mut &[u8], username: &str) -> Option<String> {
        let kind = take(bytes, 1)?[0];
        let at_domain = |bytes: &mut &[u8]| {
            let number = u16::from_ne_bytes(take(bytes, 2)?.try_into().ok()?);
            self.domains.get(usize::from(number))
        };
        if kind == Email::UsernameAtDomain as u8 {
            Some(format!("{username}@{}", at_domain(bytes)?))
        } else if kind == Email::AtDomain as u8 {
            let domain = at_domain(bytes)?;
            Some(format!("{}@{domain}", take_text(bytes)?))
        } else if kind == Email::Whole as u8 {
            take_text(bytes).map(ToOwned::to_owned)
        } else {
            None
        }
    }

    /// Returns the number of a domain, unless there are too many.
    fn number(&mut self, domain: &str) -> Option<u16> {
        if let Some(number) = self.numbers.get(domain) {
            return Some(*number);
        }
        let number = u16::try_from(self.domains.len()).ok()?;
        self.domains.push(domain.into());
        self.numbers.insert(domain.into(), number);
        Some(number)
    }
}

/// Packs a number into three bytes: 16 million pieces are far more than the memory of any machine.
fn packed(number: usize) -> [u8; 3] {
    let bytes = u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    [bytes[0], bytes[1], bytes[2]]
}

fn unpacked([first, second, third]: [u8; 3]) -> usize {
    u32::from_le_bytes([first, second, third, 0]) as usize
}

/// Adds a text after its length, which is nearly always one byte.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(length) if length < u8::MAX => bytes.push(length),
        _ => {
            bytes.push(u8::MAX);
            bytes.extend((text.len() as u64).to_ne_bytes());
        }
    }
    bytes.extend(text.as_bytes());
}

fn take_text<'b>(bytes: &mut &'b [u8]) -> Option<&'b str> {
    let length = match take(bytes, 1)?[0] {
        u8::MAX => usize::try_from(u64::from_ne_bytes(take(bytes, 8)?.try_into().ok()?)).ok()?,
        length => usize::from(length),
    };
    str::from_utf8(take(bytes, length)?).ok()
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn user(id: &str, username: &str, name: Option<&str>, email: Option<&str>) -> KeycloakUser {
        KeycloakUser {
            id: id.into(),
            username: username.into(),
            name: name.map(Into::into),
            email: email.map(Into::into),
        }
    }

    fn unpacked_again(users: &[KeycloakUser]) -> Vec<Option<KeycloakUser>> {
        let mut names = UserNames::default();
        let raw = |text: &Option<ServerText>| text.as_ref().map(|text| text.raw().to_owned());
        for user in users {
            let (name, email) = (raw(&user.name), raw(&user.email));
            names.put(&user.id, user.username.raw(), name.as_deref(), email.as_deref());
        }
        names.sort();
        users.iter().map(|user| names.get(&user.id)).collect()
    }

    #[test]
    fn users_come_out_as_they_were_packed() {
        let long = "x".repeat(PIECE + 7);
        let users = [
            user("1", "alice", Some("Alice Doe"), Some("alice@example.org")),
            user("2", "bob", None, Some("bob.roe@example.org")),
            user("3", "carol", Some("Carol"), None),
            user("4", "", None, Some("no address")),
            user("5", "dave", None, Some("a@b@c")),
            user("f:ldap:eve", &long, Some(&long), Some(&long)),
            user("0ba50303-5dc2-4485-ad77-acd8b74f5b9f", "zoë", Some("東京"), Some("@")),
        ];
        assert_eq!(unpacked_again(&users), users.map(Some));
    }

    #[test]
    fn last_of_several_entries_counts_and_unknown_ids_have_none() {
        let mut names = UserNames::default();
        for username in ["old", "new"] {
            names.put(&"1".into(), username, None, None);
        }
        names.sort();
        assert_eq!(names.get(&"1".into()), Some(user("1", "new", None, None)));
        assert_eq!(names.get(&"2".into()), None);
    }

    #[test]
    fn names_by_the_million_are_small() {
        assert_eq!(size_of::<Place>(), 14);
        let mut names = UserNames::default();
        names.put(&"1".into(), "ada.byron", Some("Ada Byron"), Some("ada.byron@example.org"));
        assert_eq!(names.pieces[0].len(), 23);
    }

    proptest! {
        #[test]
        fn any_texts_come_out_as_they_were_packed(
            texts in prop::collection::vec((any::<String>(), "\\PC{0,3}", prop::option::of("[ab@]{0,5}")), 0..20),
        ) {
            let users = texts.iter().enumerate().map(|(id, (username, name, email))| {
                let name = Some(&**name).filter(|name| !name.is_empty());
                user(&id.to_string(), username, name, email.as_deref())
            });
            let users: Vec<_> = users.collect();
            prop_assert_eq!(unpacked_again(&users), users.into_iter().map(Some).collect::<Vec<_>>());
        }
    }
}
