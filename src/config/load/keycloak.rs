//! Takes `[keycloak]`.

use super::authorities::authorities;
use crate::config::fields::{Fields, text};
use crate::config::keys::{ConfigKey, keycloak as keys};
use crate::config::{KeycloakAuth, KeycloakConfig, MemberSource};
use crate::localpart::LocalpartTemplate;
use crate::planner::{DisabledMembers, Federation};

/// The section, and its keys that the plan depends on.
pub(super) struct KeycloakSection {
    pub(super) config: KeycloakConfig,
    /// `keycloak.localpart` as it is written.
    pub(super) template: String,
    pub(super) disabled_members: DisabledMembers,
    pub(super) federation: Federation,
}

/// Takes the section.
pub(super) fn keycloak(fields: &mut Fields) -> Option<KeycloakSection> {
    let disabled_members = fields.choice(&keys::DISABLED_MEMBERS);
    let federation = fields.choice(&keys::FEDERATION);
    let url = fields.server_url(&keys::URL);
    let realm = fields.needed_text(&keys::REALM, "the realm of the groups and roles");
    let realm = realm.filter(|name| is_realm(fields, &keys::REALM, name));
    let members = members(fields, realm.as_deref());
    let auth = keycloak_auth(fields);
    let template = fields.text_or_default(&keys::LOCALPART);
    let localpart = localpart(fields, &template);
    let tls = authorities(fields, &keys::CA_FILE);
    let config = KeycloakConfig {
        url: url?,
        realm: realm?,
        members: members?,
        auth: auth?,
        localpart: localpart?,
        tls: tls?,
    };
    Some(KeycloakSection { config, template, disabled_members, federation })
}

fn localpart(fields: &mut Fields, template: &str) -> Option<LocalpartTemplate> {
    match LocalpartTemplate::new(template) {
        Ok(localpart) => Some(localpart),
        Err(error) => {
            let key = &keys::LOCALPART;
            fields.wrong(key, Some(template), format!("expected {}: {error}", key.expected));
            None
        }
    }
}

/// Takes the groups and roles. One of the two is needed.
fn members(fields: &mut Fields, realm: Option<&str>) -> Option<MemberSource> {
    let key = &keys::GROUPS;
    let (has_groups, has_roles) = (fields.is_given(key), fields.is_given(&keys::ROLES));
    let include_subgroups = fields.switch(&keys::INCLUDE_SUBGROUPS);
    let roles = roles(fields, &keys::ROLES, realm);
    if !has_groups && !has_roles {
        fields.missing(key, "a list of group names, /paths or IDs; or set keycloak.roles");
        return None;
    }
    let groups = fields.texts_or_none(key);
    let (groups, roles) = (groups?, roles?);
    if groups.is_empty() && roles.is_empty() {
        let why = "expected at least one group or role: without any, every account is disabled";
        fields.wrong(if has_groups { key } else { &keys::ROLES }, None, why);
    }
    Some(MemberSource { groups, include_subgroups, roles })
}

/// Notes a name that no realm has, and that would lead to another path of the server.
fn is_realm(fields: &mut Fields, key: &ConfigKey, name: &str) -> bool {
    let is_one =
        !matches!(name, "." | "..") && !name.contains(|c: char| c == '/' || c.is_control());
    if !is_one {
        fields.wrong(key, Some(name), "no realm has such a name");
    }
    is_one
}

/// Takes roles; none if the key is not given. The realm's default role is recognised by its name.
pub(super) fn roles(
    fields: &mut Fields,
    key: &ConfigKey,
    realm: Option<&str>,
) -> Option<Vec<String>> {
    if !fields.is_given(key) {
        return Some(Vec::new());
    }
    let list = fields.list(key)?;
    let default = realm.map(MemberSource::default_role);
    for (entry, role) in list.entries().iter().filter(|(_, role)| Some(role) == default.as_ref()) {
        let why = "expected another role: this is the default role, which every user has";
        fields.wrong_entry(key, *entry, Some(role), why);
    }
    list.whole()
}

/// Takes the credentials. With a username the password grant is used, and the secret, if any,
/// belongs to its client.
fn keycloak_auth(fields: &mut Fields) -> Option<KeycloakAuth> {
    let secret_given = fields.is_given(&keys::CLIENT_SECRET);
    let password_given = fields.is_given(&keys::PASSWORD);
    let client_id = fields.text(&keys::CLIENT_ID);
    let client_secret = fields.secret(&keys::CLIENT_SECRET);
    let auth_realm = fields.text(&keys::AUTH_REALM);
    let auth_realm = auth_realm.filter(|name| is_realm(fields, &keys::AUTH_REALM, name));
    let username = fields.text(&keys::USERNAME);
    let password = fields.secret(&keys::PASSWORD);
    if let Some(username) = username {
        if !password_given {
            fields.missing(&keys::PASSWORD, "the password of keycloak.username");
        }
        return Some(KeycloakAuth::Password {
            auth_realm: auth_realm.unwrap_or_else(|| keys::AUTH_REALM.default(text)),
            client_id: client_id.unwrap_or_else(|| keys::CLIENT_ID.default(text)),
            client_secret,
            username,
            password: password?,
        });
    }
    if password_given {
        fields.missing(&keys::USERNAME, "the user of keycloak.password");
        return None;
    }
    if auth_realm.is_some() {
        let why = "needs keycloak.username; a client's own credentials belong to keycloak.realm";
        fields.wrong(&keys::AUTH_REALM, None, why);
    }
    if client_id.is_none() {
        fields.missing(
            &keys::CLIENT_ID,
            "the client whose credentials are used; or set keycloak.username and keycloak.password",
        );
    }
    if !secret_given {
        let what = "the client's secret; or set keycloak.username and keycloak.password";
        fields.missing(&keys::CLIENT_SECRET, what);
    }
    Some(KeycloakAuth::ClientCredentials { client_id: client_id?, client_secret: client_secret? })
}
