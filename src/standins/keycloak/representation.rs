//! Writes users, groups and roles in Keycloak's JSON, with the fields of each endpoint.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::realm::Realm;
use super::roles::RealmRole;
use super::state::{RealmGroup, RealmUser, StorageProvider};
use super::token::RealmClient;

type Attributes = BTreeMap<String, Vec<String>>;

/// Why Keycloak itself disabled a user.
const DISABLED_REASON: &str = "disabledReason";

/// A user. The fields depend on the endpoint and the roles of the token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserRepresentation<'u> {
    id: &'u str,
    username: &'u str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'u str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'u str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'u str>,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Cow<'u, Attributes>>,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'u str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    federation_link: Option<&'u str>,
    created_timestamp: u64,
    #[serde(flatten)]
    more: Option<Full>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<Value>,
}

/// What `briefRepresentation=false` adds.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Full {
    totp: bool,
    disableable_credential_types: [(); 0],
    required_actions: [(); 0],
    not_before: u32,
}

/// Returns a user in a list of members, without `access`.
pub(super) fn member(user: &RealmUser, brief: bool) -> UserRepresentation<'_> {
    let shows_attributes =
        !user.attributes.is_empty() && (!brief || user.federation_link.is_some());
    UserRepresentation {
        id: &user.id,
        username: &user.username,
        first_name: user.first_name.as_deref(),
        last_name: user.last_name.as_deref(),
        email: user.email.as_deref(),
        email_verified: user.email_verified,
        attributes: shows_attributes.then_some(Cow::Borrowed(&user.attributes)),
        enabled: user.enabled,
        origin: user.federation_link.as_deref(),
        federation_link: user.federation_link.as_deref(),
        created_timestamp: user.created,
        more: (!brief).then(Full::default),
        access: None,
    }
}

/// Returns a user in a list of users.
pub(super) fn listed_user(user: &RealmUser, brief: bool, manage: bool) -> UserRepresentation<'_> {
    let mut row =
        UserRepresentation { access: Some(json!({"manage": manage})), ..member(user, brief) };
    if row.attributes.is_none() {
        row.attributes = disabled_reason(user).map(Cow::Owned);
    }
    row
}

/// Returns what a brief row shows of the attributes (trap 53).
fn disabled_reason(user: &RealmUser) -> Option<Attributes> {
    let reason = user.attributes.get(DISABLED_REASON)?;
    Some([(DISABLED_REASON.to_owned(), reason.clone())].into())
}

/// Returns a user requested by ID.
pub(super) fn single_user(user: &RealmUser, manage: bool) -> UserRepresentation<'_> {
    UserRepresentation { access: Some(user_access(manage)), ..listed_user(user, false, manage) }
}

/// Returns a user with full access, as admin events quote it.
pub(super) fn user_with_full_access(user: &RealmUser) -> Value {
    json!(single_user(user, true))
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

/// Returns a group with these subgroups inside.
pub(super) fn group(group: &RealmGroup, sub_groups: Vec<Value>, shape: Shape) -> Value {
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

/// Returns a group with everything below it, as in Keycloak 22.
pub(super) fn tree(realm: &Realm, top: &RealmGroup, shape: Shape) -> Value {
    let below = realm.children(top).map(|child| tree(realm, child, shape)).collect();
    group(top, below, shape)
}

fn group_access(manage: bool) -> Value {
    json!({
        "view": true, "viewMembers": true, "manageMembers": manage,
        "manage": manage, "manageMembership": manage,
    })
}

/// Returns a group in the list of a user's groups.
pub(super) fn group_of_user(group: &RealmGroup, brief: bool, old: bool) -> Value {
    let shape = Shape { full: !brief, access: None, old };
    let mut row = self::group(group, Vec::new(), shape);
    if let Value::Object(row) = &mut row {
        row.remove("subGroupCount");
    }
    row
}

/// Returns a group as a membership event quotes it.
pub(super) fn group_in_event(group: &RealmGroup) -> Value {
    group_of_user(group, false, false)
}

/// Returns a directory, as `GET …/components` lists it.
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

/// Returns a group in the list of those that carry a role.
pub(super) fn carrier(group: &RealmGroup) -> Value {
    let mut row = json!({"id": group.id, "name": group.name, "path": group.path, "subGroups": []});
    if let Some(parent) = &group.parent {
        row["parentId"] = json!(parent);
    }
    row
}

/// Returns a role in a list.
pub(super) fn role(realm: &Realm, role: &RealmRole) -> Value {
    let client = role.client.as_ref().and_then(|client| realm.clients.get(client));
    let mut row = json!({
        "id": role.id, "name": role.name, "composite": !role.contents.is_empty(),
        "clientRole": role.client.is_some(),
        "containerId": client.map_or(&realm.id, |client| &client.id),
    });
    if let Some(description) = &role.description {
        row["description"] = json!(description);
    }
    row
}

/// Returns a role that was requested alone, or that an event quotes.
pub(super) fn whole_role(realm: &Realm, role: &RealmRole) -> Value {
    let mut row = self::role(realm, role);
    row["attributes"] = json!({});
    row
}

/// Returns a client.
pub(super) fn client(client_id: &str, client: &RealmClient) -> Value {
    json!({
        "id": client.id, "clientId": client_id, "surrogateAuthRequired": false, "enabled": true,
        "alwaysDisplayInConsole": false, "clientAuthenticatorType": "client-secret",
        "secret": "s3cret", "redirectUris": [], "webOrigins": [], "notBefore": 0,
        "bearerOnly": false, "consentRequired": false, "standardFlowEnabled": false,
        "implicitFlowEnabled": false, "directAccessGrantsEnabled": false,
        "serviceAccountsEnabled": client.service_account.is_some(), "publicClient": false,
        "frontchannelLogout": false, "protocol": "openid-connect",
        "attributes": {"realm_client": "false"}, "authenticationFlowBindingOverrides": {},
        "fullScopeAllowed": true, "nodeReRegistrationTimeout": -1,
        "defaultClientScopes": [
            "service_account", "web-origins", "acr", "roles", "profile", "basic", "email",
        ],
        "optionalClientScopes": [
            "address", "phone", "organization", "offline_access", "microprofile-jwt",
        ],
        "access": {"view": true, "configure": false, "manage": false},
    })
}
