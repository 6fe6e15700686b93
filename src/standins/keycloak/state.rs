//! Stores the data of a Keycloak: realms, groups, users, directories.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::realm::Realm;
use super::token::{Lifetimes, RealmGrant};
use crate::standins::{Sorted, ids, time};

/// All that one Keycloak knows.
#[derive(Debug, Default)]
pub struct KeycloakState {
    /// Answer as Keycloak 22 does (trap 40).
    pub old: bool,
    /// Its own URL, without a slash at the end; set when it starts.
    pub url: String,
    /// How long tokens live.
    pub lifetimes: Lifetimes,
    /// Whether tokens do not list their roles (a client with lightweight access tokens).
    pub lightweight_tokens: bool,
    /// The realms by name.
    pub realms: BTreeMap<String, Realm>,
    pub(super) grants: HashMap<String, RealmGrant>,
}

impl KeycloakState {
    /// Adds an empty realm.
    pub fn add_realm(&mut self, name: &str) -> &mut Realm {
        self.realms.entry(name.to_owned()).or_insert_with(|| Realm::new(name))
    }

    /// Returns a realm, which is created if it does not exist.
    pub fn realm(&mut self, name: &str) -> &mut Realm {
        self.add_realm(name)
    }

    /// Expires every token at once.
    pub fn expire_tokens(&mut self) {
        self.grants.clear();
    }
}

/// A group. Its members are those of the group itself, not of its subgroups (trap 7).
#[derive(Clone, Debug)]
pub struct RealmGroup {
    /// The UUID.
    pub id: String,
    /// The last part of the path. A slash in it stays as it is in the path.
    pub name: String,
    /// The whole path, beginning with a slash.
    pub path: String,
    pub parent: Option<String>,
    /// Subgroups: name to ID.
    pub children: BTreeMap<String, String>,
    /// The usernames of the members.
    pub members: Sorted<()>,
    /// The IDs of the roles that members and subgroups inherit.
    pub roles: Vec<String>,
}

/// A user of the realm.
#[derive(Clone, Debug)]
pub struct RealmUser {
    /// The UUID; it stays when the user is renamed.
    pub id: String,
    /// Always lower case.
    pub username: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    pub email_verified: bool,
    /// Whether the user may log in.
    pub enabled: bool,
    /// When the user was created, in milliseconds since 1970.
    pub created: u64,
    /// The storage provider (directory) that the user comes from.
    pub federation_link: Option<String>,
    /// Attributes, shown in full representations and for federated users; why Keycloak disabled a
    /// user also in brief ones.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Whether the user is a client's service account: lists of users leave it out (trap 49).
    pub service: bool,
    /// The IDs of the groups that the user is in.
    pub groups: BTreeSet<String>,
    /// The IDs of the groups that Keycloak remembers for a federated user, if it has not asked the
    /// directory since.
    pub remembered_groups: Option<BTreeSet<String>>,
    /// The IDs of the roles that the user has directly, the default role apart.
    pub roles: Vec<String>,
}

impl RealmUser {
    pub(super) fn new(username: &str) -> Self {
        Self {
            id: ids::uuid(),
            username: username.to_owned(),
            first_name: None,
            last_name: None,
            email: None,
            email_verified: false,
            enabled: true,
            created: time::now_ms(),
            federation_link: None,
            attributes: BTreeMap::new(),
            service: false,
            groups: BTreeSet::new(),
            remembered_groups: None,
            roles: Vec::new(),
        }
    }
}

/// A user federation provider, as `components` lists it.
#[derive(Clone, Debug)]
pub struct StorageProvider {
    /// The ID that users carry as `federationLink`.
    pub id: String,
    /// The name that the administrator gave.
    pub name: String,
    /// Whether users are copied into Keycloak's database.
    pub import: bool,
    pub enabled: bool,
}
