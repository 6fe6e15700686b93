//! What a token of Keycloak may do, read from the token itself. It is not verified: nothing depends on it but advice.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Roles with which a token may change people, or everything.
const MIGHTY: [&str; 8] = [
    "admin",
    "create-realm",
    "realm-admin",
    "manage-realm",
    "manage-users",
    "manage-clients",
    "manage-identity-providers",
    "impersonation",
];

#[derive(Debug, Default, Deserialize)]
struct Claims {
    #[serde(default)]
    realm_access: Access,
    #[serde(default)]
    resource_access: BTreeMap<String, Access>,
}

#[derive(Debug, Default, Deserialize)]
struct Access {
    #[serde(default)]
    roles: Vec<String>,
}

/// The roles of a token with which it may do more than look; `None` where the token does not tell.
pub(super) fn needless(token: &str, realm: &str) -> Option<Vec<String>> {
    let payload = token.split('.').nth(1)?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let of_client = |client: &str| claims.resource_access.get(client).map_or(&[][..], |access| &access.roles);
    let managing = [of_client("realm-management"), of_client(&format!("{realm}-realm"))].concat();
    let mut roles: Vec<_> = claims.realm_access.roles.iter().chain(&managing).cloned().collect();
    roles.retain(|role| MIGHTY.contains(&role.as_str()));
    roles.sort();
    roles.dedup();
    Some(roles)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(claims: &serde_json::Value) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn roles_that_only_look_are_fine_and_others_are_named_wherever_they_stand() {
        let looks = json!({"resource_access": {"realm-management": {"roles": ["view-users", "query-groups"]}}});
        assert_eq!(needless(&token(&looks), "corp"), Some(vec![]));
        let of_master = json!({
            "realm_access": {"roles": ["admin", "offline_access"]},
            "resource_access": {"corp-realm": {"roles": ["manage-users", "view-users"]}, "other-realm": {"roles": ["realm-admin"]}},
        });
        assert_eq!(needless(&token(&of_master), "corp"), Some(vec!["admin".to_owned(), "manage-users".to_owned()]));
    }

    #[test]
    fn a_token_that_is_no_jwt_tells_nothing() {
        for token in ["", "opaque", "a.b.c", "e30.e30"] {
            assert_eq!(needless(token, "corp").unwrap_or_default(), [""; 0], "{token}");
        }
    }
}
