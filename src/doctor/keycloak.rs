//! Keycloak: can it be reached, does it let us in, do we see everyone, and may we do no more than that.

use secrecy::ExposeSecret;

use super::rights::needless;
use super::{Area, Check, Checks, Patient};
use crate::config::KeycloakAuth;
use crate::output::counted;
use crate::planner::Federation;
use crate::readers::{KeycloakReader, Tally};

pub(super) async fn examine(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = Checks::new(Area::Keycloak);
    let reader = &patient.readers.keycloak;
    if !checks.reach(reader.api()).await {
        checks.skipped(&["token", "users", "group", "members", "directories"], "Keycloak does not answer");
        return checks.checks;
    }
    let Some(token) = checks.read("token", reader.api().token().await) else {
        checks.skipped(&["users", "group", "members", "directories"], "there is no token");
        return checks.checks;
    };
    let (who, role_of) = match &patient.config.keycloak.auth {
        KeycloakAuth::ClientCredentials { client_id, .. } => {
            (format!("the client {client_id}, by its own credentials"), "the client's service account")
        }
        KeycloakAuth::Password { username, auth_realm, .. } => {
            (format!("the user {username} of the realm {auth_realm}, by password"), "the user")
        }
    };
    checks.ok("token", format!("Keycloak gives a token to {who}"));
    match needless(token.expose_secret(), &patient.config.keycloak.realm) {
        Some(roles) if roles.is_empty() => checks.ok("rights", "the token may look, and no more"),
        Some(roles) => checks.warning(
            "rights",
            format!("the token may do more than it needs: {}", roles.join(", ")),
            format!(
                "give {role_of} view-users of realm-management (and view-realm with a user federation), nothing else"
            ),
        ),
        None => {}
    }
    who_is_seen(&mut checks, reader, patient.config.policy.federation, role_of).await;
    checks.checks
}

async fn who_is_seen(checks: &mut Checks, reader: &KeycloakReader, federation: Federation, role_of: &str) {
    match checks.read("users", reader.sees_anyone().await) {
        Some(true) => checks.ok("users", "the users of the realm can be seen"),
        Some(false) => checks.problem(
            "users",
            "no user of the realm can be seen: Keycloak answers with empty lists to those who may not look",
            format!("give {role_of} the role view-users of the client realm-management"),
        ),
        None => {}
    }
    let groups = checks.read("group", reader.groups().await);
    let Some(groups) = groups else {
        checks.skipped(&["members"], "there is no group");
        return directories(checks, reader, federation, role_of).await;
    };
    let paths: Vec<_> = groups.iter().map(|group| group.path.as_str()).collect();
    checks.ok("group", format!("found: {}", paths.join(", ")));
    match checks.read("members", reader.members(&groups, &Tally::default()).await) {
        Some(members) if members.is_empty() => checks.warning(
            "members",
            "nobody is in the group: a sync would be refused (limits.min_members)",
            "look at the group in Keycloak; members of a subgroup are none of its parent (keycloak.include_subgroups)",
        ),
        Some(members) => {
            let disabled = members.iter().filter(|member| !member.enabled).count();
            let aside = if disabled > 0 { format!(", {disabled} of them disabled in Keycloak") } else { String::new() };
            checks.ok("members", format!("{} in the group{aside}", counted(members.len(), "person", "people")));
        }
        None => {}
    }
    directories(checks, reader, federation, role_of).await;
}

async fn directories(checks: &mut Checks, reader: &KeycloakReader, federation: Federation, role_of: &str) {
    if federation == Federation::Trust {
        return;
    }
    match checks.read("directories", reader.providers().await) {
        Some(None) => checks.warning(
            "directories",
            "whether a directory (LDAP, Active Directory) is behind Keycloak cannot be seen, nor whether it is down",
            format!(
                "give {role_of} the role view-realm of the client realm-management, if the realm has a user federation"
            ),
        ),
        Some(Some(providers)) if providers.is_empty() => {
            checks.ok("directories", "the realm has no user federation");
        }
        Some(Some(providers)) => checks.ok(
            "directories",
            format!(
                "{} behind Keycloak, watched for signs of life",
                counted(providers.len(), "directory", "directories")
            ),
        ),
        None => {}
    }
}
