//! Defines why a reading is incomplete.

use std::fmt::Write as _;

use strum::{IntoStaticStr, VariantArray};

use crate::http::HttpError;
use crate::model::{KeycloakId, Server, ServerName, ServerText, UserId, Word as _};
use crate::phrases::joined;

/// Why a reading is incomplete. Nothing is decided from an incomplete reading.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The HTTP client cannot be created.
    #[error("cannot set up TLS")]
    Client(#[source] reqwest::Error),
    /// A server did not answer as it should.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// No group of this name, path or ID.
    #[error("Keycloak: realm {realm}: there is no group {group:?}, or no permission to see it")]
    GroupNotFound {
        realm: String,
        /// As the configuration names it.
        group: String,
        /// The paths of groups with a similar name.
        nearest: Vec<ServerText>,
    },
    #[error("Keycloak: realm {realm}: the name {group:?} stands for {} groups: {}", paths.len(), joined(paths, ", "))]
    GroupAmbiguous {
        realm: String,
        /// As the configuration names it.
        group: String,
        paths: Vec<ServerText>,
    },
    /// The group is visible, but its members are not.
    #[error("Keycloak: realm {realm}: there is no permission to see the members of {path}")]
    GroupForbidden { realm: String, path: ServerText },
    /// No role of this name.
    #[error("Keycloak: realm {realm}: there is no role {role:?}")]
    RoleNotFound {
        realm: String,
        /// As the configuration names it.
        role: String,
        /// Roles with a similar name.
        nearest: Vec<ServerText>,
    },
    /// The permission to read roles is missing.
    #[error("Keycloak: realm {realm}: there is no permission to read roles: the role {} is missing", to_grant.word())]
    RolesForbidden {
        realm: String,
        /// The role that allows it.
        to_grant: RoleToGrant,
        #[source]
        source: Box<HttpError>,
    },
    /// Every user has the role by default.
    #[error("Keycloak: realm {realm}: every user has the role {role:?} by default")]
    RoleOfEveryone {
        realm: String,
        /// As the configuration names it.
        role: String,
    },
    /// A group or role of `[admins]` is one that cannot be read.
    #[error(transparent)]
    OfAdmins { source: Box<ReadError> },
    /// The configured server name is not the homeserver's own.
    #[error("Synapse: the token belongs to {owner}, and server_name is {configured}")]
    WrongServerName {
        owner: UserId,
        /// `server_name` of the configuration.
        configured: ServerName,
    },
    /// The admin token is the secret that Synapse and MAS share, not an account's (trap 71).
    #[error(
        "Synapse: the admin token is the secret that Synapse shares with MAS: it belongs to {owner}, which is not an account"
    )]
    SharedToken {
        /// The user that the secret acts as.
        owner: UserId,
    },
    #[error("MAS: it serves {actual}, and server_name is {configured}")]
    MasServesAnother {
        /// What MAS says.
        actual: ServerName,
        /// `server_name` of the configuration.
        configured: ServerName,
    },
    /// No upstream provider of MAS is the realm, or several are.
    #[error("MAS: {} {wanted}; it has{}", number_of(*.fitting), named(.all))]
    NoProvider {
        /// The configured ID, or the realm's issuer.
        wanted: ServerText,
        /// How many match.
        fitting: usize,
        all: Vec<UpstreamProvider>,
    },
    /// The links of the account have changed meanwhile.
    #[error("MAS: {user_id} was linked to another Keycloak user while it was read")]
    LinksMoved { user_id: UserId },
    /// The list of users is empty, although users have links.
    #[error("MAS: the list of users is empty, although {links} upstream links belong to users")]
    NoUsersInMas {
        /// The number of links.
        links: usize,
    },
    /// The list of users does not contain all users, so an account without a user may have one.
    #[error("Keycloak: the list of users does not contain the user {id}, a member of the group")]
    UserNotListed {
        /// A member who is missing there.
        id: KeycloakId,
    },
    /// The account is in the list, but not found by name.
    #[error("{server}: {user_id} is in the list of accounts, but not found by name")]
    AccountGone { server: Server, user_id: UserId },
    /// A group was deleted and made again after the members were read.
    #[error("Keycloak: the group {path} is another one than the one whose members were read")]
    GroupReplaced { path: ServerText },
    /// The second look failed for all accounts.
    #[error("the second look failed for all accounts ({count} tried)")]
    NoneRechecked {
        /// How many were tried.
        count: usize,
        /// The first error.
        #[source]
        source: Box<ReadError>,
    },
}

/// A role of the client `realm-management` that roles cannot be read without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum RoleToGrant {
    /// For roles of the realm.
    ViewRealm,
    /// For roles of a client.
    ViewClients,
}

/// An upstream provider of MAS.
#[derive(Debug)]
pub struct UpstreamProvider {
    /// Its ULID.
    pub id: ServerText,
    /// Its issuer, if MAS knows it.
    pub issuer: Option<ServerText>,
    /// The name that people see.
    pub name: Option<ServerText>,
}

fn number_of(providers: usize) -> String {
    match providers {
        0 => "no upstream provider is".to_owned(),
        many => format!("{many} upstream providers are"),
    }
}

fn named(providers: &[UpstreamProvider]) -> String {
    let mut told = String::new();
    for UpstreamProvider { id, issuer, name } in providers.iter().take(NAMED) {
        let issuer =
            issuer.as_ref().map_or_else(|| "unknown issuer".to_owned(), ToString::to_string);
        let name = name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let _ = write!(told, "\n  {id}: {issuer}{name}");
    }
    if told.is_empty() { " none".to_owned() } else { told }
}

/// Returns the advice to use one of these names.
fn did_you_mean(key: &str, nearest: &[ServerText]) -> String {
    let names: Vec<_> = nearest.iter().map(|name| format!("{name:?}")).collect();
    format!(
        "Did you mean {}? Check {key}, and `keycloak.realm` (KC_REALM).",
        joined(&names, " or ")
    )
}

/// How many are named; the rest is counted.
const NAMED: usize = 10;

impl ReadError {
    /// Returns the same error about a group or role of `[admins]`, so that the hint names its key.
    #[must_use]
    pub fn of_admins(self) -> Self {
        match self {
            Self::GroupNotFound { .. }
            | Self::GroupAmbiguous { .. }
            | Self::RoleNotFound { .. }
            | Self::RoleOfEveryone { .. } => Self::OfAdmins { source: Box::new(self) },
            other => other,
        }
    }

    /// Returns what to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Client(_) => "Check the certificates of this machine.".to_owned(),
            Self::Http(error) => error.hint(),
            Self::GroupNotFound { .. } | Self::GroupAmbiguous { .. } | Self::GroupForbidden { .. } => {
                self.hint_about_groups("`keycloak.groups` (KC_GROUP_NAME)")
            }
            Self::RoleNotFound { .. } | Self::RolesForbidden { .. } | Self::RoleOfEveryone { .. } => {
                self.hint_about_roles("`keycloak.roles`")
            }
            Self::OfAdmins { source } => match &**source {
                Self::RoleNotFound { .. } | Self::RoleOfEveryone { .. } => {
                    source.hint_about_roles("`admins.roles`")
                }
                _ => source.hint_about_groups("`admins.groups`"),
            },
            Self::WrongServerName { owner, .. } => {
                format!(
                    "Set `server_name` (MATRIX_SERVER_NAME) to {}, or check `synapse.url` (MATRIX_URL).",
                    owner.server_name()
                )
            }
            Self::SharedToken { .. } => {
                "Set `synapse.admin_token` (MATRIX_ADMIN_TOKEN) to a token of an administrator's account: `mas-cli manage \
                 issue-compatibility-token ACCOUNT --yes-i-want-to-grant-synapse-admin-privileges`."
                    .to_owned()
            }
            Self::MasServesAnother { actual, .. } => {
                format!("Set `server_name` (MATRIX_SERVER_NAME) to {actual}, or check `writer.mas_api.url`.")
            }
            Self::NoProvider { .. } => {
                "Set `accounts.provider` to the ID of the one that is this realm (`upstream_oauth2.providers` in MAS's \
                 configuration), or set `accounts.match` to \"localpart\"."
                    .to_owned()
            }
            Self::LinksMoved { .. } => "Run again.".to_owned(),
            Self::NoUsersInMas { .. } => {
                "Check what answers at `writer.mas_api.url`, and MAS's database.".to_owned()
            }
            Self::UserNotListed { .. } => {
                "Grant the role view-users of the client realm-management, which shows every user. A directory behind \
                 Keycloak may be down: check User federation in Keycloak."
                    .to_owned()
            }
            Self::AccountGone { .. } => {
                "Run again: the account may just have been deleted from the database.".to_owned()
            }
            Self::GroupReplaced { .. } => {
                "Run again: it was deleted and made again in between. If it persists, look for two groups of this \
                 name in Keycloak."
                    .to_owned()
            }
            Self::NoneRechecked { source, .. } => source.hint(),
        }
    }

    /// Returns what to do about an error about the groups of this key.
    fn hint_about_groups(&self, key: &str) -> String {
        match self {
            Self::GroupForbidden { .. } => {
                "Give the user or the client's service account the role view-users of the client realm-management."
                    .to_owned()
            }
            Self::GroupAmbiguous { paths, .. } => format!(
                "Use the path of the right one in {key}, for example {}",
                paths.first().map_or_else(|| "/path".to_owned(), ToString::to_string)
            ),
            Self::GroupNotFound { nearest, .. } if !nearest.is_empty() => did_you_mean(key, nearest),
            _ => format!(
                "Check {key}: a name, a /path or an ID; and `keycloak.realm` (KC_REALM). Without permission \
                 Keycloak returns an empty list: grant the role view-users of the client realm-management."
            ),
        }
    }

    /// Returns what to do about an error about the roles of this key.
    fn hint_about_roles(&self, key: &str) -> String {
        match self {
            Self::RolesForbidden { to_grant, .. } => format!(
                "Give the user or the client's service account the role {} of the client realm-management (of the client \
                 REALM-realm, for a user of the master realm).",
                to_grant.word()
            ),
            Self::RoleOfEveryone { .. } => format!(
                "Set {key} to a role that only some users have, or take it out of the realm's default roles \
                 (Realm settings, User registration)."
            ),
            Self::RoleNotFound { nearest, .. } if !nearest.is_empty() => did_you_mean(key, nearest),
            _ => format!(
                "Check {key}: the name of a realm role, or client:role; and `keycloak.realm` (KC_REALM)."
            ),
        }
    }
}
