//! Serves the endpoints below `/admin/realms/{realm}` that a reader of groups, roles and users
//! needs.
//!
//! Each follows the exchange of `keycloak.json` or `keycloak-roles.json` with its path. This module checks the roles of the
//! token: a search without them answers 200 with an empty list, everything else 403 (trap 6).

mod groups;
mod roles;
mod users;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::{Value, json};

use super::realm::Realm;
use super::representation::{self, Shape};
use super::state::{KeycloakState, RealmGroup};
use super::token::{KeycloakRefusal, ManagementRoles, error, forbidden};
use crate::standins::Shared;
use crate::standins::query::Params;

/// What an endpoint works with.
struct RealmQuery<'a> {
    realm: &'a Realm,
    roles: ManagementRoles,
    query: Params,
    old: bool,
}

/// An answer is written directly: otherwise a page of thousands of users would be built three
/// times.
type Answer = Result<Vec<u8>, KeycloakRefusal>;

fn written(body: &impl Serialize) -> Answer {
    serde_json::to_vec(body).map_err(|_| error(StatusCode::INTERNAL_SERVER_ERROR, "unknown_error"))
}

impl RealmQuery<'_> {
    fn need(&self, role: &str) -> Result<(), KeycloakRefusal> {
        if self.roles.has(role) { Ok(()) } else { Err(forbidden()) }
    }

    /// Returns whether rows are visible (`true`), or only an empty list (`false`).
    fn may_list(&self, query_role: &str) -> Result<bool, KeycloakRefusal> {
        if self.roles.has("view-users") {
            return Ok(true);
        }
        self.need(query_role).map(|()| false)
    }

    fn manage(&self) -> bool {
        self.roles.has("manage-users")
    }

    /// Returns the first row and the maximum number of rows.
    fn place(&self, default: Option<usize>) -> (usize, usize) {
        let number = |name| self.query.int(name).map(usize::try_from);
        let first = number("first").and_then(Result::ok).unwrap_or(0);
        // A negative `max` means all.
        let max = match number("max") {
            Some(Ok(max)) => max,
            Some(Err(_)) => usize::MAX,
            None => default.unwrap_or(usize::MAX),
        };
        (first, max)
    }

    fn page<T>(
        &self,
        default: Option<usize>,
        rows: impl Iterator<Item = T>,
    ) -> impl Iterator<Item = T> {
        let (first, max) = self.place(default);
        rows.skip(first).take(max)
    }

    fn group(&self, id: &str) -> Result<&RealmGroup, KeycloakRefusal> {
        self.realm
            .group(id)
            .ok_or_else(|| error(StatusCode::NOT_FOUND, "Could not find group by id"))
    }

    /// Returns a single group; only Keycloak 22 includes its subgroups.
    fn single(&self, group: &RealmGroup, shape: Shape) -> Value {
        if self.old {
            representation::tree(self.realm, group, shape)
        } else {
            representation::group(group, Vec::new(), shape)
        }
    }
}

type Parts = (State<Shared<KeycloakState>>, Path<Vec<String>>, RawQuery, HeaderMap);

/// Runs an endpoint: the first part of the path is the realm, the rest is the endpoint's own.
fn run(
    (State(state), Path(parts), RawQuery(query), headers): Parts,
    endpoint: fn(&RealmQuery<'_>, &[String]) -> Answer,
) -> Response {
    let state = state.lock();
    let (name, rest) =
        parts.split_first().map_or(("", &[][..]), |(name, rest)| (name.as_str(), rest));
    let answer = state.roles_in(name, &headers).and_then(|roles| {
        let realm = state
            .realms
            .get(name)
            .ok_or_else(|| error(StatusCode::NOT_FOUND, "Realm not found."))?;
        let query = Params::parse(query.as_deref().unwrap_or_default());
        endpoint(&RealmQuery { realm, roles, query, old: state.old }, rest)
    });
    match answer {
        Ok(body) => {
            ([(header::CONTENT_TYPE, "application/json;charset=UTF-8")], body).into_response()
        }
        Err(refusal) if state.old => refusal.of_keycloak_22().into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

macro_rules! endpoint {
    ($function:path) => {
        get(|state, path, query, headers| async { run((state, path, query, headers), $function) })
    };
}

pub(super) fn routes() -> Router<Shared<KeycloakState>> {
    Router::new()
        .route("/admin/realms/{realm}/groups", endpoint!(groups::groups))
        .route("/admin/realms/{realm}/groups/{id}", endpoint!(groups::group))
        .route("/admin/realms/{realm}/groups/{id}/children", endpoint!(groups::children))
        .route("/admin/realms/{realm}/groups/{id}/members", endpoint!(groups::members))
        .route("/admin/realms/{realm}/group-by-path/{*path}", endpoint!(groups::group_by_path))
        .route("/admin/realms/{realm}/users", endpoint!(users::users))
        .route("/admin/realms/{realm}/users/count", endpoint!(users::users_count))
        .route("/admin/realms/{realm}/users/{id}", endpoint!(users::user))
        .route("/admin/realms/{realm}/users/{id}/groups", endpoint!(users::groups_of_user))
        .route(
            "/admin/realms/{realm}/users/{id}/groups/count",
            endpoint!(users::groups_of_user_count),
        )
        .merge(role_routes())
        .route("/admin/realms/{realm}/admin-events", endpoint!(admin_events))
        .route("/admin/realms/{realm}/events/config", endpoint!(events_config))
        .route("/admin/realms/{realm}/components", endpoint!(components))
}

fn role_routes() -> Router<Shared<KeycloakState>> {
    let mut routes = Router::new()
        .route("/admin/realms/{realm}", endpoint!(roles::realm))
        .route("/admin/realms/{realm}/clients", endpoint!(roles::clients))
        .route(
            "/admin/realms/{realm}/users/{id}/role-mappings/realm/composite",
            endpoint!(roles::effective),
        )
        .route(
            "/admin/realms/{realm}/users/{id}/role-mappings/clients/{client}/composite",
            endpoint!(roles::effective),
        );
    for roles in ["/admin/realms/{realm}/roles", "/admin/realms/{realm}/clients/{client}/roles"] {
        routes = routes
            .route(roles, endpoint!(roles::roles))
            .route(&format!("{roles}/{{name}}"), endpoint!(roles::role))
            .route(&format!("{roles}/{{name}}/users"), endpoint!(roles::users_of_role))
            .route(&format!("{roles}/{{name}}/groups"), endpoint!(roles::groups_of_role))
            .route(&format!("{roles}/{{name}}/composites"), endpoint!(roles::composites));
    }
    routes
}

/// `GET …/admin-events`
fn admin_events(asked: &RealmQuery<'_>, _: &[String]) -> Answer {
    asked.need("view-events")?;
    written(&asked.realm.events(&asked.query))
}

/// `GET …/events/config`, the part that is about admin events.
fn events_config(asked: &RealmQuery<'_>, _: &[String]) -> Answer {
    asked.need("view-events")?;
    let saved = asked.realm.save_events;
    written(
        &json!({"eventsEnabled": false, "adminEventsEnabled": saved, "adminEventsDetailsEnabled": saved}),
    )
}

/// `GET …/components?type=org.keycloak.storage.UserStorageProvider`
fn components(asked: &RealmQuery<'_>, _: &[String]) -> Answer {
    asked.need("view-realm")?;
    let wanted = asked
        .query
        .get("type")
        .is_none_or(|kind| kind == "org.keycloak.storage.UserStorageProvider");
    let providers = asked.realm.storage_providers.iter().filter(|_| wanted);
    let rows =
        providers.map(|provider| representation::storage_provider(provider, &asked.realm.id));
    written(&rows.collect::<Vec<_>>())
}
