//! Describes links between accounts and Keycloak users: those that logins create in MAS (trap 30),
//! and later changes.

use std::collections::BTreeMap;

use super::{RunningWorld, World};
use crate::standins::keycloak::Keycloak;
use crate::standins::mas::{self, Link, Provider};
use crate::standins::{StandInError, ids};

/// The ULID of the upstream provider that is the world's Keycloak.
pub(super) const PROVIDER: &str = "01H8PKNWKKRPCBW4YGH1RWV279";

/// The user that an account is linked to, if it is not the user of the same name.
#[derive(Clone, Debug)]
enum LinkOwner {
    /// The user who has this username now.
    Person(String),
    /// A user that Keycloak no longer has.
    Gone,
}

/// Links between different names.
#[derive(Clone, Debug, Default)]
pub(super) struct WorldLinks {
    /// The accounts that are not linked to the user of the same name, by localpart.
    owners: BTreeMap<String, LinkOwner>,
    /// Other providers: ULID and issuer.
    providers: Vec<(String, String)>,
}

impl World {
    /// Links an account to the user with this username, instead of the links by equal names.
    #[must_use]
    pub fn link(mut self, localpart: &str, username: &str) -> Self {
        self.links.owners.insert(localpart.to_owned(), LinkOwner::Person(username.to_lowercase()));
        self
    }

    /// Adds an upstream provider that is not the world's Keycloak.
    #[must_use]
    pub fn provider(mut self, id: &str, issuer: &str) -> Self {
        self.links.providers.push((id.to_owned(), issuer.to_owned()));
        self
    }

    /// Adds a member and an account of the same name that is linked to another user: the one of
    /// that name who was deleted from Keycloak before.
    #[must_use]
    pub fn recreated_member(self, name: &str) -> Self {
        let mut world = self.member(name).account(name);
        world.links.owners.insert(name.to_owned(), LinkOwner::Gone);
        world
    }
}

/// Creates a link for each name in both servers: these users have logged in through Keycloak
/// before.
pub(super) fn seed(
    world: &World,
    keycloak: &Keycloak,
    mas: &mut mas::MasState,
) -> Result<(), StandInError> {
    let issuer = format!("{}/realms/{}", keycloak.url(), world.realm);
    mas.add_provider(Provider::new(PROVIDER, &issuer));
    for (id, issuer) in &world.links.providers {
        mas.add_provider(Provider::new(id, issuer));
    }
    let mut keycloak = keycloak.state();
    let realm = keycloak.realm(&world.realm);
    let is_taken = |name: &str| {
        world
            .links
            .owners
            .values()
            .any(|owner| matches!(owner, LinkOwner::Person(person) if person == name))
    };
    let mut links = Vec::new();
    for user in mas.users().filter(|user| !world.links.owners.contains_key(&user.username)) {
        if let Some(person) =
            realm.user(&user.username).filter(|person| !is_taken(&person.username))
        {
            links.push((person.id.clone(), user.id.clone()));
        }
    }
    for (localpart, owner) in &world.links.owners {
        let subject = match owner {
            LinkOwner::Person(name) => realm.user(name).ok_or_else(|| unknown(name))?.id.clone(),
            LinkOwner::Gone => ids::uuid(),
        };
        links.push((subject, mas.user(localpart).ok_or_else(|| unknown(localpart))?.id.clone()));
    }
    for (subject, user_id) in links {
        mas.add_link(Link::new(PROVIDER, &subject, &user_id));
    }
    Ok(())
}

fn unknown(name: &str) -> StandInError {
    StandInError::World(format!("{name} cannot be linked"))
}

impl RunningWorld {
    /// The ULID of the upstream provider that is this world's Keycloak.
    #[must_use]
    pub fn upstream_provider(&self) -> &'static str {
        PROVIDER
    }

    /// Links an account to a Keycloak user, in addition to existing links.
    pub fn link(&self, localpart: &str, username: &str) -> Result<(), StandInError> {
        let subject = {
            let mut keycloak = self.keycloak.state();
            keycloak.realm(&self.realm).user(username).ok_or_else(|| unknown(username))?.id.clone()
        };
        let mut mas = self.mas.state();
        let user = mas.user(localpart).ok_or_else(|| unknown(localpart))?.id.clone();
        mas.add_link(Link::new(PROVIDER, &subject, &user));
        Ok(())
    }

    /// Removes every link of an account.
    pub fn unlink(&self, localpart: &str) {
        let mut mas = self.mas.state();
        if let Some(user) = mas.user(localpart).map(|user| user.id.clone()) {
            mas.unlink(&user);
        }
    }
}
