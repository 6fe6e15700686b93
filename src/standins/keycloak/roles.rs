//! Stores roles of the realm and of its clients: who has them, which groups carry them, and which
//! composites contain them.
//!
//! It follows `tests/contract/keycloak-roles.json`. A role is named `role` or `client:role`.

use super::realm::Realm;
use super::state::RealmUser;
use super::token::RealmClient;
use crate::standins::{Sorted, ids};

/// A role of the realm, or of a client.
#[derive(Clone, Debug)]
pub struct RealmRole {
    /// The UUID.
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    /// The `clientId` of the client that it belongs to.
    pub client: Option<String>,
    /// The IDs of the roles that a composite contains.
    pub contents: Vec<String>,
    /// The usernames of those who have it directly.
    pub holders: Sorted<()>,
}

impl RealmRole {
    fn new(client: Option<&str>, name: &str) -> Self {
        Self {
            id: ids::uuid(),
            name: name.to_owned(),
            description: None,
            client: client.map(str::to_owned),
            contents: Vec::new(),
            holders: Sorted::default(),
        }
    }
}

/// The roles in the default role of a new realm.
const OF_EVERYONE: [(&str, &str); 2] = [
    ("uma_authorization", "${role_uma_authorization}"),
    ("offline_access", "${role_offline-access}"),
];

/// Returns the roles of a new realm; the first is the default role, which every user has.
pub(super) fn first_roles(realm: &str) -> Vec<RealmRole> {
    let mut default = RealmRole::new(None, &format!("default-roles-{}", realm.to_lowercase()));
    default.description = Some("${role_default-roles}".to_owned());
    let contents = OF_EVERYONE.map(|(name, description)| RealmRole {
        description: Some(description.to_owned()),
        ..RealmRole::new(None, name)
    });
    default.contents = contents.iter().map(|role| role.id.clone()).collect();
    [vec![default], contents.to_vec()].concat()
}

impl Realm {
    /// Adds a role of the realm, or `client:role` with its client, and returns its ID.
    pub fn add_role(&mut self, name: &str) -> String {
        match name.split_once(':') {
            Some((client, role)) => {
                self.clients.entry(client.to_owned()).or_default();
                self.insert_role(Some(client), role)
            }
            None => self.add_realm_role(name),
        }
    }

    /// Adds a role of the realm, whose name may contain a colon, and returns its ID.
    pub fn add_realm_role(&mut self, name: &str) -> String {
        self.insert_role(None, name)
    }

    fn insert_role(&mut self, client: Option<&str>, name: &str) -> String {
        if let Some(role) = self.role_in(client, name) {
            return role.id.clone();
        }
        let role = RealmRole::new(client, name);
        self.roles.push(role.clone());
        self.event_role("CREATE", &role, "");
        role.id
    }

    /// Gives a role another ID, as recordings need it.
    pub fn set_role_id(&mut self, name: &str, id: &str) {
        let Some(old) = self.role(name).map(|role| role.id.clone()) else { return };
        for role in &mut self.roles {
            if role.id == old {
                id.clone_into(&mut role.id);
            }
            for content in role.contents.iter_mut().filter(|content| **content == old) {
                id.clone_into(content);
            }
        }
    }

    /// Returns the default role, which every user has.
    pub(super) fn default_role(&self) -> &RealmRole {
        &self.roles[0]
    }

    /// Returns a role by name: the first colon divides client and role, if there is such a client.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<&RealmRole> {
        match name.split_once(':') {
            Some((client, role)) if self.clients.contains_key(client) => {
                self.role_in(Some(client), role)
            }
            _ => self.role_in(None, name),
        }
    }

    pub(super) fn role_in(&self, client: Option<&str>, name: &str) -> Option<&RealmRole> {
        self.roles.iter().find(|role| role.client.as_deref() == client && role.name == name)
    }

    /// Returns the roles of the realm or of a client, in order of name.
    pub(super) fn roles_in(&self, client: Option<&str>) -> Vec<&RealmRole> {
        let of_it = self.roles.iter().filter(|role| role.client.as_deref() == client);
        let mut roles: Vec<_> = of_it.collect();
        roles.sort_by(|one, other| one.name.cmp(&other.name));
        roles
    }

    pub(super) fn role_by_id(&self, id: &str) -> Option<&RealmRole> {
        self.roles.iter().find(|role| role.id == id)
    }

    /// Returns the client with this ID, and its `clientId`.
    pub(super) fn client_by_id(&self, id: &str) -> Option<(&str, &RealmClient)> {
        let found = self.clients.iter().find(|(_, client)| client.id == id);
        found.map(|(name, client)| (name.as_str(), client))
    }

    /// Deletes a role; no one has it any longer.
    pub fn delete_role(&mut self, name: &str) {
        let Some(role) = self.role(name).cloned() else { return };
        self.roles.retain(|other| other.id != role.id);
        for other in &mut self.roles {
            other.contents.retain(|id| *id != role.id);
        }
        for group in self.groups.values_mut() {
            group.roles.retain(|id| *id != role.id);
        }
        for holder in role.holders.keys() {
            if let Some(user) = self.users.get_mut(holder) {
                user.roles.retain(|id| *id != role.id);
            }
        }
        self.event_role("DELETE", &role, "");
    }

    /// Gives a user a role.
    pub fn give_role(&mut self, username: &str, name: &str) {
        let username = username.to_lowercase();
        let Some(role) = self.role(name).map(|role| role.id.clone()) else { return };
        let Some(user) = self.users.get_mut(&username) else { return };
        if user.roles.contains(&role) {
            return;
        }
        user.roles.push(role.clone());
        let path = format!("users/{}", user.id);
        if let Some(role) = self.roles.iter_mut().find(|other| other.id == role) {
            role.holders.entry(&username, || ());
        }
        self.event_role_mapping("CREATE", &path, &role);
    }

    /// Takes a role from a user.
    pub fn take_role(&mut self, username: &str, name: &str) {
        let username = username.to_lowercase();
        let Some(role) = self.role(name).map(|role| role.id.clone()) else { return };
        let Some(user) = self.users.get_mut(&username) else { return };
        user.roles.retain(|id| *id != role);
        let path = format!("users/{}", user.id);
        if let Some(role) = self.roles.iter_mut().find(|other| other.id == role) {
            role.holders.remove(&username);
        }
        self.event_role_mapping("DELETE", &path, &role);
    }

    /// Gives the group at `path` a role, which its members and those of its subgroups inherit.
    pub fn give_role_to_group(&mut self, path: &str, name: &str) {
        let Some(role) = self.role(name).map(|role| role.id.clone()) else { return };
        let Some(id) = self.group_by_path(path).map(|group| group.id.clone()) else { return };
        if let Some(group) = self.groups.get_mut(&id).filter(|group| !group.roles.contains(&role)) {
            group.roles.push(role.clone());
            self.event_role_mapping("CREATE", &format!("groups/{id}"), &role);
        }
    }

    /// Takes a role from the group at `path`.
    pub fn take_role_from_group(&mut self, path: &str, name: &str) {
        let Some(role) = self.role(name).map(|role| role.id.clone()) else { return };
        let Some(id) = self.group_by_path(path).map(|group| group.id.clone()) else { return };
        if let Some(group) = self.groups.get_mut(&id) {
            group.roles.retain(|id| *id != role);
            self.event_role_mapping("DELETE", &format!("groups/{id}"), &role);
        }
    }

    /// Puts a role into a composite, which may be any role.
    pub fn add_to_composite(&mut self, composite: &str, name: &str) {
        self.change_composite("CREATE", composite, name);
    }

    /// Takes a role out of a composite.
    pub fn remove_from_composite(&mut self, composite: &str, name: &str) {
        self.change_composite("DELETE", composite, name);
    }

    fn change_composite(&mut self, operation: &str, composite: &str, name: &str) {
        let Some(role) = self.role(name).map(|role| role.id.clone()) else { return };
        let Some(composite) = self.role(composite).map(|role| role.id.clone()) else { return };
        if let Some(composite) = self.roles.iter_mut().find(|role| role.id == composite) {
            composite.contents.retain(|id| *id != role);
            if operation == "CREATE" {
                composite.contents.push(role.clone());
            }
            let composite = composite.clone();
            self.event_role(operation, &composite, &role);
        }
    }

    /// Returns every role that a user has, directly or not, in the order of the recording:
    /// composites before what they contain, the default role first.
    pub(super) fn effective_roles(&self, user: &RealmUser) -> Vec<&RealmRole> {
        let mut found = Vec::new();
        self.add_effective(&self.default_role().id, &mut found);
        for id in &user.roles {
            self.add_effective(id, &mut found);
        }
        for id in &user.groups {
            let mut group = self.group(id);
            while let Some(at) = group {
                at.roles.iter().for_each(|id| self.add_effective(id, &mut found));
                group = at.parent.as_deref().and_then(|id| self.group(id));
            }
        }
        found
    }

    fn add_effective<'r>(&'r self, id: &str, found: &mut Vec<&'r RealmRole>) {
        let Some(role) = self.role_by_id(id) else { return };
        if found.iter().all(|known| known.id != role.id) {
            found.push(role);
            role.contents.iter().for_each(|id| self.add_effective(id, found));
        }
    }
}
