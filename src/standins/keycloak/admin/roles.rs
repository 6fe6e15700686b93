//! Serves roles of the realm and of clients, and the effective roles of a user.
//!
//! It follows `keycloak-roles.json`: roles of the realm need `view-realm`, those of clients
//! `view-clients`. The realm's description has only the fields that a reader of roles needs.

use axum::http::StatusCode;
use serde_json::json;

use super::super::representation;
use super::super::roles::RealmRole;
use super::super::state::RealmGroup;
use super::super::token::{KeycloakRefusal, error};
use super::{Answer, RealmQuery, written};

/// `GET /admin/realms/{realm}`, as far as it is about roles.
pub(super) fn realm(asked: &RealmQuery<'_>, _: &[String]) -> Answer {
    asked.need("view-realm")?;
    let default = representation::role(asked.realm, asked.realm.default_role());
    written(&json!({"id": asked.realm.id, "enabled": true, "defaultRole": default}))
}

/// `GET …/clients?clientId=…`
pub(super) fn clients(asked: &RealmQuery<'_>, _: &[String]) -> Answer {
    asked.need("view-clients")?;
    let wanted = asked.query.get("clientId");
    let clients = asked.realm.clients.iter();
    let clients = clients.filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name));
    let rows = clients.map(|(name, client)| representation::client(name, client));
    written(&rows.collect::<Vec<_>>())
}

/// Checks the permission, and returns the `clientId` if the path begins with a client.
fn container<'a>(
    asked: &'a RealmQuery<'_>,
    parts: &[String],
    below: usize,
) -> Result<Option<&'a str>, KeycloakRefusal> {
    if parts.len() == below {
        return asked.need("view-realm").map(|()| None);
    }
    asked.need("view-clients")?;
    let client = asked.realm.client_by_id(&parts[0]);
    let missing = || error(StatusCode::NOT_FOUND, "Could not find client");
    client.map(|(name, _)| Some(name)).ok_or_else(missing)
}

fn found<'a>(
    asked: &'a RealmQuery<'_>,
    parts: &[String],
) -> Result<&'a RealmRole, KeycloakRefusal> {
    let client = container(asked, parts, 1)?;
    let name = parts.last().map_or("", String::as_str);
    let role = asked.realm.role_in(client, name);
    role.ok_or_else(|| error(StatusCode::NOT_FOUND, "Could not find role"))
}

/// `GET …/roles` and `GET …/clients/{id}/roles`
pub(super) fn roles(asked: &RealmQuery<'_>, parts: &[String]) -> Answer {
    let roles = asked.realm.roles_in(container(asked, parts, 0)?);
    let rows = asked.page(None, roles.into_iter());
    let rows = rows.map(|role| representation::role(asked.realm, role));
    written(&rows.collect::<Vec<_>>())
}

/// `GET …/roles/{name}` and `GET …/clients/{id}/roles/{name}`
pub(super) fn role(asked: &RealmQuery<'_>, parts: &[String]) -> Answer {
    written(&representation::whole_role(asked.realm, found(asked, parts)?))
}

/// `GET …/roles/{name}/users`: those who have it directly; 100 of them unless `max` says otherwise.
pub(super) fn users_of_role(asked: &RealmQuery<'_>, parts: &[String]) -> Answer {
    let role = found(asked, parts)?;
    let brief = asked.query.is("briefRepresentation", false);
    let (first, max) = asked.place(Some(100));
    let show = |user| representation::listed_user(user, brief, asked.manage());
    // Every user has the default role.
    if role.id == asked.realm.default_role().id {
        let users = asked.realm.users().skip(first).take(max);
        return written(&users.map(show).collect::<Vec<_>>());
    }
    let rows = role.holders.shown_from(first).take(max);
    let users = rows.filter_map(|(username, ())| asked.realm.user(username));
    written(&users.map(show).collect::<Vec<_>>())
}

/// `GET …/roles/{name}/groups`: those that carry it, without their subgroups.
pub(super) fn groups_of_role(asked: &RealmQuery<'_>, parts: &[String]) -> Answer {
    let role = found(asked, parts)?;
    let mut groups: Vec<&RealmGroup> =
        asked.realm.all_groups().filter(|group| group.roles.contains(&role.id)).collect();
    groups.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    let rows = asked.page(Some(100), groups.into_iter()).map(representation::carrier);
    written(&rows.collect::<Vec<_>>())
}

/// `GET …/roles/{name}/composites`: what it contains directly.
pub(super) fn composites(asked: &RealmQuery<'_>, parts: &[String]) -> Answer {
    let contents = found(asked, parts)?.contents.iter();
    let roles = contents.filter_map(|id| asked.realm.role_by_id(id));
    let rows = roles.map(|role| representation::role(asked.realm, role));
    written(&rows.collect::<Vec<_>>())
}

/// `GET …/users/{id}/role-mappings/realm/composite`, and `…/clients/{id}/composite`: every role
/// that a user has, directly or not.
pub(super) fn effective(asked: &RealmQuery<'_>, parts: &[String]) -> Answer {
    asked.need("query-users")?;
    let user = asked.realm.user_by_id(&parts[0]);
    let user = user.ok_or_else(|| error(StatusCode::NOT_FOUND, "User not found"))?;
    asked.need("view-users")?;
    let client = match parts.get(1) {
        None => None,
        Some(id) => {
            asked.need("view-clients")?;
            let client = asked.realm.client_by_id(id);
            let missing = || error(StatusCode::NOT_FOUND, "Client not found");
            Some(client.ok_or_else(missing)?.0)
        }
    };
    let roles = asked.realm.effective_roles(user).into_iter();
    let roles = roles.filter(|role| role.client.as_deref() == client);
    let rows = roles.map(|role| representation::role(asked.realm, role));
    written(&rows.collect::<Vec<_>>())
}
