//! Authenticates requests: clients, passwords, access tokens and their roles.
//!
//! It follows the exchanges "token: …" of `keycloak.json`. Tokens really expire, because a reader
//! that mistakes a 401 for the end of the list would lock users out (trap 1).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::realm::Realm;
use super::state::KeycloakState;
use crate::standins::query::{Params, basic, bearer};
use crate::standins::{Shared, ids, server};

/// Roles of `realm-management` by name (`view-users`, `query-groups`, `view-events`, `view-realm`,
/// …).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagementRoles(BTreeSet<String>);

impl ManagementRoles {
    /// Creates these roles.
    #[must_use]
    pub fn from_names(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Returns the role `admin` of the master realm: everything, everywhere.
    #[must_use]
    pub fn admin() -> Self {
        Self::from_names(&["admin"])
    }

    /// Returns whether the role is there, or one that includes it.
    #[must_use]
    pub fn has(&self, role: &str) -> bool {
        let any = |names: &[&str]| names.iter().any(|name| self.0.contains(*name));
        any(&[role, "admin", "realm-admin"])
            || match role {
                "view-users" => any(&["manage-users"]),
                "query-users" | "query-groups" => any(&["view-users", "manage-users"]),
                "view-realm" => any(&["manage-realm"]),
                "view-events" => any(&["manage-events"]),
                "view-clients" => any(&["manage-clients"]),
                _ => false,
            }
    }

    /// Returns the roles in a token: each with those that it includes.
    fn told(&self) -> Vec<&'static str> {
        ALL_ROLES.into_iter().filter(|role| self.has(role)).collect()
    }
}

/// The roles of `realm-management` in a token with all of them.
const ALL_ROLES: [&str; 11] = [
    "view-users",
    "query-users",
    "query-groups",
    "view-realm",
    "view-clients",
    "view-events",
    "manage-users",
    "manage-realm",
    "manage-events",
    "manage-clients",
    "impersonation",
];

/// A client of a realm.
#[derive(Clone, Debug)]
pub struct RealmClient {
    /// The UUID, which is not its `clientId`.
    pub id: String,
    /// Its secret; a public client has none.
    pub secret: Option<SecretString>,
    /// The roles of its service account, if it has one.
    pub service_account: Option<ManagementRoles>,
}

impl Default for RealmClient {
    fn default() -> Self {
        Self { id: ids::uuid(), secret: None, service_account: None }
    }
}

/// Someone who can get a token with a password.
#[derive(Clone, Debug)]
pub struct Login {
    pub password: SecretString,
    pub roles: ManagementRoles,
}

/// How long access tokens live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Those of the password grant: 60 s in the master realm of a fresh Keycloak.
    pub password: Duration,
    /// Those of client credentials: 300 s.
    pub client_credentials: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { password: Duration::from_mins(1), client_credentials: Duration::from_mins(5) }
    }
}

/// The grant behind an access token.
#[derive(Clone, Debug)]
pub(super) struct RealmGrant {
    realm: String,
    roles: ManagementRoles,
    expires: Instant,
}

impl KeycloakState {
    /// Returns the roles of the request in this realm; the error is the answer.
    pub(super) fn roles_in(
        &self,
        realm: &str,
        headers: &HeaderMap,
    ) -> Result<ManagementRoles, KeycloakRefusal> {
        let grant = bearer(headers)
            .and_then(|token| self.grants.get(token))
            .filter(|grant| grant.expires > Instant::now())
            .ok_or_else(|| error(StatusCode::UNAUTHORIZED, "HTTP 401 Unauthorized"))?;
        if !self.realms.contains_key(realm) {
            return Err(error(StatusCode::NOT_FOUND, "Realm not found."));
        }
        if grant.realm == realm || grant.realm == "master" {
            return Ok(grant.roles.clone());
        }
        Err(forbidden())
    }

    fn issue(&mut self, realm: &str, roles: ManagementRoles, lifetime: Duration) -> String {
        let now = Instant::now();
        self.grants.retain(|_, grant| grant.expires > now);
        let claims = self.claims(realm, &roles).to_string();
        let token = format!(
            "eyJhbGciOiJub25lIn0.{}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(claims),
            ids::word(16)
        );
        self.grants.insert(
            token.clone(),
            RealmGrant { realm: realm.to_owned(), roles, expires: now + lifetime },
        );
        token
    }

    /// Returns the claims of a token: roles belong to a client of the realm, or, for the master
    /// realm, to one client for each realm.
    fn claims(&self, realm: &str, roles: &ManagementRoles) -> Value {
        let clients: serde_json::Map<String, Value> = if realm == "master" {
            self.realms
                .keys()
                .map(|name| (format!("{name}-realm"), json!({"roles": roles.told()})))
                .collect()
        } else {
            [("realm-management".to_owned(), json!({"roles": roles.told()}))].into_iter().collect()
        };
        let of_realm = if realm == "master" && roles.has("admin") {
            json!(["create-realm", "default-roles-master", "admin"])
        } else {
            json!([format!("default-roles-{realm}")])
        };
        let mut claims = json!({"jti": ids::uuid(), "iss": format!("{}/realms/{realm}", self.url), "typ": "Bearer"});
        if !self.lightweight_tokens {
            claims["realm_access"] = json!({"roles": of_realm});
            claims["resource_access"] = Value::Object(clients);
        }
        claims
    }
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeycloakRefusal {
    status: StatusCode,
    error: &'static str,
    description: Option<&'static str>,
}

impl KeycloakRefusal {
    /// Returns the refusal in the words of Keycloak 22, whose 403 has no other (seen on 22.0.5).
    pub(super) fn of_keycloak_22(self) -> Self {
        if self.status == StatusCode::FORBIDDEN {
            return Self { error: "unknown_error", ..self };
        }
        self
    }
}

impl IntoResponse for KeycloakRefusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.error });
        if let Some(description) = self.description {
            body["error_description"] = json!(description);
        }
        answer(self.status, &body)
    }
}

/// Returns an error in the Admin API's format.
pub(super) fn error(status: StatusCode, error: &'static str) -> KeycloakRefusal {
    KeycloakRefusal { status, error, description: None }
}

/// Returns the answer to a request that its token does not allow.
pub(super) fn forbidden() -> KeycloakRefusal {
    error(StatusCode::FORBIDDEN, "HTTP 403 Forbidden")
}

fn answer(status: StatusCode, body: &Value) -> Response {
    server::json(status, "application/json", body)
}

fn refused(status: StatusCode, error: &'static str, description: &'static str) -> KeycloakRefusal {
    KeycloakRefusal { status, error, description: Some(description) }
}

/// `POST /realms/{realm}/protocol/openid-connect/token`
pub(super) fn routes() -> Router<Shared<KeycloakState>> {
    Router::new().route("/realms/{realm}/protocol/openid-connect/token", post(token))
}

async fn token(
    State(state): State<Shared<KeycloakState>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut state = state.lock();
    let form = Params::parse(&body);
    let Some(realm) = state.realms.get(&name) else {
        return error(StatusCode::NOT_FOUND, "Realm does not exist").into_response();
    };
    let checked = client(realm, &form, &headers).and_then(|client| match form.get("grant_type") {
        Some("password") => password(realm, &form).map(|roles| (roles, true)),
        Some("client_credentials") => service_account(client).map(|roles| (roles, false)),
        _ => Err(refused(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "Unsupported grant_type",
        )),
    });
    match checked {
        Err(refusal) => refusal.into_response(),
        Ok((roles, by_password)) => granted(&mut state, &name, roles, by_password),
    }
}

fn granted(
    state: &mut KeycloakState,
    realm: &str,
    roles: ManagementRoles,
    by_password: bool,
) -> Response {
    let Lifetimes { password, client_credentials } = state.lifetimes;
    let lifetime = if by_password { password } else { client_credentials };
    let mut body = json!({
        "access_token": state.issue(realm, roles, lifetime),
        "expires_in": lifetime.as_secs(),
        "refresh_expires_in": 0,
        "token_type": "Bearer",
        "not-before-policy": 0,
        "scope": "email profile",
    });
    if by_password {
        body["refresh_expires_in"] = json!(1800);
        body["refresh_token"] = json!(format!("eyJhbGciOiJub25lIn0.{}.", ids::word(24)));
        body["session_state"] = json!(ids::word(24));
    }
    answer(StatusCode::OK, &body)
}

const BAD_CLIENT: &str = "Invalid client or Invalid client credentials";

fn client<'a>(
    realm: &'a Realm,
    form: &Params,
    headers: &HeaderMap,
) -> Result<&'a RealmClient, KeycloakRefusal> {
    let (id, secret) = basic(headers).unwrap_or_else(|| {
        let field = |name| form.get(name).unwrap_or_default().to_owned();
        (field("client_id"), field("client_secret"))
    });
    let client = realm
        .clients
        .get(&id)
        .ok_or_else(|| refused(StatusCode::UNAUTHORIZED, "invalid_client", BAD_CLIENT))?;
    match &client.secret {
        Some(expected) if expected.expose_secret() != secret => {
            Err(refused(StatusCode::UNAUTHORIZED, "unauthorized_client", BAD_CLIENT))
        }
        _ => Ok(client),
    }
}

fn password(realm: &Realm, form: &Params) -> Result<ManagementRoles, KeycloakRefusal> {
    let given = |name| form.get(name).unwrap_or_default();
    realm
        .logins
        .get(&given("username").to_lowercase())
        .filter(|login| login.password.expose_secret() == given("password"))
        .map(|login| login.roles.clone())
        .ok_or_else(|| {
            refused(StatusCode::BAD_REQUEST, "invalid_grant", "Invalid user credentials")
        })
}

fn service_account(client: &RealmClient) -> Result<ManagementRoles, KeycloakRefusal> {
    let refuse = |text| refused(StatusCode::UNAUTHORIZED, "unauthorized_client", text);
    if client.secret.is_none() {
        return Err(refuse("Public client not allowed to retrieve service account"));
    }
    client
        .service_account
        .clone()
        .ok_or_else(|| refuse("Client not enabled to retrieve service account"))
}
