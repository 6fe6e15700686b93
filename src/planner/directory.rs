//! Verifies in each reading that the directories behind Keycloak are up.
//!
//! Keycloak with LDAP or Active Directory fails open: while the directory is down it answers 200
//! without its members, and shows each of them as disabled and in no group (recordings:
//! `keycloak-federation.json`).

use std::collections::BTreeSet;

use crate::model::{KeycloakPerson, Member};

/// The storage providers, with what the member list and the second look show about them.
#[derive(Debug, Default)]
pub(super) struct Directories<'f> {
    alive: BTreeSet<&'f str>,
    doubtful: BTreeSet<&'f str>,
}

impl<'f> Directories<'f> {
    /// Creates it from the member list. A provider is up if one of its listed members is enabled;
    /// during an outage none is. `known` are the providers that have to prove it.
    pub(super) fn new(known: impl IntoIterator<Item = &'f str>, members: &'f [Member]) -> Self {
        let mut directories = Self::default();
        directories.doubtful.extend(known);
        for member in members {
            if let Some(link) = &member.federation_link {
                let set =
                    if member.enabled { &mut directories.alive } else { &mut directories.doubtful };
                set.insert(link);
            }
        }
        directories.doubtful.retain(|link| !directories.alive.contains(link));
        directories
    }

    /// Adds the list after the rechecks: a provider that was up has to be up still.
    pub(super) fn and_after(&mut self, members_after: Option<&'f [Member]>) {
        let Some(members_after) = members_after else { return };
        let after = Self::new([], members_after);
        let gone: Vec<_> = self.alive.difference(&after.alive).copied().collect();
        for link in gone {
            self.alive.remove(link);
            self.doubtful.insert(link);
        }
    }

    /// Adds the providers that another list shows as up, both before and after the rechecks.
    pub(super) fn and_by(&mut self, before: &'f [Member], after: &'f [Member]) {
        let mut shown = Self::new([], before);
        shown.and_after(Some(after));
        self.alive.extend(shown.alive);
        self.doubtful.retain(|link| !self.alive.contains(link));
    }

    /// Adds the providers that were unverified before: they stay so.
    pub(super) fn and_before(&mut self, doubtful: impl IntoIterator<Item = &'f str>) {
        self.doubtful.extend(doubtful);
    }

    /// Returns the unverified providers.
    pub(super) fn in_doubt(&self) -> impl Iterator<Item = &'f str> {
        self.doubtful.iter().copied()
    }

    /// Adds Keycloak's answer about a user.
    pub(super) fn see(&mut self, person: &'f KeycloakPerson) {
        if let KeycloakPerson::Known { federation_link: Some(link), .. } = person
            && !self.alive.contains(link.raw())
        {
            self.doubtful.insert(link.raw());
        }
    }

    /// Adds an answer that contradicts the list: the directory of this user is unverified.
    pub(super) fn see_contradiction(&mut self, person: &'f KeycloakPerson) {
        if let KeycloakPerson::Known { federation_link: Some(link), .. } = person {
            self.doubtful.insert(link.raw());
        }
    }

    /// Returns whether this user must not be disabled now, because their directory is unverified.
    /// For a user unknown to Keycloak any directory counts, because the user may be in it.
    pub(super) fn doubts(&self, person: &KeycloakPerson) -> bool {
        match person {
            KeycloakPerson::Unknown | KeycloakPerson::OnlyRemembered { .. } => {
                !self.doubtful.is_empty()
            }
            KeycloakPerson::Known { federation_link: Some(link), .. } => {
                self.doubtful.contains(link.raw())
            }
            KeycloakPerson::Known { federation_link: None, .. } => false,
        }
    }
}
