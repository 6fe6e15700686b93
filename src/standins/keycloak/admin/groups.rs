//! Serves groups and their members: search, subgroups, pages.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::realm::Realm;
use super::super::representation::{self, Shape};
use super::super::state::RealmGroup;
use super::super::token::error;
use super::{Answer, RealmQuery, written};

/// `GET …/groups?search=…&exact=…&populateHierarchy=…`
pub(super) fn groups(asked: &RealmQuery<'_>, _: &[String]) -> Answer {
    if !asked.may_list("query-groups")? {
        return written(&json!([]));
    }
    let brief = asked.query.is("briefRepresentation", true);
    let shape = Shape { full: !brief, access: Some(asked.manage()), old: asked.old };
    let Some(search) = asked.query.get("search") else {
        let rows = asked.realm.top_groups().map(|group| asked.single(group, shape));
        return written(&asked.page(None, rows).collect::<Vec<_>>());
    };
    let exact = asked.query.is("exact", false);
    let search = if exact { search.to_owned() } else { search.to_lowercase() };
    let hit = |group: &RealmGroup| {
        if exact { group.name == search } else { group.name.to_lowercase().contains(&search) }
    };
    let nested = asked.old || asked.query.is("populateHierarchy", true);
    let rows: Vec<Value> = if nested {
        asked
            .realm
            .top_groups()
            .filter_map(|group| hits_inside(asked.realm, group, shape, &hit))
            .collect()
    } else {
        flat_hits(asked.realm, shape, &hit)
    };
    written(&asked.page(None, rows.into_iter()).collect::<Vec<_>>())
}

/// Returns a group with the hits below it, or `None` if there are none.
fn hits_inside(
    realm: &Realm,
    group: &RealmGroup,
    shape: Shape,
    hit: &dyn Fn(&RealmGroup) -> bool,
) -> Option<Value> {
    let below: Vec<Value> =
        realm.children(group).filter_map(|child| hits_inside(realm, child, shape, hit)).collect();
    (hit(group) || !below.is_empty()).then(|| representation::group(group, below, shape))
}

fn flat_hits(realm: &Realm, shape: Shape, hit: &dyn Fn(&RealmGroup) -> bool) -> Vec<Value> {
    let mut left: Vec<&RealmGroup> = realm.top_groups().collect();
    let mut hits = Vec::new();
    while let Some(group) = left.pop() {
        left.extend(realm.children(group));
        if hit(group) {
            hits.push(group);
        }
    }
    hits.sort_by(|one, other| (&one.name, &one.path).cmp(&(&other.name, &other.path)));
    hits.into_iter().map(|group| representation::group(group, Vec::new(), shape)).collect()
}

/// `GET …/groups/{id}`
pub(super) fn group(asked: &RealmQuery<'_>, parts: &[String]) -> Answer {
    asked.need("view-users")?;
    let shape = Shape { full: true, access: Some(asked.manage()), old: asked.old };
    written(&asked.single(asked.group(&parts[0])?, shape))
}

/// `GET …/group-by-path/{path}`
pub(super) fn group_by_path(asked: &RealmQuery<'_>, parts: &[String]) -> Answer {
    asked.need("view-users")?;
    let group = asked.realm.group_by_path(&parts[0]);
    let group = group.ok_or_else(|| error(StatusCode::NOT_FOUND, "Group path does not exist"))?;
    written(&asked.single(group, Shape { full: true, access: None, old: asked.old }))
}

/// `GET …/groups/{id}/children`: 10 of them unless `max` says otherwise; not there in Keycloak 22.
pub(super) fn children(asked: &RealmQuery<'_>, parts: &[String]) -> Answer {
    if asked.old {
        return Err(error(StatusCode::METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed"));
    }
    asked.need("view-users")?;
    let brief = asked.query.is("briefRepresentation", false);
    let shape = Shape { full: !brief, access: Some(asked.manage()), old: false };
    let rows = asked.realm.children(asked.group(&parts[0])?);
    let page =
        asked.page(Some(10), rows).map(|child| representation::group(child, Vec::new(), shape));
    written(&page.collect::<Vec<_>>())
}

/// `GET …/groups/{id}/members`: 100 of them unless `max` says otherwise (trap 2).
pub(super) fn members(asked: &RealmQuery<'_>, parts: &[String]) -> Answer {
    asked.need("view-users")?;
    let brief = asked.query.is("briefRepresentation", true);
    let (first, max) = asked.place(Some(100));
    let rows = asked.group(&parts[0])?.members.shown_from(first).take(max);
    let users = rows.filter_map(|(username, ())| asked.realm.user(username));
    written(&users.map(|user| representation::member(user, brief)).collect::<Vec<_>>())
}
