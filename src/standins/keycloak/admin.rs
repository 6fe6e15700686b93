//! The endpoints below `/admin/realms/{realm}` that a reader of groups and people needs.
//!
//! Each follows the exchange of `keycloak.json` with its path. What a token may see is decided here: a search
//! without the right to view answers 200 with an empty list, everything else 403 (trap 6).

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::representation::{self, Shape};
use super::state::{Group, Realm, State as Keycloak};
use super::token::{Roles, error, forbidden};
use crate::standins::query::Params;
use crate::standins::{Shared, server};

/// What an endpoint works with.
struct Asked<'a> {
    realm: &'a Realm,
    roles: Roles,
    query: Params,
    old: bool,
}

type Answer = Result<Value, Response>;

impl Asked<'_> {
    fn need(&self, role: &str) -> Result<(), Response> {
        if self.roles.has(role) {
            Ok(())
        } else {
            Err(forbidden())
        }
    }

    /// Whether rows may be seen (`true`), or only the empty list (`false`).
    fn may_list(&self, query_role: &str) -> Result<bool, Response> {
        if self.roles.has("view-users") {
            return Ok(true);
        }
        self.need(query_role).map(|()| false)
    }

    fn manage(&self) -> bool {
        self.roles.has("manage-users")
    }

    fn page<T>(
        &self,
        default: Option<usize>,
        rows: impl Iterator<Item = T>,
    ) -> impl Iterator<Item = T> {
        let number = |name| self.query.int(name).map(usize::try_from);
        let first = number("first").and_then(Result::ok).unwrap_or(0);
        // A negative `max` means all.
        let max = match number("max") {
            Some(Ok(max)) => max,
            Some(Err(_)) => usize::MAX,
            None => default.unwrap_or(usize::MAX),
        };
        rows.skip(first).take(max)
    }

    fn group(&self, id: &str) -> Result<&Group, Response> {
        self.realm
            .group(id)
            .ok_or_else(|| error(StatusCode::NOT_FOUND, "Could not find group by id"))
    }

    /// A single group: with what is below it in Keycloak 22, without since.
    fn single(&self, group: &Group, shape: Shape) -> Value {
        if self.old {
            representation::tree(self.realm, group, shape)
        } else {
            representation::group(group, Vec::new(), shape)
        }
    }
}

type Parts = (
    State<Shared<Keycloak>>,
    Path<Vec<String>>,
    RawQuery,
    HeaderMap,
);

/// Runs an endpoint: the first part of the path is the realm, the rest is the endpoint's own.
async fn run(
    (State(state), Path(parts), RawQuery(query), headers): Parts,
    endpoint: fn(&Asked<'_>, &[String]) -> Answer,
) -> Response {
    let state = state.lock();
    let (name, rest) = parts
        .split_first()
        .map_or(("", &[][..]), |(name, rest)| (name.as_str(), rest));
    let answer = state.roles_in(name, &headers).and_then(|roles| {
        let realm = state
            .realms
            .get(name)
            .ok_or_else(|| error(StatusCode::NOT_FOUND, "Realm not found."))?;
        let query = Params::parse(query.as_deref().unwrap_or_default());
        endpoint(
            &Asked {
                realm,
                roles,
                query,
                old: state.old,
            },
            rest,
        )
    });
    match answer {
        Ok(body) => server::json(StatusCode::OK, "application/json;charset=UTF-8", &body),
        Err(refusal) => refusal,
    }
}

macro_rules! endpoint {
    ($function:path) => {
        get(|state, path, query, headers| run((state, path, query, headers), $function))
    };
}

pub(super) fn routes() -> Router<Shared<Keycloak>> {
    Router::new()
        .route("/admin/realms/{realm}/groups", endpoint!(groups))
        .route("/admin/realms/{realm}/groups/{id}", endpoint!(group))
        .route(
            "/admin/realms/{realm}/groups/{id}/children",
            endpoint!(children),
        )
        .route(
            "/admin/realms/{realm}/groups/{id}/members",
            endpoint!(members),
        )
        .route(
            "/admin/realms/{realm}/group-by-path/{*path}",
            endpoint!(group_by_path),
        )
        .route("/admin/realms/{realm}/users", endpoint!(users))
        .route("/admin/realms/{realm}/users/count", endpoint!(users_count))
        .route("/admin/realms/{realm}/users/{id}", endpoint!(user))
        .route(
            "/admin/realms/{realm}/users/{id}/groups",
            endpoint!(groups_of_user),
        )
        .route(
            "/admin/realms/{realm}/admin-events",
            endpoint!(admin_events),
        )
        .route("/admin/realms/{realm}/components", endpoint!(components))
}

/// `GET …/groups?search=…&exact=…&populateHierarchy=…`
fn groups(asked: &Asked<'_>, _: &[String]) -> Answer {
    if !asked.may_list("query-groups")? {
        return Ok(json!([]));
    }
    let brief = asked.query.is("briefRepresentation", true);
    let shape = Shape {
        full: !brief,
        access: Some(asked.manage()),
        old: asked.old,
    };
    let Some(search) = asked.query.get("search") else {
        let rows = asked
            .realm
            .top_groups()
            .map(|group| asked.single(group, shape));
        return Ok(asked.page(None, rows).collect());
    };
    let exact = asked.query.is("exact", false);
    let search = if exact {
        search.to_owned()
    } else {
        search.to_lowercase()
    };
    let hit = |group: &Group| {
        if exact {
            group.name == search
        } else {
            group.name.to_lowercase().contains(&search)
        }
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
    Ok(asked.page(None, rows.into_iter()).collect())
}

/// A group with the hits below it, or nothing if neither it nor anything below is one.
fn hits_inside(
    realm: &Realm,
    group: &Group,
    shape: Shape,
    hit: &dyn Fn(&Group) -> bool,
) -> Option<Value> {
    let below: Vec<Value> = realm
        .children(group)
        .filter_map(|child| hits_inside(realm, child, shape, hit))
        .collect();
    (hit(group) || !below.is_empty()).then(|| representation::group(group, below, shape))
}

fn flat_hits(realm: &Realm, shape: Shape, hit: &dyn Fn(&Group) -> bool) -> Vec<Value> {
    let mut left: Vec<&Group> = realm.top_groups().collect();
    let mut hits = Vec::new();
    while let Some(group) = left.pop() {
        left.extend(realm.children(group));
        if hit(group) {
            hits.push(group);
        }
    }
    hits.sort_by(|one, other| (&one.name, &one.path).cmp(&(&other.name, &other.path)));
    hits.into_iter()
        .map(|group| representation::group(group, Vec::new(), shape))
        .collect()
}

/// `GET …/groups/{id}`
fn group(asked: &Asked<'_>, parts: &[String]) -> Answer {
    asked.need("view-users")?;
    let shape = Shape {
        full: true,
        access: Some(asked.manage()),
        old: asked.old,
    };
    Ok(asked.single(asked.group(&parts[0])?, shape))
}

/// `GET …/group-by-path/{path}`
fn group_by_path(asked: &Asked<'_>, parts: &[String]) -> Answer {
    asked.need("view-users")?;
    let group = asked.realm.group_by_path(&parts[0]);
    let group = group.ok_or_else(|| error(StatusCode::NOT_FOUND, "Group path does not exist"))?;
    Ok(asked.single(
        group,
        Shape {
            full: true,
            access: None,
            old: asked.old,
        },
    ))
}

/// `GET …/groups/{id}/children`: 10 of them unless `max` says otherwise; not there in Keycloak 22.
fn children(asked: &Asked<'_>, parts: &[String]) -> Answer {
    if asked.old {
        return Err(error(
            StatusCode::METHOD_NOT_ALLOWED,
            "HTTP 405 Method Not Allowed",
        ));
    }
    asked.need("view-users")?;
    let brief = asked.query.is("briefRepresentation", false);
    let shape = Shape {
        full: !brief,
        access: Some(asked.manage()),
        old: false,
    };
    let rows = asked.realm.children(asked.group(&parts[0])?);
    Ok(asked
        .page(Some(10), rows)
        .map(|child| representation::group(child, Vec::new(), shape))
        .collect())
}

/// `GET …/groups/{id}/members`: 100 of them unless `max` says otherwise (trap 2).
fn members(asked: &Asked<'_>, parts: &[String]) -> Answer {
    asked.need("view-users")?;
    let brief = asked.query.is("briefRepresentation", true);
    let rows = asked.page(Some(100), asked.group(&parts[0])?.members.iter());
    Ok(rows
        .filter_map(|username| asked.realm.user(username))
        .map(|user| representation::member(user, brief))
        .collect())
}

/// `GET …/users?username=…&exact=true`, and all users by page.
fn users(asked: &Asked<'_>, _: &[String]) -> Answer {
    if !asked.may_list("query-users")? {
        return Ok(json!([]));
    }
    let brief = asked.query.is("briefRepresentation", false);
    let show = |user| representation::listed_user(user, brief, asked.manage());
    let exact = asked.query.is("exact", false);
    match asked.query.get("username").map(str::to_lowercase) {
        Some(name) if exact => Ok(asked.realm.user(&name).map(show).into_iter().collect()),
        Some(name) => {
            let rows = asked
                .realm
                .users()
                .filter(|user| user.username.contains(&name));
            Ok(asked.page(Some(100), rows).map(show).collect())
        }
        None => Ok(asked
            .page(Some(100), asked.realm.users())
            .map(show)
            .collect()),
    }
}

/// `GET …/users/count`
fn users_count(asked: &Asked<'_>, _: &[String]) -> Answer {
    let visible = asked.may_list("query-users")?;
    Ok(json!(if visible {
        asked.realm.users().count()
    } else {
        0
    }))
}

/// `GET …/users/{id}`
fn user(asked: &Asked<'_>, parts: &[String]) -> Answer {
    asked.need("query-users")?;
    let user = asked.realm.user_by_id(&parts[0]);
    let user = user.ok_or_else(|| error(StatusCode::NOT_FOUND, "User not found"))?;
    asked.need("view-users")?;
    Ok(representation::single_user(user, asked.manage()))
}

/// `GET …/users/{id}/groups`: direct memberships only.
fn groups_of_user(asked: &Asked<'_>, parts: &[String]) -> Answer {
    asked.need("query-users")?;
    let user = asked.realm.user_by_id(&parts[0]);
    let user = user.ok_or_else(|| error(StatusCode::NOT_FOUND, "User not found"))?;
    asked.need("view-users")?;
    let brief = asked.query.is("briefRepresentation", true);
    let mut rows: Vec<&Group> = user
        .groups
        .iter()
        .filter_map(|id| asked.realm.group(id))
        .collect();
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    let shown = rows
        .into_iter()
        .map(|group| representation::group_of_user(group, brief, asked.old));
    Ok(asked.page(None, shown).collect())
}

/// `GET …/admin-events`
fn admin_events(asked: &Asked<'_>, _: &[String]) -> Answer {
    asked.need("view-events")?;
    Ok(asked.realm.events(&asked.query).into())
}

/// `GET …/components?type=org.keycloak.storage.UserStorageProvider`
fn components(asked: &Asked<'_>, _: &[String]) -> Answer {
    asked.need("view-realm")?;
    let wanted = asked
        .query
        .get("type")
        .is_none_or(|kind| kind == "org.keycloak.storage.UserStorageProvider");
    let providers = asked.realm.storage_providers.iter().filter(|_| wanted);
    Ok(providers
        .map(|provider| representation::storage_provider(provider, &asked.realm.id))
        .collect())
}
