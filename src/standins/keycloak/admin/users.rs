//! People: by name, by ID, and the groups that one is in.

use axum::http::StatusCode;
use serde_json::json;

use super::super::representation;
use super::super::state::Group;
use super::super::token::error;
use super::{Answer, Asked, written};

/// `GET …/users?username=…&exact=true`, and all users by page.
pub(super) fn users(asked: &Asked<'_>, _: &[String]) -> Answer {
    if !asked.may_list("query-users")? {
        return written(&json!([]));
    }
    let brief = asked.query.is("briefRepresentation", false);
    let show = |user| representation::listed_user(user, brief, asked.manage());
    let exact = asked.query.is("exact", false);
    match asked.query.get("username").map(str::to_lowercase) {
        Some(name) if exact => written(&asked.realm.user(&name).map(show).into_iter().collect::<Vec<_>>()),
        Some(name) => {
            let rows = asked.realm.users().filter(|user| user.username.contains(&name));
            written(&asked.page(Some(100), rows).map(show).collect::<Vec<_>>())
        }
        None => {
            let (first, max) = asked.place(Some(100));
            written(&asked.realm.users_from(first).take(max).map(show).collect::<Vec<_>>())
        }
    }
}

/// `GET …/users/count`
pub(super) fn users_count(asked: &Asked<'_>, _: &[String]) -> Answer {
    let visible = asked.may_list("query-users")?;
    written(&if visible { asked.realm.users_count() } else { 0 })
}

/// `GET …/users/{id}`
pub(super) fn user(asked: &Asked<'_>, parts: &[String]) -> Answer {
    asked.need("query-users")?;
    let user = asked.realm.user_by_id(&parts[0]);
    let user = user.ok_or_else(|| error(StatusCode::NOT_FOUND, "User not found"))?;
    asked.need("view-users")?;
    written(&representation::single_user(user, asked.manage()))
}

/// `GET …/users/{id}/groups?search=…`: direct memberships only.
pub(super) fn groups_of_user(asked: &Asked<'_>, parts: &[String]) -> Answer {
    asked.need("query-users")?;
    let user = asked.realm.user_by_id(&parts[0]);
    let user = user.ok_or_else(|| error(StatusCode::NOT_FOUND, "User not found"))?;
    asked.need("view-users")?;
    let brief = asked.query.is("briefRepresentation", true);
    let groups = user.remembered_groups.as_ref().unwrap_or(&user.groups);
    let mut rows: Vec<&Group> = groups.iter().filter_map(|id| asked.realm.group(id)).collect();
    let search = asked.query.get("search").unwrap_or_default().to_lowercase();
    rows.retain(|group| group.name.to_lowercase().contains(&search));
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    let shown = rows.into_iter().map(|group| representation::group_of_user(group, brief, asked.old));
    written(&asked.page(None, shown).collect::<Vec<_>>())
}

/// `GET …/users/{id}/groups/count?search=…`: never from memory.
pub(super) fn groups_of_user_count(asked: &Asked<'_>, parts: &[String]) -> Answer {
    asked.need("query-users")?;
    let user = asked.realm.user_by_id(&parts[0]);
    let user = user.ok_or_else(|| error(StatusCode::NOT_FOUND, "User not found"))?;
    asked.need("view-users")?;
    let search = asked.query.get("search").unwrap_or_default().to_lowercase();
    let groups = user.groups.iter().filter_map(|id| asked.realm.group(id));
    let count = groups.filter(|group| group.name.to_lowercase().contains(&search)).count();
    written(&json!({"count": count}))
}
