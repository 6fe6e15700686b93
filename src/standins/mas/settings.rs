//! Defines the settings of one MAS, as in its configuration file.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use secrecy::SecretString;

/// How clients may authenticate by default.
pub(super) const CLIENT_AUTH: [&str; 5] =
    ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"];

/// The listeners that have the resource `adminapi`. A listener without it answers with a web page
/// (trap 28).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdminApi {
    /// The listener of its own, as MAS's documentation advises.
    #[default]
    Internal,
    Public,
    Both,
    /// None.
    Nowhere,
}

/// One of the two listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listener {
    Internal,
    Public,
}

impl AdminApi {
    pub(super) fn is_on(self, listener: Listener) -> bool {
        match listener {
            Listener::Internal => matches!(self, Self::Internal | Self::Both),
            Listener::Public => matches!(self, Self::Public | Self::Both),
        }
    }
}

/// The settings of MAS.
#[derive(Clone, Debug)]
pub struct MasSettings {
    /// The release, as the Admin API shows it: `v1.22.0`. An old one does only what it could do.
    pub version: String,
    /// The issuer of tokens, with a slash at the end; set when it starts.
    pub issuer: String,
    /// The token endpoint in the metadata; by default that of the issuer.
    pub token_endpoint: Option<String>,
    /// How clients may authenticate at the token endpoint, by the metadata.
    pub token_endpoint_auth_methods: Vec<String>,
    pub synapse_url: String,
    pub server_name: String,
    /// `account.account_deactivation_allowed`: whether users may deactivate their own accounts.
    pub account_deactivation_allowed: bool,
    /// The secret that Synapse and MAS share.
    pub shared_secret: SecretString,
    /// How long a job waits before it runs.
    pub job_delay: Duration,
    /// The password of the database's user `mas`, for mas-cli; `None` accepts any.
    pub database_password: Option<SecretString>,
    /// The listeners of the Admin API; may be changed while it runs.
    pub admin_api: AdminApi,
    /// The address of the internal listener (port 0: any free one); `None` starts none.
    pub internal: Option<SocketAddr>,
    /// `policy.data.admin_clients`: the clients that may have the scope `urn:mas:admin` (trap 27).
    pub admin_clients: BTreeSet<String>,
    /// How long access tokens of client credentials live.
    pub token_lifetime: Duration,
}

impl MasSettings {
    /// Returns the MAS of the recordings, with the delay of an idle worker.
    #[must_use]
    pub fn new(shared_secret: SecretString) -> Self {
        Self {
            version: "v1.22.0".to_owned(),
            issuer: String::new(),
            token_endpoint: None,
            token_endpoint_auth_methods: CLIENT_AUTH.map(str::to_owned).to_vec(),
            synapse_url: String::new(),
            server_name: String::new(),
            account_deactivation_allowed: true,
            shared_secret,
            job_delay: Duration::from_millis(150),
            database_password: None,
            admin_api: AdminApi::default(),
            internal: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            admin_clients: BTreeSet::new(),
            token_lifetime: Duration::from_mins(5),
        }
    }
}
