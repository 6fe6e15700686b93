//! Stores the Keycloak users an account is linked to in MAS, in little memory: most accounts have
//! one link.

use std::ops::Deref;
use std::slice;

use super::KeycloakId;

/// The subjects of an account's upstream links, newest link first. One link needs no heap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Links(LinkIds);

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
enum LinkIds {
    #[default]
    None,
    One(KeycloakId),
    /// Two or more.
    Several(Box<[KeycloakId]>),
}

impl Links {
    /// Returns the subject of the newest link.
    #[must_use]
    pub fn newest(&self) -> Option<&KeycloakId> {
        self.first()
    }
}

impl Deref for Links {
    type Target = [KeycloakId];

    fn deref(&self) -> &[KeycloakId] {
        match &self.0 {
            LinkIds::None => &[],
            LinkIds::One(id) => slice::from_ref(id),
            LinkIds::Several(ids) => ids,
        }
    }
}

impl FromIterator<KeycloakId> for Links {
    /// Collects the subjects, newest first.
    fn from_iter<I: IntoIterator<Item = KeycloakId>>(subjects: I) -> Self {
        let mut rest = subjects.into_iter();
        Self(match (rest.next(), rest.next()) {
            (None, _) => LinkIds::None,
            (Some(only), None) => LinkIds::One(only),
            (Some(first), Some(second)) => {
                LinkIds::Several([first, second].into_iter().chain(rest).collect())
            }
        })
    }
}

impl<'l> IntoIterator for &'l Links {
    type Item = &'l KeycloakId;
    type IntoIter = slice::Iter<'l, KeycloakId>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_their_order() {
        for subjects in [&[][..], &["a"], &["b", "a"], &["c", "a", "b"]] {
            let ids: Vec<KeycloakId> = subjects.iter().map(|id| KeycloakId::from(*id)).collect();
            let links: Links = ids.iter().cloned().collect();
            assert_eq!((&*links, links.newest()), (&*ids, ids.first()));
            assert!(ids.iter().all(|id| links.contains(id)) && !links.contains(&"d".into()));
        }
    }

    #[test]
    fn links_take_no_more_room_than_one_id() {
        assert_eq!(size_of::<Links>(), size_of::<KeycloakId>());
    }
}
