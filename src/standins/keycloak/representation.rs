//! Users and groups as Keycloak writes them in JSON: which field is there when.

use serde_json::{Map, Value, json};

use super::realm::Realm;
use super::state::{Group, StorageProvider, User};

/// The fields that every representation of a user has.
pub(super) fn brief_user(user: &User) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("id".into(), json!(user.id));
    row.insert("username".into(), json!(user.username));
    for (name, value) in [("firstName", &user.first_name), ("lastName", &user.last_name), ("email", &user.email)] {
        if let Some(value) = value {
            row.insert(name.into(), json!(value));
        }
    }
    row.insert("emailVerified".into(), json!(user.email_verified));
    if !user.attributes.is_empty() && user.federation_link.is_some() {
        row.insert("attributes".into(), json!(user.attributes));
    }
    row.insert("enabled".into(), json!(user.enabled));
    if let Some(link) = &user.federation_link {
        row.insert("origin".into(), json!(link));
        row.insert("federationLink".into(), json!(link));
    }
    row.insert("createdTimestamp".into(), json!(user.created));
    row
}

/// A user with `briefRepresentation=false`.
pub(super) fn full_user(user: &User) -> Map<String, Value> {
    let mut row = brief_user(user);
    if !user.attributes.is_empty() {
        row.insert("attributes".into(), json!(user.attributes));
    }
    row.insert("totp".into(), json!(false));
    row.insert("disableableCredentialTypes".into(), json!([]));
    row.insert("requiredActions".into(), json!([]));
    row.insert("notBefore".into(), json!(0));
    row
}

/// A user in a list of members: `access` is not part of those.
pub(super) fn member(user: &User, brief: bool) -> Value {
    Value::Object(if brief { brief_user(user) } else { full_user(user) })
}

/// A user in a list of users.
pub(super) fn listed_user(user: &User, brief: bool, manage: bool) -> Value {
    let Value::Object(mut row) = member(user, brief) else {
        return Value::Null;
    };
    row.insert("access".into(), if brief { json!({"manage": manage}) } else { user_access(manage) });
    Value::Object(row)
}

/// A user asked for by ID.
pub(super) fn single_user(user: &User, manage: bool) -> Value {
    let mut row = full_user(user);
    row.insert("access".into(), user_access(manage));
    Value::Object(row)
}

/// A user as a full administrator sees it, as admin events quote it.
pub(super) fn user_with_full_access(user: &User) -> Value {
    single_user(user, true)
}

fn user_access(manage: bool) -> Value {
    json!({
        "manageGroupMembership": manage, "resetPassword": manage, "view": true,
        "mapRoles": manage, "impersonate": manage, "manage": manage,
    })
}

/// Which parts of a group an endpoint shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// `attributes`, `realmRoles` and `clientRoles`.
    pub(super) full: bool,
    /// `access`, for someone who may manage or only view.
    pub(super) access: Option<bool>,
    /// Keycloak 22: no `access`, no `subGroupCount`, no `parentId`.
    pub(super) old: bool,
}

/// A group with these subgroups inside it.
pub(super) fn group(group: &Group, sub_groups: Vec<Value>, shape: Shape) -> Value {
    let mut row = Map::new();
    row.insert("id".into(), json!(group.id));
    row.insert("name".into(), json!(group.name));
    row.insert("path".into(), json!(group.path));
    if !shape.old {
        if let Some(parent) = &group.parent {
            row.insert("parentId".into(), json!(parent));
        }
        row.insert("subGroupCount".into(), json!(group.children.len()));
    }
    row.insert("subGroups".into(), Value::Array(sub_groups));
    if shape.full {
        row.insert("attributes".into(), json!({}));
        row.insert("realmRoles".into(), json!([]));
        row.insert("clientRoles".into(), json!({}));
    }
    if let Some(manage) = shape.access.filter(|_| !shape.old) {
        row.insert("access".into(), group_access(manage));
    }
    Value::Object(row)
}

/// A group with all that is below it, as Keycloak 22 shows one.
pub(super) fn tree(realm: &Realm, top: &Group, shape: Shape) -> Value {
    let below = realm.children(top).map(|child| tree(realm, child, shape)).collect();
    group(top, below, shape)
}

fn group_access(manage: bool) -> Value {
    json!({
        "view": true, "viewMembers": true, "manageMembers": manage,
        "manage": manage, "manageMembership": manage,
    })
}

/// A group in the list of a user's groups.
pub(super) fn group_of_user(group: &Group, brief: bool, old: bool) -> Value {
    let shape = Shape { full: !brief, access: None, old };
    let mut row = self::group(group, Vec::new(), shape);
    if let Value::Object(row) = &mut row {
        row.remove("subGroupCount");
    }
    row
}

/// A group as a membership event quotes it.
pub(super) fn group_in_event(group: &Group) -> Value {
    group_of_user(group, false, false)
}

/// A directory, as `GET …/components` lists it.
pub(super) fn storage_provider(provider: &StorageProvider, realm: &str) -> Value {
    json!({
        "id": provider.id, "name": provider.name, "providerId": "ldap",
        "providerType": "org.keycloak.storage.UserStorageProvider", "parentId": realm,
        "config": {
            "importEnabled": [provider.import.to_string()], "enabled": [provider.enabled.to_string()],
            "vendor": ["other"], "editMode": ["READ_ONLY"],
        },
    })
}
