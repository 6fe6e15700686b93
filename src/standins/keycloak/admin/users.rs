//! Serves users by name, by other fields and by ID, and the groups of a user.

use axum::http::StatusCode;
use serde_json::json;

use super::super::representation;
use super::super::state::{RealmGroup, RealmUser};
use super::super::token::error;
use super::{Answer, RealmQuery, written};
use crate::standins::query::Params;

/// `GET …/users?username=…&exact=true`, and all users by page.
pub(super) fn users(asked: &RealmQuery<'_>, _: &[String]) -> Answer {
    if !asked.may_list("query-users")? {
        return written(&json!([]));
    }
    let brief = asked.query.is("briefRepresentation", false);
    let show = |user| representation::listed_user(user, brief, asked.manage());
    if let Some(search) = asked.query.get("search") {
        let pattern = Pattern::parse(search);
        let rows = asked.realm.listed_from(0).filter(|user| pattern.fits(user));
        return written(&asked.page(Some(100), rows).map(show).collect::<Vec<_>>());
    }
    let wanted = FieldFilter::parse(&asked.query);
    match wanted.username() {
        Some(name) if wanted.exact => {
            let row = asked.realm.user(name).filter(|user| wanted.fits(user));
            written(&row.map(show).into_iter().collect::<Vec<_>>())
        }
        _ if wanted.fields.is_empty() => {
            let (first, max) = asked.place(Some(100));
            written(&asked.realm.listed_from(first).take(max).map(show).collect::<Vec<_>>())
        }
        _ => {
            let rows = asked.realm.users().filter(|user| wanted.fits(user));
            written(&asked.page(Some(100), rows).map(show).collect::<Vec<_>>())
        }
    }
}

/// Fields of a user that a query can name.
const FIELDS: [&str; 4] = ["username", "email", "firstName", "lastName"];

fn field<'u>(user: &'u RealmUser, name: &str) -> &'u str {
    match name {
        "username" => &user.username,
        "email" => user.email.as_deref().unwrap_or_default(),
        "firstName" => user.first_name.as_deref().unwrap_or_default(),
        _ => user.last_name.as_deref().unwrap_or_default(),
    }
}

/// The single fields in a query. Unlike lists and `search=`, they find service accounts too (trap
/// 49).
struct FieldFilter {
    fields: Vec<(&'static str, String)>,
    exact: bool,
}

impl FieldFilter {
    fn parse(query: &Params) -> Self {
        let given = |name| query.get(name).map(|value| (name, value.to_lowercase()));
        Self {
            fields: FIELDS.into_iter().filter_map(given).collect(),
            exact: query.is("exact", false),
        }
    }

    fn username(&self) -> Option<&str> {
        self.fields.iter().find(|(name, _)| *name == "username").map(|(_, value)| value.as_str())
    }

    fn fits(&self, user: &RealmUser) -> bool {
        self.fields.iter().all(|(name, value)| {
            let has = field(user, name).to_lowercase();
            if self.exact { has == *value } else { has.contains(value) }
        })
    }
}

/// The value of `search=`: the beginning of a field, `*part*` or `"all of it"`.
enum Pattern {
    Prefix(String),
    Part(String),
    Exact(String),
}

impl Pattern {
    fn parse(search: &str) -> Self {
        let search = search.to_lowercase();
        if let Some(exact) = search.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            return Self::Exact(exact.to_owned());
        }
        let prefix = search.trim_end_matches('*');
        match prefix.strip_prefix('*') {
            Some(part) => Self::Part(part.to_owned()),
            None => Self::Prefix(prefix.to_owned()),
        }
    }

    fn fits(&self, user: &RealmUser) -> bool {
        FIELDS.iter().any(|name| {
            let has = field(user, name).to_lowercase();
            match self {
                Self::Prefix(prefix) => has.starts_with(prefix),
                Self::Part(part) => has.contains(part),
                Self::Exact(exact) => has == *exact,
            }
        })
    }
}

/// `GET …/users/count`
pub(super) fn users_count(asked: &RealmQuery<'_>, _: &[String]) -> Answer {
    let visible = asked.may_list("query-users")?;
    written(&if visible { asked.realm.listed() } else { 0 })
}

/// `GET …/users/{id}`
pub(super) fn user(asked: &RealmQuery<'_>, parts: &[String]) -> Answer {
    asked.need("query-users")?;
    let user = asked.realm.user_by_id(&parts[0]);
    let user = user.ok_or_else(|| error(StatusCode::NOT_FOUND, "User not found"))?;
    asked.need("view-users")?;
    written(&representation::single_user(user, asked.manage()))
}

/// `GET …/users/{id}/groups?search=…`: direct memberships only.
pub(super) fn groups_of_user(asked: &RealmQuery<'_>, parts: &[String]) -> Answer {
    asked.need("query-users")?;
    let user = asked.realm.user_by_id(&parts[0]);
    let user = user.ok_or_else(|| error(StatusCode::NOT_FOUND, "User not found"))?;
    asked.need("view-users")?;
    let brief = asked.query.is("briefRepresentation", true);
    let groups = user.remembered_groups.as_ref().unwrap_or(&user.groups);
    let mut rows: Vec<&RealmGroup> = groups.iter().filter_map(|id| asked.realm.group(id)).collect();
    let search = asked.query.get("search").unwrap_or_default().to_lowercase();
    rows.retain(|group| group.name.to_lowercase().contains(&search));
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    let shown =
        rows.into_iter().map(|group| representation::group_of_user(group, brief, asked.old));
    written(&asked.page(None, shown).collect::<Vec<_>>())
}

/// `GET …/users/{id}/groups/count?search=…`: never from memory.
pub(super) fn groups_of_user_count(asked: &RealmQuery<'_>, parts: &[String]) -> Answer {
    asked.need("query-users")?;
    let user = asked.realm.user_by_id(&parts[0]);
    let user = user.ok_or_else(|| error(StatusCode::NOT_FOUND, "User not found"))?;
    asked.need("view-users")?;
    let search = asked.query.get("search").unwrap_or_default().to_lowercase();
    let groups = user.groups.iter().filter_map(|id| asked.realm.group(id));
    let count = groups.filter(|group| group.name.to_lowercase().contains(&search)).count();
    written(&json!({"count": count}))
}
