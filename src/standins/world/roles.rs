//! Describes roles of a world: who has them directly, by a group, and by a composite.

use super::World;
use crate::standins::keycloak::Realm;

/// One fact about roles, which are named `role` or `client:role`. Everything in it is added.
#[derive(Clone, Debug)]
pub(super) enum NewRole {
    Exists(String),
    Holder { role: String, user: String },
    Carrier { role: String, path: String },
    Content { role: String, composite: String },
}

pub(super) fn add(realm: &mut Realm, new: &NewRole) {
    match new {
        NewRole::Exists(role) => drop(realm.add_role(role)),
        NewRole::Holder { role, user } => {
            realm.add_role(role);
            realm.give_role(user, role);
        }
        NewRole::Carrier { role, path } => {
            realm.add_role(role);
            if realm.group_by_path(path).is_none() {
                realm.add_group(path);
            }
            realm.give_role_to_group(path, role);
        }
        NewRole::Content { role, composite } => {
            realm.add_role(role);
            realm.add_role(composite);
            realm.add_to_composite(composite, role);
        }
    }
}

impl World {
    /// Adds a role that no one has.
    #[must_use]
    pub fn role(mut self, role: &str) -> Self {
        self.roles.push(NewRole::Exists(role.to_owned()));
        self
    }

    /// Adds a user who has this role directly.
    #[must_use]
    pub fn holder(self, role: &str, name: &str) -> Self {
        let mut world = self.user(name);
        world.roles.push(NewRole::Holder { role: role.to_owned(), user: name.to_owned() });
        world
    }

    /// Adds `count` holders of a role named `prefix` and five digits from 00000.
    #[must_use]
    pub fn holders(self, role: &str, count: usize, prefix: &str) -> Self {
        (0..count).fold(self, |world, number| world.holder(role, &format!("{prefix}{number:05}")))
    }

    /// Adds a role to the group at `path`, whose members and subgroups inherit it.
    #[must_use]
    pub fn group_with_role(mut self, path: &str, role: &str) -> Self {
        self.roles.push(NewRole::Carrier { role: role.to_owned(), path: path.to_owned() });
        self
    }

    /// Adds a composite role that contains another one.
    #[must_use]
    pub fn composite(mut self, composite: &str, role: &str) -> Self {
        let (role, composite) = (role.to_owned(), composite.to_owned());
        self.roles.push(NewRole::Content { role, composite });
        self
    }
}
