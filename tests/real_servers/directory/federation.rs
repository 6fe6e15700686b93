//! Keycloak's user federation: a realm that reads its users and their groups from a directory.
//!
//! Source: the Admin REST API, `…/components` and `…/user-storage`.

use reqwest::Method;
use serde_json::{Value, json};

use super::slapd::{self, Slapd};
use crate::Outcome;
use crate::keycloak::Keycloak;

/// How Keycloak federates a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Whether users are imported into Keycloak's own database.
    pub(crate) import: bool,
    /// Whether groups are imported too, once, together with a user.
    pub(crate) groups: &'static str,
}

/// A realm's federation with one directory.
#[derive(Debug)]
pub(crate) struct Federation {
    keycloak: Keycloak,
    realm: String,
    component: Value,
}

impl Federation {
    /// Adds this directory to the realm, and imports its users and groups.
    pub(crate) async fn with(
        slapd: &Slapd,
        keycloak: &Keycloak,
        realm: &str,
        mode: Mode,
    ) -> Outcome<Self> {
        let realm_id = keycloak.ask(Method::GET, &format!("/{realm}"), None).await?["id"].clone();
        let provider = json!({
            "name": "directory", "providerId": "ldap", "providerType": "org.keycloak.storage.UserStorageProvider",
            "parentId": realm_id,
            "config": texts(&[
                ("enabled", "true"), ("priority", "0"), ("editMode", "READ_ONLY"), ("vendor", "other"),
                ("importEnabled", if mode.import { "true" } else { "false" }), ("syncRegistrations", "false"),
                ("connectionUrl", &slapd.url()), ("authType", "simple"), ("bindDn", slapd::READER),
                ("bindCredential", slapd::credential()), ("usersDn", &slapd::people()), ("searchScope", "1"),
                ("usernameLDAPAttribute", "uid"), ("rdnLDAPAttribute", "uid"), ("uuidLDAPAttribute", "entryUUID"),
                ("userObjectClasses", "inetOrgPerson"), ("pagination", "true"), ("cachePolicy", "DEFAULT"),
            ]),
        });
        let id = make(keycloak, realm, &provider).await?;
        let mapper = json!({
            "name": "groups", "providerId": "group-ldap-mapper", "parentId": id,
            "providerType": "org.keycloak.storage.ldap.mappers.LDAPStorageMapper",
            "config": texts(&[
                ("groups.dn", &slapd::groups()), ("group.name.ldap.attribute", "cn"), ("mode", mode.groups),
                ("group.object.classes", "groupOfNames"), ("preserve.group.inheritance", "false"),
                ("membership.ldap.attribute", "member"), ("membership.attribute.type", "DN"),
                ("membership.user.ldap.attribute", "uid"), ("groups.path", "/"), ("ignore.missing.groups", "false"),
                ("user.roles.retrieve.strategy", "LOAD_GROUPS_BY_MEMBER_ATTRIBUTE"),
                ("drop.non.existing.groups.during.sync", "false"),
            ]),
        });
        let mapper = make(keycloak, realm, &mapper).await?;
        let of_groups =
            format!("/{realm}/user-storage/{id}/mappers/{mapper}/sync?direction=fedToKeycloak");
        keycloak.ask(Method::POST, &of_groups, None).await?;
        if mode.import {
            let of_people = format!("/{realm}/user-storage/{id}/sync?action=triggerFullSync");
            keycloak.ask(Method::POST, &of_people, None).await?;
        }
        let component =
            keycloak.ask(Method::GET, &format!("/{realm}/components/{id}"), None).await?;
        Ok(Self { keycloak: keycloak.clone(), realm: realm.to_owned(), component })
    }

    /// Enables or disables the federation, as an administrator would.
    pub(crate) async fn switch(&self, on: bool) -> Outcome {
        let mut component = self.component.clone();
        component["config"]["enabled"] = json!([on.to_string()]);
        let path =
            format!("/{}/components/{}", self.realm, component["id"].as_str().unwrap_or_default());
        self.keycloak.ask(Method::PUT, &path, Some(&component)).await.map(drop)
    }

    /// Makes Keycloak cache a user and the user's groups, as a login would.
    pub(crate) async fn remember(&self, username: &str) -> Outcome {
        let id = self.keycloak.user_id(&self.realm, username).await?;
        self.keycloak.ask(Method::GET, &format!("/{}/users/{id}", self.realm), None).await?;
        self.keycloak
            .ask(Method::GET, &format!("/{}/users/{id}/groups", self.realm), None)
            .await
            .map(drop)
    }

    /// Clears Keycloak's user cache, as time or a restart would.
    pub(crate) async fn forget(&self) -> Outcome {
        for cache in ["user", "realm"] {
            let path = format!("/{}/clear-{cache}-cache", self.realm);
            self.keycloak.ask(Method::POST, &path, None).await?;
        }
        Ok(())
    }
}

async fn make(keycloak: &Keycloak, realm: &str, component: &Value) -> Outcome<String> {
    let path = format!("/{realm}/components");
    keycloak.ask(Method::POST, &path, Some(component)).await?;
    let parent = component["parentId"].as_str().unwrap_or_default();
    let name = component["name"].as_str().unwrap_or_default();
    let found =
        keycloak.ask(Method::GET, &format!("{path}?parent={parent}&name={name}"), None).await?;
    Ok(found[0]["id"]
        .as_str()
        .ok_or_else(|| format!("there is no component {name}: {found}"))?
        .to_owned())
}

/// A component's configuration consists of lists of strings.
fn texts(config: &[(&str, &str)]) -> Value {
    config.iter().map(|(key, value)| ((*key).to_owned(), json!([value]))).collect()
}
