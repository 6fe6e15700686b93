//! Whether a directory behind Keycloak can be believed in this very read.
//!
//! Keycloak with LDAP or Active Directory fails open: while the directory is down it answers 200 without its
//! members, and shows each of them as disabled and in no group (recordings: `keycloak-federation.json`).

use std::collections::BTreeSet;

use crate::model::{KeycloakPerson, Member};

/// The storage providers, by what the member list and the second look show of them.
#[derive(Debug, Default)]
pub(super) struct Directories<'f> {
    alive: BTreeSet<&'f str>,
    doubtful: BTreeSet<&'f str>,
}

impl<'f> Directories<'f> {
    /// A provider is alive while a listed member of it is enabled; during an outage not one is. `known` are those that
    /// have to show it.
    pub(super) fn of(known: impl IntoIterator<Item = &'f str>, members: &'f [Member]) -> Self {
        let mut directories = Self::default();
        directories.doubtful.extend(known);
        for member in members {
            if let Some(link) = &member.federation_link {
                let set = if member.enabled { &mut directories.alive } else { &mut directories.doubtful };
                set.insert(link);
            }
        }
        directories.doubtful.retain(|link| !directories.alive.contains(link));
        directories
    }

    /// A provider that was alive has to be alive still.
    pub(super) fn and_after(&mut self, members_after: Option<&'f [Member]>) {
        let Some(members_after) = members_after else { return };
        let after = Self::of([], members_after);
        let gone: Vec<_> = self.alive.difference(&after.alive).copied().collect();
        for link in gone {
            self.alive.remove(link);
            self.doubtful.insert(link);
        }
    }

    /// A provider that was in doubt before is in doubt still.
    pub(super) fn and_before(&mut self, doubtful: impl IntoIterator<Item = &'f str>) {
        self.doubtful.extend(doubtful);
    }

    /// Returns the providers that are in doubt.
    pub(super) fn in_doubt(&self) -> impl Iterator<Item = &'f str> {
        self.doubtful.iter().copied()
    }

    /// Takes in what was seen of a person; `contradicts` when the list had said otherwise.
    pub(super) fn see(&mut self, person: &'f KeycloakPerson, contradicts: bool) {
        if let KeycloakPerson::Known { federation_link: Some(link), .. } = person
            && (contradicts || !self.alive.contains(link.raw()))
        {
            self.doubtful.insert(link.raw());
        }
    }

    /// Whether this person must not be disabled now: their directory is in doubt or, for someone whom Keycloak does
    /// not know, any directory is, because the person may be in it.
    pub(super) fn doubts(&self, person: &KeycloakPerson) -> bool {
        match person {
            KeycloakPerson::Unknown | KeycloakPerson::OnlyRemembered { .. } => !self.doubtful.is_empty(),
            KeycloakPerson::Known { federation_link: Some(link), .. } => self.doubtful.contains(link.raw()),
            KeycloakPerson::Known { federation_link: None, .. } => false,
        }
    }
}
