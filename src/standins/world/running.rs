//! Runs a world: three servers, the settings for them, and questions about users.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use super::Auth;
use crate::standins::keycloak::Keycloak;
use crate::standins::mas::{CompatScope, Mas, SessionKind};
use crate::standins::synapse::Synapse;
use crate::standins::{StandInError, ids, mas_cli, runtime};

/// User and password of the administrator in the master realm.
pub(super) const ADMIN: (&str, &str) = ("syncadmin", "syncpw");
/// Client and secret of the service account.
pub(super) const CLIENT: (&str, &str) = ("matrix-sync", "syncsecret");

/// What MAS says about a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasUserState {
    pub locked: bool,
    pub deactivated: bool,
    /// How many sessions are open, without personal ones, which are not logins.
    pub sessions: usize,
}

/// What Synapse says about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynapseAccountState {
    pub deactivated: bool,
    pub locked: bool,
    pub erased: bool,
}

/// What both say about an account; `None` if it does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerStates {
    pub mas: Option<MasUserState>,
    pub synapse: Option<SynapseAccountState>,
}

/// What an account has on both servers, to compare it as a whole. On a server without the account
/// there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountParts {
    /// Whether the owner is an administrator in MAS.
    pub mas_admin: bool,
    /// The subjects of its upstream links in MAS, sorted.
    pub subjects: Vec<String>,
    /// Its e-mail addresses in MAS, the first one first.
    pub emails: Vec<String>,
    /// Its display name in Synapse.
    pub displayname: Option<String>,
    /// The IDs of its rooms, sorted.
    pub rooms: Vec<String>,
}

/// Three running servers; dropping it stops them.
#[derive(Debug)]
pub struct RunningWorld {
    pub keycloak: Keycloak,
    pub synapse: Synapse,
    pub mas: Mas,
    pub(super) server_name: String,
    pub(super) realm: String,
    pub(super) group: String,
    pub(super) admin_token: SecretString,
    pub(super) mas_client: (String, SecretString),
    pub(super) directory: TempDir,
    pub(super) mas_cli_config: PathBuf,
}

impl RunningWorld {
    /// Returns the environment variables of a complete configuration, including `MAS_CONFIG`.
    #[must_use]
    pub fn env(&self, auth: Auth) -> Vec<(String, String)> {
        let group = self.group.rsplit('/').next().unwrap_or_default().to_owned();
        let mut variables = vec![
            ("KC_URL", self.keycloak.url()),
            ("KC_REALM", self.realm.clone()),
            ("KC_GROUP_NAME", group),
            ("MATRIX_URL", self.synapse.url()),
            ("MATRIX_ADMIN_TOKEN", self.admin_token().to_owned()),
            ("MATRIX_SERVER_NAME", self.server_name.clone()),
            ("MAS_CONFIG", self.mas_cli_config.display().to_string()),
        ];
        variables.extend(match auth {
            Auth::Password => vec![
                ("KC_CLIENT_ID", "admin-cli".to_owned()),
                ("KC_ADMIN_USER", ADMIN.0.to_owned()),
                ("KC_ADMIN_PASS", ADMIN.1.to_owned()),
            ],
            Auth::ClientCredentials => {
                vec![
                    ("KC_CLIENT_ID", CLIENT.0.to_owned()),
                    ("KC_CLIENT_SECRET", CLIENT.1.to_owned()),
                ]
            }
        });
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Returns the realm's name.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Returns the path of the group that members are in.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Returns the token for Synapse's admin API.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        self.admin_token.expose_secret()
    }

    /// Returns the configuration for the stand-in of mas-cli.
    #[must_use]
    pub fn mas_cli_config(&self) -> &Path {
        &self.mas_cli_config
    }

    /// Returns a directory that is deleted with the world.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Creates a `mas-cli` that calls `exe stand-in mas-cli`, and returns its directory for a PATH.
    pub fn install_mas_cli(&self, exe: &Path) -> Result<PathBuf, StandInError> {
        let bin = self.directory.path().join("bin");
        std::fs::create_dir_all(&bin)?;
        mas_cli::install(&bin, exe)?;
        Ok(bin)
    }

    /// Adds a user to the group, with an admin event.
    pub fn join(&self, username: &str) {
        self.keycloak.state().realm(&self.realm).join(username, &self.group);
    }

    /// Removes a user from the group, with an admin event.
    pub fn leave(&self, username: &str) {
        self.keycloak.state().realm(&self.realm).leave(username, &self.group);
    }

    /// Renames a user, with an admin event; the ID and the groups stay.
    pub fn rename_in_keycloak(&self, username: &str, new: &str) {
        self.keycloak.state().realm(&self.realm).rename_user(username, new);
    }

    /// Returns what MAS and Synapse say about an account.
    #[must_use]
    pub fn state_of(&self, localpart: &str) -> ServerStates {
        let mas = {
            let state = self.mas.state();
            state.user(localpart).map(|user| MasUserState {
                locked: user.locked_at.is_some(),
                deactivated: user.deactivated_at.is_some(),
                sessions: state
                    .open_sessions(&user.id)
                    .filter(|session| session.kind != SessionKind::Personal)
                    .count(),
            })
        };
        let synapse = self.synapse.state().account(localpart).map(|account| SynapseAccountState {
            deactivated: account.deactivated,
            locked: account.locked,
            erased: account.erased,
        });
        ServerStates { mas, synapse }
    }

    /// Returns what an account has on both servers.
    #[must_use]
    pub fn parts_of(&self, localpart: &str) -> AccountParts {
        let mut parts = AccountParts::default();
        let mas = self.mas.state();
        if let Some(user) = mas.user(localpart) {
            let own = mas.links().filter(|link| link.user_id.as_ref() == Some(&user.id));
            parts.subjects = own.map(|link| link.subject.clone()).collect();
            parts.subjects.sort();
            parts.emails = mas.emails_of(&user.id).map(|email| email.email.clone()).collect();
            parts.mas_admin = user.admin;
        }
        if let Some(account) = self.synapse.state().account(localpart) {
            parts.displayname.clone_from(&account.displayname);
            parts.rooms = account.rooms.iter().cloned().collect();
        }
        parts
    }

    /// Waits until MAS has no job left. Returns false if that takes longer than anything takes on a busy
    /// machine.
    pub async fn settle(&self) -> bool {
        self.mas.settle(Duration::from_mins(2)).await
    }

    /// Opens a session on a new device and returns its token, or `None` if the user is locked or
    /// deactivated.
    pub fn login(&self, localpart: &str) -> Result<String, StandInError> {
        let refused = || StandInError::World(format!("{localpart} cannot log in"));
        let device = ids::word(10);
        let token = {
            let mut mas = self.mas.state();
            mas.user(localpart).filter(|user| user.is_valid()).ok_or_else(refused)?;
            mas.add_session(localpart, &device, CompatScope::Client).ok_or_else(refused)?
        };
        self.synapse.state().account_mut(localpart).ok_or_else(refused)?.devices.insert(device);
        Ok(token)
    }

    /// Returns the status of `whoami` with this token: 200 while the session is open.
    pub async fn whoami(&self, token: &str) -> Result<u16, StandInError> {
        let url = format!("{}/_matrix/client/v3/account/whoami", self.synapse.url());
        let response = runtime::client().get(url).bearer_auth(token).send().await?;
        Ok(response.status().as_u16())
    }
}
