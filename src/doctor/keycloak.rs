//! Checks Keycloak: the login, its roles, whether the whole group is visible, and the directories
//! behind it.

use std::collections::HashSet;

use super::check::{Area, Section};
use super::{admins, events, members, reach};
use crate::config::{Config, KeycloakAuth};
use crate::error_chain::in_one_line;
use crate::model::Member;
use crate::phrases::{counted, joined};
use crate::planner::Federation;
use crate::readers::{Access, KeycloakReader, Tally};

pub(super) async fn check(config: &Config, keycloak: &KeycloakReader, tally: &Tally) -> Section {
    let url = &config.keycloak.url;
    let mut section =
        Section::new(Area::Keycloak, format!("{url}, realm {}", config.keycloak.realm));
    if let Err(why) = reach::check(&mut section, "Keycloak", url, keycloak.probe().await) {
        section.skip(
            &["token", "roles", "users", "version", "events", "group", "members", "directories"],
            &why,
        );
        return section;
    }
    let access = match keycloak.access().await {
        Ok(access) => access,
        Err(error) => {
            section.failed("token", &error);
            section.skip(
                &["roles", "users", "version", "events", "group", "members", "directories"],
                "there is no token",
            );
            return section;
        }
    };
    token(&mut section, config, &access);
    if roles(&mut section, config, &access) {
        users(&mut section, config, keycloak, &access).await;
    } else {
        section.skip(&["users"], "a role is missing");
    }
    version(&mut section, keycloak).await;
    events::check(&mut section, config, keycloak, &access.management).await;
    if section.gives_up("group") {
        section.skip(&["members", "directories"], "the group cannot be read");
        return section;
    }
    let membership = members::membership(&mut section, config, keycloak).await;
    let members = if let Some(membership) = membership {
        members::check(&mut section, config, keycloak, &membership, tally).await
    } else {
        let has_roles = !config.keycloak.members.roles.is_empty();
        let unread = if has_roles { "a group or a role" } else { "the group" };
        section.skip(&["members"], &format!("{unread} cannot be read"));
        None
    };
    directories(&mut section, config, keycloak, &access, members.as_deref()).await;
    admins::check(&mut section, config, keycloak, &access.management).await;
    section
}

fn token(section: &mut Section, config: &Config, access: &Access) {
    let whose = match &config.keycloak.auth {
        KeycloakAuth::ClientCredentials { client_id, .. } => {
            format!("the client {client_id}, by its own credentials")
        }
        KeycloakAuth::Password { auth_realm, client_id, username, .. } => {
            format!(
                "the user {username} of the realm {auth_realm}, by password and the client {client_id}"
            )
        }
    };
    let life = access
        .life
        .map(|life| format!("; a token is valid for {}", humantime::format_duration(life)));
    section.ok("token", whose + &life.unwrap_or_default());
}

/// Returns who needs the roles, for a fix.
fn whose_roles(config: &Config) -> &'static str {
    match &config.keycloak.auth {
        KeycloakAuth::ClientCredentials { .. } => "the client's service account",
        KeycloakAuth::Password { .. } => "the user",
    }
}

/// Returns the fix if users are hidden.
fn give_view_users(config: &Config, access: &Access) -> String {
    let (who, management) = (whose_roles(config), &access.management);
    format!("Give {who} the role view-users of the client {management} (Keycloak: Role mapping).")
}

/// Checks that the roles in the token, if it lists them, show all users.
fn roles(section: &mut Section, config: &Config, access: &Access) -> bool {
    const NAME: &str = "roles";
    let management = &access.management;
    let Some(roles) = &access.roles else {
        section
            .skip(&[NAME], "the token does not list its roles, as is usual for a lightweight one");
        return true;
    };
    let who = whose_roles(config);
    let needless = roles.needless();
    if !roles.see_users() {
        section.problem(
            NAME,
            format!(
                "the role view-users of the client {management} is missing, so users may be hidden"
            ),
            give_view_users(config, access),
        );
    } else if !needless.is_empty() {
        let instead = match &config.keycloak.auth {
            KeycloakAuth::ClientCredentials { .. } => {
                format!(
                    "Remove them from {who}: view-users of the client {management} is enough, with view-realm if the \
                         realm has a user federation or keycloak.roles is set, and view-clients for roles of clients."
                )
            }
            KeycloakAuth::Password { .. } => format!(
                "Use a client with a service account in the realm {} (keycloak.client_id and keycloak.client_secret, \
                 KC_CLIENT_ID and KC_CLIENT_SECRET) that has view-users of the client realm-management, and view-realm \
                 if the realm has a user federation or keycloak.roles is set (view-clients for roles of clients). Or leave the user only these roles of the client {management}.",
                config.keycloak.realm
            ),
        };
        section.warn(
            NAME,
            format!(
                "it may do more than read, which is all that is needed here: {}",
                joined(&needless, ", ")
            ),
            instead,
        );
    } else {
        section.ok(NAME, joined(&roles.names().collect::<Vec<_>>(), ", "));
    }
    roles.see_users()
}

/// Checks that users are visible, because a token may not list its roles.
async fn users(section: &mut Section, config: &Config, keycloak: &KeycloakReader, access: &Access) {
    const NAME: &str = "users";
    if section.gives_up(NAME) {
        return;
    }
    match keycloak.sees_anyone().await {
        Ok(true) => section.ok(NAME, "the users of the realm can be read"),
        Ok(false) => section.problem(
            NAME,
            "no user of the realm is visible: without the permission Keycloak returns empty lists",
            give_view_users(config, access),
        ),
        Err(error) => section.failed(NAME, &error),
    }
}

async fn version(section: &mut Section, keycloak: &KeycloakReader) {
    const NAME: &str = "version";
    if section.gives_up(NAME) {
        return;
    }
    match keycloak.version().await {
        Ok(Some(version)) => section.ok(NAME, version.to_string()),
        Ok(None) => {
            section.skip(&[NAME], "Keycloak shows it only with more rights than are needed here");
        }
        // A proxy that blocks everything unneeded is no problem.
        Err(error) if error.is_foreign() => section.skip(&[NAME], &in_one_line(&error)),
        Err(error) => section.failed(NAME, &error),
    }
}

/// Checks whether a run would notice that a directory (LDAP, Active Directory) is down.
async fn directories(
    section: &mut Section,
    config: &Config,
    keycloak: &KeycloakReader,
    access: &Access,
    members: Option<&[Member]>,
) {
    const NAME: &str = "directories";
    if config.policy.federation == Federation::Trust {
        section.skip(
            &[NAME],
            "keycloak.federation = \"trust\": Keycloak is trusted, even if a directory behind it is down",
        );
        return;
    }
    if section.gives_up(NAME) {
        return;
    }
    match keycloak.providers().await {
        Err(error) => section.failed(NAME, &error),
        Ok(None) => section.warn(
            NAME,
            "a directory behind Keycloak (LDAP, Active Directory) that is down may go unnoticed, if all its users \
             are then missing",
            format!(
                "If the realm has a user federation, also give {} the role view-realm of the client {}. \
                 Else set `keycloak.federation` to \"trust\".",
                whose_roles(config),
                access.management
            ),
        ),
        Ok(Some(providers)) if providers.is_empty() => section.ok(NAME, "the realm has no user federation"),
        Ok(Some(providers)) => signs_of_life(section, NAME, &providers, members),
    }
}

/// Checks that each directory has an enabled user in the group. During an outage none of its users
/// is listed as enabled.
fn signs_of_life(
    section: &mut Section,
    name: &'static str,
    providers: &[Box<str>],
    members: Option<&[Member]>,
) {
    let told = format!("{} behind Keycloak", counted(providers.len(), "directory", "directories"));
    let Some(members) = members else {
        section
            .skip(&[name], &format!("{told}; whether they answer is unknown without the members"));
        return;
    };
    let alive: HashSet<&str> = members
        .iter()
        .filter(|member| member.enabled)
        .filter_map(|member| member.federation_link.as_deref())
        .collect();
    let silent = providers.iter().filter(|provider| !alive.contains(&***provider)).count();
    if silent == 0 {
        section.ok(name, format!("{told}, each with enabled users in the group"));
    } else {
        section.warn(
            name,
            format!(
                "{told}, {silent} of them without an enabled user in the group: accounts of its users are not disabled, \
                 nor are accounts without a user in Keycloak"
            ),
            "Check User federation in Keycloak, and that the directory answers. If none of its users is meant to be \
             in the group, set `keycloak.federation` to \"trust\".",
        );
    }
}
