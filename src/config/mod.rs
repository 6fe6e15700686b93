//! Defines the configuration, with all values checked.

mod address;
mod document;
mod excerpt;
mod exposure;
mod fields;
mod given_values;
mod keys;
mod load;
mod notify;
mod problem;
mod secret_files;
mod shown;
mod state_file;
mod syntax;
#[cfg(test)]
mod tests;
mod text_list;
mod visible;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use strum::{IntoStaticStr, VariantArray};
use url::Url;

use crate::http::Tls;
use crate::localpart::LocalpartTemplate;
use crate::model::ServerName;
use crate::planner::{Limits, Policy, Reactivate};
use crate::shell::{path_word, shell_word};
use crate::state::Namespace;

pub use address::{Address, AddressOf};
pub use excerpt::{Excerpt, Place};
pub(crate) use exposure::others_who_read;
pub use keys::{Absent, ConfigKey, Expected};
pub use load::{Loaded, Warning, load, parse};
pub use notify::{NotifyConfig, RoomConfig};
pub use problem::{ConfigError, Mistake, Problem};
pub use secret_files::{ExposedFile, SecretFiles};
pub use shown::{Origin, ShownKey, as_toml};
pub use state_file::StateFile;
pub use visible::is_path;
pub use watch::WatchConfig;

/// A complete configuration; every value has been checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The homeserver whose accounts are managed.
    pub server_name: ServerName,
    pub state_file: StateFile,
    /// `history_keep`; without one, every run is kept.
    pub history_keep: Option<Duration>,
    pub keycloak: KeycloakConfig,
    /// `[synapse]`; optional if MAS lists the accounts.
    pub synapse: Option<SynapseConfig>,
    pub accounts: AccountsConfig,
    /// `[admins]`: the users who are administrators in MAS; the rules are part of the policy.
    pub admins: Option<MemberSource>,
    /// `[writer.mas_api]`, if it is given.
    pub mas_api: Option<MasApiConfig>,
    pub writer: WriterConfig,
    /// `[policy]`, and the keys of `[keycloak]` that the plan depends on.
    pub policy: Policy,
    /// `[limits]`, as far as they are about a plan.
    pub limits: Limits,
    pub max_consecutive_failures: usize,
    pub watch: WatchConfig,
    pub notify: NotifyConfig,
    /// The files of secrets and certificates, which `watch` reloads if they change.
    pub secret_files: SecretFiles,
}

impl Config {
    /// Returns the realm and the homeserver that rows of the state file belong to.
    #[must_use]
    pub fn namespace(&self) -> Namespace {
        Namespace { realm: self.keycloak.realm.clone(), server_name: self.server_name.clone() }
    }

    /// Returns whether only Synapse says which accounts are locked or deactivated.
    #[must_use]
    pub fn trusts_synapse(&self) -> bool {
        self.mas_api.is_none() && self.accounts.source == AccountSource::Synapse
    }

    /// Returns the key that needs the state file, if one is set.
    #[must_use]
    pub fn needs_state(&self) -> Option<&'static str> {
        if !self.policy.grace.is_zero() {
            Some("policy.grace")
        } else if self.policy.deactivate_after.is_some() {
            Some("policy.deactivate_after")
        } else if self.policy.reactivate == Reactivate::Own {
            Some("policy.reactivate = \"own\"")
        } else {
            None
        }
    }
}

/// `[keycloak]`: the server with the members.
#[derive(Debug, Clone)]
pub struct KeycloakConfig {
    /// The address, with the path that Keycloak is served under.
    pub url: Url,
    pub realm: String,
    /// The users who may use Matrix.
    pub members: MemberSource,
    pub auth: KeycloakAuth,
    /// The template that MAS uses to name accounts.
    pub localpart: LocalpartTemplate,
    pub tls: Tls,
}

/// A set of users: being in one of the groups, or having one of the roles, is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberSource {
    /// Names, paths or IDs.
    pub groups: Vec<String>,
    /// Whether members of subgroups count.
    pub include_subgroups: bool,
    /// Realm roles by name, and `client:role`.
    pub roles: Vec<String>,
}

impl MemberSource {
    /// Returns the name that Keycloak gives to the default role of a new realm, which every user
    /// has.
    #[must_use]
    pub fn default_role(realm: &str) -> String {
        format!("default-roles-{}", realm.to_lowercase())
    }
}

/// The two grants.
#[derive(Debug, Clone)]
pub enum KeycloakAuth {
    /// A client's own credentials, in the realm itself.
    ClientCredentials { client_id: String, client_secret: SecretString },
    /// A user's password.
    Password {
        /// The realm that the user is in.
        auth_realm: String,
        /// The client that requests tokens.
        client_id: String,
        client_secret: Option<SecretString>,
        username: String,
        password: SecretString,
    },
}

/// `[synapse]`: the homeserver.
#[derive(Debug, Clone)]
pub struct SynapseConfig {
    pub url: Url,
    /// A token with `urn:synapse:admin:*`.
    pub admin_token: SecretString,
    pub tls: Tls,
}

impl KeycloakConfig {
    /// Returns the issuer of the realm, as far as the address shows it.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("{}/realms/{}", self.url.as_str().trim_end_matches('/'), self.realm)
    }
}

impl SynapseConfig {
    /// Returns whether the token is a personal access token of MAS, whose owner may be another user
    /// than the one it acts as.
    #[must_use]
    pub fn has_personal_token(&self) -> bool {
        self.admin_token.expose_secret().starts_with("mpt_")
    }
}

/// `[accounts]`; `match` is part of the policy.
#[derive(Debug, Clone)]
pub struct AccountsConfig {
    /// The server that lists the accounts and their state.
    pub source: AccountSource,
    /// The upstream provider that is the realm (a ULID), if its issuer does not show it.
    pub provider: Option<String>,
}

/// `accounts.source`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AccountSource {
    #[default]
    Synapse,
    /// The Matrix Authentication Service.
    Mas,
}

/// `[writer.mas_api]`: the Admin API of MAS, for reading and writing.
#[derive(Debug, Clone)]
pub struct MasApiConfig {
    /// The listener with the Admin API.
    pub url: Url,
    /// The issuer of tokens; optional with a personal access token.
    pub issuer: Option<Url>,
    pub auth: MasApiAuth,
    /// Trusted authorities, and our own certificate.
    pub tls: Tls,
    /// Whether secrets may leave this machine over plain http.
    pub allow_http: bool,
    /// Accounts worked on at the same time.
    pub concurrency: usize,
}

/// The credentials for the Admin API.
#[derive(Debug, Clone)]
pub enum MasApiAuth {
    Client {
        client_id: String,
        client_secret: SecretString,
    },
    /// A personal access token.
    Token(SecretString),
}

/// `[writer]`.
#[derive(Debug, Clone)]
pub struct WriterConfig {
    /// How long to wait, after the last action, until the homeserver shows the changes.
    pub confirm_timeout: Duration,
    pub kind: WriterKindConfig,
}

/// The settings of the selected writer.
#[derive(Debug, Clone)]
pub enum WriterKindConfig {
    MasCli(MasCliConfig),
    /// `[writer.mas_api]`, which [`Config::mas_api`] has.
    MasApi,
}

/// `[writer.mas_cli]`.
#[derive(Debug, Clone)]
pub struct MasCliConfig {
    /// The program: `mas-cli`, or a wrapper.
    pub program: String,
    /// The arguments before ours.
    pub arguments: Vec<String>,
    /// Each is passed as `--config`, in this order.
    pub config: Vec<PathBuf>,
    /// The files that mas-cli will use.
    pub config_to_check: FilesToCheck,
    /// How long one call may take.
    pub timeout: Duration,
    /// Calls at the same time.
    pub concurrency: usize,
}

/// MAS's configuration files, in the order in which mas-cli reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesToCheck {
    /// mas-cli runs here, so it has to be possible to read them.
    Here(Vec<PathBuf>),
    /// mas-cli runs behind a wrapper (a container, sudo, ssh): these are the files that the
    /// administrator has named, and the paths may be valid only there.
    BehindWrapper(Vec<PathBuf>),
}

impl FilesToCheck {
    /// Returns the paths.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        let (Self::Here(paths) | Self::BehindWrapper(paths)) = self;
        paths
    }
}

impl MasCliConfig {
    /// Returns whether the command is mas-cli itself. Anything else may join its arguments for a
    /// shell, as ssh does.
    #[must_use]
    pub fn is_mas_cli_itself(&self) -> bool {
        let name = Path::new(&self.program).file_name();
        self.arguments.is_empty() && name.is_some_and(|name| name == "mas-cli")
    }

    /// Returns the command that runs it, for a shell.
    #[must_use]
    pub fn in_shell(&self) -> String {
        let files = self.config.iter().map(|path| format!("--config {}", path_word(path)));
        let words =
            std::iter::once(&self.program).chain(&self.arguments).map(|word| shell_word(word));
        words.chain(files).collect::<Vec<_>>().join(" ")
    }
}
