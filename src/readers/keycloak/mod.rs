//! Reads Keycloak: groups, roles, their members, and single users. Source: the Admin REST API,
//! `/admin/realms/{realm}/…` (recordings: `keycloak.json`, `keycloak-roles.json`).

mod access;
mod changed;
mod composites;
mod effective_roles;
mod events;
mod group_tree;
mod groups;
mod lookup;
mod members;
mod membership;
mod moving_list;
mod nearest;
mod owners;
mod page_requests;
mod person;
mod providers;
mod right_events;
mod role_events;
mod roles;
mod stale_groups;
#[cfg(all(test, feature = "demo"))]
mod tests;
mod user_names;

use std::ops::Deref;

use reqwest::Client;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::config::{KeycloakAuth, KeycloakConfig};
use crate::http::{Api, Credentials, Grant, HttpError, OAuth, TokenEndpoint};
use crate::localpart::{Attributes, Claims, LocalpartTemplate, NoLocalpart};
use crate::model::{Localpart, Server, ServerName, ServerText, Timestamp};

pub use access::{Access, Roles};
pub use changed::MemberNow;
pub use events::{About, AdminEvent, AdminEvents, EventAccess, MembershipHint};
pub use group_tree::GroupTree;
pub use groups::Group;
pub use lookup::FoundUser;
pub use members::Members;
pub use membership::Membership;
pub use owners::Owners;
pub use roles::MemberRole;
pub use stale_groups::Witnesses;

/// Reads one realm.
#[derive(Debug)]
pub struct KeycloakReader {
    api: Api,
    realm: String,
    /// The realm that tokens come from.
    auth_realm: String,
    template: LocalpartTemplate,
    server_name: ServerName,
}

/// The fields of a user that are used, in a list or alone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserRow<T = Box<str>, A = Attributes> {
    id: T,
    username: T,
    enabled: bool,
    email: Option<T>,
    email_verified: Option<bool>,
    first_name: Option<T>,
    last_name: Option<T>,
    federation_link: Option<T>,
    /// Milliseconds since 1970.
    created_timestamp: Option<i64>,
    attributes: Option<A>,
}

/// How much of a user a list contains: brief rows or full ones.
trait Representation: DeserializeOwned {
    /// The value of `briefRepresentation`.
    const BRIEF: &'static str;

    fn attributes(&self) -> Option<&Attributes>;
}

/// Attributes that stay unread. Brief rows of federated users contain some too.
type Unread = IgnoredAny;

impl Representation for Unread {
    const BRIEF: &'static str = "true";

    fn attributes(&self) -> Option<&Attributes> {
        None
    }
}

impl Representation for Attributes {
    const BRIEF: &'static str = "false";

    fn attributes(&self) -> Option<&Attributes> {
        Some(self)
    }
}

impl<T> UserRow<T> {
    /// Returns whether Keycloak disabled the user itself, after failed logins (recording:
    /// `keycloak-lockout.json`).
    fn is_locked_out(&self) -> bool {
        self.attributes.as_ref().is_some_and(|attributes| attributes.has("disabledReason"))
    }
}

impl<T: Deref<Target = str>, A> UserRow<T, A> {
    /// Returns the storage provider of a federated user. Providers other than LDAP do not set
    /// `federationLink`, but are part of the ID, `f:PROVIDER:NAME`.
    fn provider(&self) -> Option<&str> {
        let in_id = || self.id.strip_prefix("f:")?.split_once(':').map(|(provider, _)| provider);
        self.federation_link.as_deref().or_else(in_id)
    }
}

impl KeycloakReader {
    /// Creates a reader, which requests its first token when it is first used.
    #[must_use]
    pub fn new(config: &KeycloakConfig, server_name: &ServerName, http: Client) -> Self {
        let (realm, client_id, secret, grant) = match &config.auth {
            KeycloakAuth::ClientCredentials { client_id, client_secret } => {
                (&config.realm, client_id, Some(client_secret), Grant::ClientCredentials)
            }
            KeycloakAuth::Password { auth_realm, client_id, client_secret, username, password } => {
                let grant =
                    Grant::Password { username: username.clone(), password: password.clone() };
                (auth_realm, client_id, client_secret.as_ref(), grant)
            }
        };
        let mut token_url = config.url.clone();
        if let Ok(mut segments) = token_url.path_segments_mut() {
            segments.pop_if_empty().extend([
                "realms",
                realm,
                "protocol",
                "openid-connect",
                "token",
            ]);
        }
        let endpoint = TokenEndpoint::At(token_url);
        let oauth = OAuth::new(
            Server::Keycloak,
            endpoint,
            client_id.clone(),
            secret.cloned(),
            grant,
            http.clone(),
        );
        Self {
            api: Api::new(
                Server::Keycloak,
                config.url.clone(),
                http,
                Credentials::OAuth(Box::new(oauth)),
            ),
            realm: config.realm.clone(),
            auth_realm: realm.clone(),
            template: config.localpart.clone(),
            server_name: server_name.clone(),
        }
    }

    /// Returns the time on the server's clock at its last answer, if it sends it.
    pub(super) fn clock(&self) -> Option<Timestamp> {
        self.api.clock()
    }

    /// Returns the issuer of the realm, as other servers know it.
    ///
    /// Source: `GET /realms/{realm}/.well-known/openid-configuration`.
    pub async fn issuer(&self) -> Result<ServerText, HttpError> {
        #[derive(Deserialize)]
        struct Description {
            issuer: ServerText,
        }
        let path = ["realms", &self.realm, ".well-known", "openid-configuration"];
        let description: Description = self.api.get_openly(&path).await?;
        Ok(description.issuer)
    }

    /// Sends `GET /admin/realms/{realm}/path…`.
    async fn get<T: serde::de::DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, HttpError> {
        self.api.get(&self.path(path), query).await
    }

    fn path<'p>(&'p self, path: &[&'p str]) -> Vec<&'p str> {
        [&["admin", "realms", &self.realm], path].concat()
    }

    fn localpart<T, A>(&self, user: &UserRow<T, A>) -> Result<Localpart, NoLocalpart>
    where
        T: Deref<Target = str>,
        A: Representation,
    {
        self.template.render(&Claims {
            sub: &user.id,
            preferred_username: &user.username,
            email: user.email.as_deref(),
            email_verified: user.email_verified,
            given_name: user.first_name.as_deref(),
            family_name: user.last_name.as_deref(),
            attributes: user.attributes.as_ref().and_then(Representation::attributes),
        })
    }
}
