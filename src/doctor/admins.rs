//! Checks `[admins]`: the users of its groups and roles, and who can change them.

use super::check::Section;
use super::members::few;
use crate::config::{Config, MemberSource};
use crate::error_chain::in_one_line;
use crate::phrases::counted;
use crate::readers::{KeycloakReader, Members, ReadError, Tally};

/// Checks them, if `[admins]` is configured. `management` is the client whose roles allow to change
/// users and groups.
pub(super) async fn check(
    section: &mut Section,
    config: &Config,
    keycloak: &KeycloakReader,
    management: &str,
) {
    const NAMES: [&str; 2] = ["admins", "admin editors"];
    let Some(source) = &config.admins else { return };
    if section.gives_up(NAMES[0]) {
        return;
    }
    match users_of(keycloak, source).await {
        Ok(users) => admins(section, NAMES[0], &users),
        Err(error) => {
            section.failed(NAMES[0], &error.of_admins());
            section.skip(&NAMES[1..], "the groups and roles of [admins] cannot be read");
            return;
        }
    }
    editors(section, NAMES[1], keycloak, management).await;
}

/// Returns the names of the enabled users of these groups and roles.
async fn users_of(
    keycloak: &KeycloakReader,
    source: &MemberSource,
) -> Result<Vec<String>, ReadError> {
    let membership = keycloak.membership(source).await?;
    let Members { people, unnamed, .. } = keycloak.members(&membership, &Tally::default()).await?;
    let enabled = people.iter().filter(|user| user.enabled);
    let mut names: Vec<_> = enabled
        .map(|user| match &user.localpart {
            Some(localpart) => localpart.to_string(),
            None => unnamed
                .iter()
                .find(|unnamed| unnamed.id == user.id)
                .map_or_else(|| user.id.to_string(), |unnamed| unnamed.username.to_string()),
        })
        .collect();
    names.sort();
    Ok(names)
}

fn admins(section: &mut Section, name: &'static str, users: &[String]) {
    if users.is_empty() {
        section.warn(
            name,
            "[admins] has no enabled user, so no user would get the right, and all administrators \
             but the last ones would lose it",
            "Check the groups and roles of `[admins]` in Keycloak.",
        );
    } else {
        let count = counted(users.len(), "user is", "users are");
        section.ok(name, format!("{count} to be an administrator: {}", named(users)));
    }
}

/// Lists those who can change users and groups, as far as Keycloak shows it: administrators of the
/// realm `master` and fine-grained permissions are not visible from here.
async fn editors(
    section: &mut Section,
    name: &'static str,
    keycloak: &KeycloakReader,
    management: &str,
) {
    let role = format!("{management}:manage-users");
    let source =
        MemberSource { groups: Vec::new(), include_subgroups: true, roles: vec![role.clone()] };
    match users_of(keycloak, &source).await {
        Ok(users) => {
            let others = "Administrators of the realm master and users with fine-grained permissions can, too, and do not show here.";
            let found = if users.is_empty() {
                format!("no user of the realm has the role {role}. {others}")
            } else {
                let count = counted(users.len(), "user", "users");
                format!(
                    "{count} can change who is in [admins], and so make themselves or others administrators of Matrix \
                     (role {role}): {}. {others}",
                    named(&users)
                )
            };
            section.ok(name, found);
        }
        Err(error) => {
            let why = format!("who can change the groups is not visible: {}", in_one_line(&error));
            section.skip(&[name], &why);
        }
    }
}

fn named(users: &[String]) -> String {
    few(users.iter().cloned())
}
