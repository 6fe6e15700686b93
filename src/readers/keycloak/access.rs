//! Checks the access to Keycloak: whether it answers, and which roles the token has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use super::{KeycloakReader, UserRow};
use crate::http::{HttpError, Probe};
use crate::model::ServerText;

/// Roles of administrators of the master realm, which count in every other realm.
const OF_MASTER: [&str; 2] = ["admin", "create-realm"];

/// What the token says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// How long it is valid, if Keycloak said so.
    pub life: Option<Duration>,
    /// Its roles; `None` if it does not list them, like lightweight tokens.
    pub roles: Option<Roles>,
    /// The client whose roles count: `realm-management`, or `REALM-realm` for a user of the master
    /// realm.
    pub management: String,
}

/// The roles that count in the realm's administration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(BTreeSet<ServerText>);

#[derive(Debug, Deserialize)]
struct TokenClaims {
    realm_access: Option<RoleList>,
    resource_access: Option<BTreeMap<String, RoleList>>,
}

#[derive(Debug, Default, Deserialize)]
struct RoleList {
    #[serde(default)]
    roles: BTreeSet<ServerText>,
}

impl Roles {
    fn from_claims(claims: TokenClaims, management: &str, by_master: bool) -> Option<Self> {
        let TokenClaims { realm_access, resource_access } = claims;
        if realm_access.is_none() && resource_access.is_none() {
            return None;
        }
        let mut roles = resource_access
            .and_then(|mut clients| clients.remove(management))
            .unwrap_or_default()
            .roles;
        let of_realm = realm_access.unwrap_or_default().roles;
        roles.extend(
            of_realm.into_iter().filter(|role| by_master && OF_MASTER.contains(&role.raw())),
        );
        Some(Self(roles))
    }

    /// Returns whether all users of the realm are visible.
    #[must_use]
    pub fn see_users(&self) -> bool {
        const SEE_USERS: [&str; 4] = ["view-users", "manage-users", "realm-admin", "admin"];
        self.0.iter().any(|role| SEE_USERS.contains(&role.raw()))
    }

    /// Returns the roles that allow more than reading.
    #[must_use]
    pub fn needless(&self) -> Vec<&ServerText> {
        let only_views = |role: &str| role.starts_with("view-") || role.starts_with("query-");
        self.0.iter().filter(|role| !only_views(role.raw())).collect()
    }

    /// Returns all roles.
    pub fn names(&self) -> impl Iterator<Item = &ServerText> {
        self.0.iter()
    }
}

impl KeycloakReader {
    /// Checks whether Keycloak answers. Source: `GET
    /// /realms/{realm}/.well-known/openid-configuration`.
    pub async fn probe(&self) -> Result<Probe, HttpError> {
        self.api.probe(&["realms", &self.auth_realm, ".well-known", "openid-configuration"]).await
    }

    /// Returns what the token says about itself; requests one if there is none.
    pub async fn access(&self) -> Result<Access, HttpError> {
        let issued = self.api.issued().await?;
        let by_master = self.auth_realm == "master";
        let management =
            if by_master { format!("{}-realm", self.realm) } else { "realm-management".to_owned() };
        let claims = issued.as_ref().and_then(crate::http::Issued::claims);
        let roles = claims.and_then(|claims| Roles::from_claims(claims, &management, by_master));
        Ok(Access { life: issued.and_then(|issued| issued.life), roles, management })
    }

    /// Returns whether any user of the realm is visible: without `view-users`, Keycloak returns an
    /// empty list.
    ///
    /// Source: `GET …/users`.
    pub async fn sees_anyone(&self) -> Result<bool, HttpError> {
        let found: Vec<UserRow> =
            self.get(&["users"], &[("max", "1"), ("briefRepresentation", "true")]).await?;
        Ok(!found.is_empty())
    }

    /// Returns the version, which Keycloak shows only with far more rights than are needed here.
    ///
    /// Source: `GET /admin/serverinfo`.
    pub async fn version(&self) -> Result<Option<ServerText>, HttpError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct ServerInfo {
            system_info: Option<SystemInfo>,
        }
        #[derive(Deserialize)]
        struct SystemInfo {
            version: Option<ServerText>,
        }
        match self.api.get(&["admin", "serverinfo"], &[]).await {
            Ok(ServerInfo { system_info }) => Ok(system_info.and_then(|info| info.version)),
            Err(error)
                if matches!(
                    error.status(),
                    Some(StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn roles(claims: Value, management: &str, by_master: bool) -> Option<Roles> {
        Roles::from_claims(serde_json::from_value(claims).expect("claims"), management, by_master)
    }

    #[test]
    fn a_service_account_that_only_looks_has_nothing_needless() {
        let claims = json!({
            "realm_access": {"roles": ["default-roles-corp", "offline_access", "admin"]},
            "resource_access": {
                "realm-management": {"roles": ["view-users", "query-users", "query-groups", "view-realm"]},
                "account": {"roles": ["manage-account"]},
            },
        });
        let roles = roles(claims, "realm-management", false).expect("told");
        assert!(roles.see_users());
        assert!(roles.needless().is_empty());
    }

    #[test]
    fn an_administrator_of_the_master_realm_may_do_too_much() {
        let claims = json!({
            "realm_access": {"roles": ["admin", "create-realm", "offline_access"]},
            "resource_access": {
                "corp-realm": {"roles": ["view-users", "manage-users"]},
                "other-realm": {"roles": ["impersonation"]},
            },
        });
        let roles = roles(claims, "corp-realm", true).expect("told");
        let needless: Vec<_> = roles.needless().into_iter().map(ServerText::raw).collect();
        assert_eq!(needless, ["admin", "create-realm", "manage-users"]);
    }

    #[test]
    fn a_token_that_tells_no_roles_is_not_one_without_roles() {
        assert_eq!(roles(json!({"sub": "x"}), "realm-management", false), None);
        let none =
            roles(json!({"realm_access": {"roles": []}}), "realm-management", false).expect("told");
        assert!(!none.see_users());
    }
}
