//! Stores one realm: its groups, its users and their memberships. Roles are in `roles`.
//!
//! Members and users are in order of username, so that a page of a large list costs as much as its
//! rows. The lists are live, which makes offset paging skip users (trap 3).

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::events::RecordedEvent;
use super::roles::{self, RealmRole};
use super::state::{RealmGroup, RealmUser, StorageProvider};
use super::token::{Login, RealmClient};
use crate::standins::{Sorted, ids};

/// One realm.
#[derive(Clone, Debug)]
pub struct Realm {
    /// The UUID.
    pub id: String,
    /// Clients by client ID.
    pub clients: BTreeMap<String, RealmClient>,
    /// Users who can get a token by password, by username.
    pub logins: BTreeMap<String, Login>,
    /// Directories behind the realm.
    pub storage_providers: Vec<StorageProvider>,
    /// Whether changes are kept as admin events.
    pub save_events: bool,
    /// The time of new events instead of now, in milliseconds since 1970.
    pub event_time: Option<u64>,
    pub(super) events: VecDeque<RecordedEvent>,
    pub(super) users: Sorted<Box<RealmUser>>,
    usernames: HashMap<String, String>,
    pub(super) groups: HashMap<String, RealmGroup>,
    /// The default role is the first.
    pub(super) roles: Vec<RealmRole>,
    top: BTreeMap<String, String>,
}

impl Realm {
    pub(super) fn new(name: &str) -> Self {
        Self {
            id: ids::uuid(),
            clients: BTreeMap::new(),
            logins: BTreeMap::new(),
            storage_providers: Vec::new(),
            save_events: true,
            event_time: None,
            events: VecDeque::new(),
            users: Sorted::showing(|user| !user.service),
            usernames: HashMap::new(),
            groups: HashMap::new(),
            roles: roles::first_roles(name),
            top: BTreeMap::new(),
        }
    }

    /// Makes changes that leave no admin event: seeding, and changes in a directory (trap 45).
    pub fn silently<T>(&mut self, change: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.save_events, false);
        let result = change(self);
        self.save_events = before;
        result
    }

    /// Deletes the admin events, as retention does, or an administrator.
    pub fn forget_events(&mut self) {
        self.events.clear();
    }

    /// Adds a user, or returns the one of that name. The ID never changes.
    pub fn add_user(&mut self, username: &str) -> &mut RealmUser {
        let user = RealmUser::new(&username.to_lowercase());
        if !self.users.contains(&user.username) {
            self.usernames.insert(user.id.clone(), user.username.clone());
            self.event_user("CREATE", &user);
        }
        let name = user.username.clone();
        self.users.entry(&name, || Box::new(user))
    }

    /// Adds the service account of a client, or returns the existing one.
    pub fn add_service_account(&mut self, client: &str) -> &mut RealmUser {
        let user = self.add_user(&format!("service-account-{client}"));
        user.service = true;
        user
    }

    /// Gives a user another ID, as recordings need it.
    pub fn set_user_id(&mut self, username: &str, id: &str) {
        if let Some(user) = self.users.get_mut(&username.to_lowercase()) {
            self.usernames.remove(&user.id);
            id.clone_into(&mut user.id);
            self.usernames.insert(user.id.clone(), user.username.clone());
        }
    }

    /// Deletes a user; they leave their groups.
    pub fn delete_user(&mut self, username: &str) {
        let Some(user) = self.users.remove(&username.to_lowercase()) else {
            return;
        };
        self.usernames.remove(&user.id);
        for group in &user.groups {
            if let Some(group) = self.groups.get_mut(group) {
                group.members.remove(&user.username);
            }
        }
        for role in &mut self.roles {
            role.holders.remove(&user.username);
        }
        self.event_user("DELETE", &user);
    }

    /// Renames a user: the ID and the memberships stay.
    pub fn rename_user(&mut self, username: &str, new: &str) {
        let Some(mut user) = self.users.remove(&username.to_lowercase()) else {
            return;
        };
        for group in user.groups.clone() {
            if let Some(group) = self.groups.get_mut(&group) {
                group.members.remove(&user.username);
                group.members.entry(&new.to_lowercase(), || ());
            }
        }
        for role in &mut self.roles {
            if role.holders.remove(&user.username).is_some() {
                role.holders.entry(&new.to_lowercase(), || ());
            }
        }
        user.username = new.to_lowercase();
        self.usernames.insert(user.id.clone(), user.username.clone());
        self.event_user("UPDATE", &user);
        let name = user.username.clone();
        self.users.remove(&name);
        self.users.entry(&name, || user);
    }

    /// Enables a user.
    pub fn enable_user(&mut self, username: &str) {
        self.set_enabled(username, true);
    }

    /// Disables a user.
    pub fn disable_user(&mut self, username: &str) {
        self.set_enabled(username, false);
    }

    fn set_enabled(&mut self, username: &str, enabled: bool) {
        let Some(user) = self.users.get_mut(&username.to_lowercase()) else {
            return;
        };
        user.enabled = enabled;
        let user = user.clone();
        self.event_user("UPDATE", &user);
    }

    /// Returns a user by name, without regard to case.
    #[must_use]
    pub fn user(&self, username: &str) -> Option<&RealmUser> {
        self.users.get(&username.to_lowercase()).map(|user| &**user)
    }

    /// Returns a user to change, without an event.
    pub fn user_mut(&mut self, username: &str) -> Option<&mut RealmUser> {
        self.users.get_mut(&username.to_lowercase()).map(|user| &mut **user)
    }

    /// Returns a user by ID.
    #[must_use]
    pub fn user_by_id(&self, id: &str) -> Option<&RealmUser> {
        self.user(self.usernames.get(id)?)
    }

    /// Returns all users in order of username, service accounts included.
    pub fn users(&self) -> impl Iterator<Item = &RealmUser> {
        self.users.iter().map(|(_, user)| &**user)
    }

    /// Returns the users that lists show in order of username, from the n-th on.
    pub(super) fn listed_from(&self, first: usize) -> impl Iterator<Item = &RealmUser> {
        self.users.shown_from(first).map(|(_, user)| &**user)
    }

    /// Counts the users that lists show.
    pub(super) fn listed(&self) -> usize {
        self.users.shown()
    }

    /// Adds the group at `path` with the groups above it, and returns its ID.
    pub fn add_group(&mut self, path: &str) -> String {
        let mut parent: Option<String> = None;
        let mut above = String::new();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            above = format!("{above}/{name}");
            let siblings = match parent.as_ref().and_then(|id| self.groups.get(id)) {
                Some(group) => &group.children,
                None => &self.top,
            };
            let id = match siblings.get(name) {
                Some(id) => id.clone(),
                None => self.insert_group(ids::uuid(), name, &above, parent.as_deref()),
            };
            parent = Some(id);
        }
        parent.unwrap_or_default()
    }

    /// Adds a group to the group at `parent`, or on top if that is empty. The name may contain
    /// slashes: Keycloak writes them into the path as they are.
    pub fn add_group_named(&mut self, parent: &str, name: &str) -> String {
        let above = self.group_by_path(parent);
        let path = format!("{}/{name}", above.map_or("", |group| &group.path));
        let above = above.map(|group| group.id.clone());
        self.insert_group(ids::uuid(), name, &path, above.as_deref())
    }

    /// Adds the group at `path` with a chosen ID, as recordings need it; the groups above must be
    /// there.
    pub fn add_group_with_id(&mut self, path: &str, id: &str) {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.group_by_path(above).map(|group| group.id.clone());
        self.insert_group(id.to_owned(), name, path, parent.as_deref());
    }

    fn insert_group(&mut self, id: String, name: &str, path: &str, parent: Option<&str>) -> String {
        let group = RealmGroup {
            id: id.clone(),
            name: name.to_owned(),
            path: path.to_owned(),
            parent: parent.map(str::to_owned),
            children: BTreeMap::new(),
            members: Sorted::default(),
            roles: Vec::new(),
        };
        self.event_group("CREATE", &group);
        let siblings = match parent.and_then(|id| self.groups.get_mut(id)) {
            Some(group) => &mut group.children,
            None => &mut self.top,
        };
        siblings.insert(name.to_owned(), id.clone());
        self.groups.insert(id.clone(), group);
        id
    }

    /// Deletes the group at `path` with all below it.
    pub fn delete_group(&mut self, path: &str) {
        let Some(group) = self.group_by_path(path).cloned() else {
            return;
        };
        for child in group.children.keys() {
            self.delete_group(&format!("{}/{child}", group.path));
        }
        match group.parent.as_ref().and_then(|id| self.groups.get_mut(id)) {
            Some(parent) => parent.children.remove(&group.name),
            None => self.top.remove(&group.name),
        };
        for member in group.members.keys() {
            if let Some(user) = self.users.get_mut(member) {
                user.groups.remove(&group.id);
            }
        }
        self.groups.remove(&group.id);
        self.event_group("DELETE", &group);
    }

    /// Returns a group by ID.
    #[must_use]
    pub fn group(&self, id: &str) -> Option<&RealmGroup> {
        self.groups.get(id)
    }

    /// Returns the group at a path. At each level the shortest name that fits is taken, as Keycloak
    /// does: of a group `a` with the subgroup `b` and a group `a/b`, the path `/a/b` means the
    /// first.
    #[must_use]
    pub fn group_by_path(&self, path: &str) -> Option<&RealmGroup> {
        let mut found: Option<&RealmGroup> = None;
        let mut name = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if !name.is_empty() {
                name.push('/');
            }
            name.push_str(part);
            let siblings = found.map_or(&self.top, |group| &group.children);
            if let Some(id) = siblings.get(&name) {
                found = self.groups.get(id);
                name.clear();
            }
        }
        found.filter(|_| name.is_empty())
    }

    /// Returns the groups without a parent, in order of name.
    pub fn top_groups(&self) -> impl Iterator<Item = &RealmGroup> {
        self.top.values().filter_map(|id| self.groups.get(id))
    }

    /// Returns every group, in no order.
    pub(super) fn all_groups(&self) -> impl Iterator<Item = &RealmGroup> {
        self.groups.values()
    }

    /// Returns the subgroups of a group, in order of name.
    pub fn children<'a>(&'a self, group: &'a RealmGroup) -> impl Iterator<Item = &'a RealmGroup> {
        group.children.values().filter_map(|id| self.groups.get(id))
    }

    /// Puts a user into the group at `path`.
    pub fn join(&mut self, username: &str, path: &str) {
        self.change_membership(username, path, true);
    }

    /// Takes a user out of the group at `path`.
    pub fn leave(&mut self, username: &str, path: &str) {
        self.change_membership(username, path, false);
    }

    fn change_membership(&mut self, username: &str, path: &str, member: bool) {
        let Some(id) = self.group_by_path(path).map(|group| group.id.clone()) else {
            return;
        };
        let username = username.to_lowercase();
        let (Some(group), Some(user)) = (self.groups.get_mut(&id), self.users.get_mut(&username))
        else {
            return;
        };
        let changed = if member {
            let before = group.members.len();
            group.members.entry(&username, || ());
            user.groups.insert(id.clone()) | (group.members.len() > before)
        } else {
            user.groups.remove(&id) | group.members.remove(&username).is_some()
        };
        if changed && self.save_events {
            let (group, user) = (group.clone(), user.clone());
            self.event_membership(if member { "CREATE" } else { "DELETE" }, &group, &user);
        }
    }
}
