//! Why a reading is not complete.

use std::fmt::Write as _;

use crate::http::HttpError;
use crate::model::{KeycloakId, Server, ServerName, ServerText, UserId};
use crate::phrases::joined;

/// Why a reading is not complete; nothing is decided on an incomplete one.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The HTTP client cannot be made.
    #[error("cannot set up TLS")]
    Client(#[source] reqwest::Error),
    /// A server did not answer as it should.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// No group of this name, path or ID.
    #[error("Keycloak: realm {realm}: there is no group {group:?}, or it may not be seen")]
    GroupNotFound {
        /// The realm.
        realm: String,
        /// As the configuration names it.
        group: String,
    },
    /// Several groups of this name.
    #[error("Keycloak: realm {realm}: the name {group:?} stands for {} groups: {}", paths.len(), joined(paths, ", "))]
    GroupAmbiguous {
        /// The realm.
        realm: String,
        /// As the configuration names it.
        group: String,
        /// The paths of all of them.
        paths: Vec<ServerText>,
    },
    /// The group is seen, its members are not.
    #[error("Keycloak: realm {realm}: the members of {path} may not be seen")]
    GroupForbidden {
        /// The realm.
        realm: String,
        /// The group's path.
        path: ServerText,
    },
    /// The configured server name is not the homeserver's own.
    #[error("Synapse: the token belongs to {owner}, and server_name is {configured}")]
    WrongServerName {
        /// The owner of the admin token.
        owner: UserId,
        /// `server_name` of the configuration.
        configured: ServerName,
    },
    /// The admin token is the secret that Synapse and MAS share, not an account's (trap 71).
    #[error(
        "Synapse: the admin token is the secret that Synapse shares with MAS: it belongs to {owner}, which is no account"
    )]
    SharedToken {
        /// Who the secret acts as.
        owner: UserId,
    },
    /// MAS serves another homeserver.
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
        /// How many fit.
        fitting: usize,
        /// All of them.
        all: Vec<UpstreamProvider>,
    },
    /// The account was tied to other people in the meantime.
    #[error("MAS: {user_id} was tied to another user of Keycloak while it was read")]
    LinksMoved {
        /// The account.
        user_id: UserId,
    },
    /// The list of users does not contain all users, so an account without a user may have one.
    #[error("Keycloak: the list of users does not contain the user {id}, a member of the group")]
    UserNotListed {
        /// A member who is missing there.
        id: KeycloakId,
    },
    /// The account was in the list and is not there when asked for by name.
    #[error("{server}: {user_id} is in the list of accounts, and is not found when asked for")]
    AccountGone {
        /// Who was asked.
        server: Server,
        /// The account.
        user_id: UserId,
    },
    /// The second look failed for everyone.
    #[error("nobody could be looked at a second time ({count} tried)")]
    NobodyLookedAt {
        /// How many were tried.
        count: usize,
        /// The first error.
        #[source]
        source: Box<ReadError>,
    },
}

/// A way into MAS from elsewhere.
#[derive(Debug)]
pub struct UpstreamProvider {
    /// Its ULID.
    pub id: ServerText,
    /// Its issuer, where MAS knows it.
    pub issuer: Option<ServerText>,
    /// What people see.
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
        let issuer = issuer.as_ref().map_or_else(|| "an issuer that MAS does not tell".to_owned(), ToString::to_string);
        let name = name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let _ = write!(told, "\n  {id}: {issuer}{name}");
    }
    if told.is_empty() { " none".to_owned() } else { told }
}

/// Named before the rest is only counted.
const NAMED: usize = 10;

impl ReadError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Client(_) => "check the certificates of this machine".to_owned(),
            Self::Http(error) => error.hint(),
            Self::GroupNotFound { .. } => {
                "check keycloak.groups (KC_GROUP_NAME): a name, a /path or an ID; and keycloak.realm (KC_REALM). Keycloak answers with an empty list \
                 when the group may not be seen: the role view-users of the client realm-management shows it"
                    .to_owned()
            }
            Self::GroupAmbiguous { paths, .. } => format!(
                "name the one you mean by its path in keycloak.groups (KC_GROUP_NAME), for example {}",
                paths.first().map_or_else(|| "/path".to_owned(), ToString::to_string)
            ),
            Self::GroupForbidden { .. } => {
                "give the user or the client's service account the role view-users of the client realm-management"
                    .to_owned()
            }
            Self::WrongServerName { owner, .. } => {
                format!(
                    "set server_name (MATRIX_SERVER_NAME) to {}, or check synapse.url (MATRIX_URL)",
                    owner.server_name()
                )
            }
            Self::SharedToken { .. } => {
                "set synapse.admin_token (MATRIX_ADMIN_TOKEN) to a token of an administrator's account: `mas-cli manage \
                 issue-compatibility-token ACCOUNT --yes-i-want-to-grant-synapse-admin-privileges`"
                    .to_owned()
            }
            Self::MasServesAnother { actual, .. } => {
                format!("set server_name (MATRIX_SERVER_NAME) to {actual}, or check writer.mas_api.url")
            }
            Self::NoProvider { .. } => {
                "set accounts.provider to the ID of the one that is this realm (upstream_oauth2.providers in MAS's \
                 configuration), or accounts.match = \"localpart\""
                    .to_owned()
            }
            Self::LinksMoved { .. } => "run again".to_owned(),
            Self::UserNotListed { .. } => {
                "the role view-users of the client realm-management shows every user; a directory behind Keycloak may be \
                 down: check User federation in Keycloak"
                    .to_owned()
            }
            Self::AccountGone { .. } => {
                "run again; the account may just have been deleted from the database".to_owned()
            }
            Self::NobodyLookedAt { source, .. } => source.hint(),
        }
    }
}
