//! Stores the accounts and the settings of a homeserver.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde::Serialize;

use super::auth::Introspection;
use super::rooms::SynapseRoom;
use crate::model::{SYNAPSE_SHOWS_LOCKS, release_in};
use crate::standins::{Sorted, time};

/// The settings of the homeserver.
#[derive(Clone, Debug)]
pub struct SynapseSettings {
    /// The part of a Matrix user ID after the colon.
    pub server_name: String,
    /// What `server_version` answers.
    pub version: String,
    /// Whether `/_synapse/admin/v3/users` exists (Synapse 1.117 and later).
    pub has_v3: bool,
    /// The base URL of MAS.
    pub mas_url: String,
    /// The secret that Synapse and MAS share.
    pub shared_secret: SecretString,
    /// How long an introspection is cached: 2 minutes (trap 15).
    pub cache_for: Duration,
}

impl SynapseSettings {
    /// Returns the settings of the recorded homeserver, with this name.
    #[must_use]
    pub fn new(server_name: &str, shared_secret: SecretString) -> Self {
        Self {
            server_name: server_name.to_owned(),
            version: "1.163.2".to_owned(),
            has_v3: true,
            mas_url: String::new(),
            shared_secret,
            cache_for: Duration::from_mins(2),
        }
    }

    /// Returns whether this release shows the locks of MAS (trap 56). A text without a release is
    /// newer.
    pub(super) fn shows_locks(&self) -> bool {
        release_in(&self.version).is_none_or(|release| release >= SYNAPSE_SHOWS_LOCKS)
    }
}

/// The ID of an account's owner at an identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SynapseExternalId {
    /// Synapse's name for the provider, such as `oidc-keycloak`.
    pub auth_provider: String,
    /// The provider's ID for the user.
    pub external_id: String,
}

/// One account of the homeserver.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are columns of Synapse's table, each on its own"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SynapseAccount {
    pub displayname: Option<String>,
    pub avatar_url: Option<String>,
    /// The admin flag of Synapse's own database. With MAS, a token's scope decides, not this.
    pub admin: bool,
    /// Whether the account is a guest's; lists that MAS allows leave it out (trap 10).
    pub guest: bool,
    /// `bot`, `support` or nothing.
    pub user_type: Option<String>,
    /// The bridge that the account belongs to; lists do not show it (trap 13).
    pub appservice_id: Option<String>,
    pub deactivated: bool,
    pub locked: bool,
    pub erased: bool,
    /// Set by Synapse's own admin API; it ends no session (trap 65).
    pub suspended: bool,
    /// E-mail addresses with the time they were added.
    pub emails: BTreeMap<String, u64>,
    /// IDs from before MAS, when Synapse itself used an identity provider. Deactivation keeps them.
    pub external_ids: Vec<SynapseExternalId>,
    /// Device IDs.
    pub devices: BTreeSet<String>,
    /// Rooms that the account is in; deactivation leaves them all.
    pub rooms: BTreeSet<String>,
    /// In milliseconds since 1970.
    pub created: u64,
    /// In milliseconds since 1970.
    pub last_seen: Option<u64>,
}

/// All data of one homeserver.
#[derive(Debug)]
pub struct SynapseState {
    pub settings: SynapseSettings,
    /// In order of Matrix user ID. Lists that MAS allows show all but guests.
    pub(super) accounts: Sorted<Box<SynapseAccount>>,
    /// By ID.
    pub(super) rooms: BTreeMap<String, SynapseRoom>,
    pub(super) introspections: HashMap<String, (Introspection, Instant)>,
}

impl SynapseState {
    /// Creates a homeserver without accounts.
    #[must_use]
    pub fn new(settings: SynapseSettings) -> Self {
        let mut state = Self {
            settings,
            accounts: Sorted::showing(|account| !account.guest),
            rooms: BTreeMap::new(),
            introspections: HashMap::new(),
        };
        let lobby = state.lobby();
        state.add_room(&lobby).name = Some("Lobby".to_owned());
        state
    }

    /// Returns the Matrix user ID of a localpart.
    #[must_use]
    pub fn user_id(&self, localpart: &str) -> String {
        format!("@{localpart}:{}", self.settings.server_name)
    }

    /// Returns the account of a localpart.
    #[must_use]
    pub fn account(&self, localpart: &str) -> Option<&SynapseAccount> {
        self.accounts.get(&self.user_id(localpart)).map(|account| &**account)
    }

    /// Returns the account of a localpart, to change.
    pub fn account_mut(&mut self, localpart: &str) -> Option<&mut SynapseAccount> {
        let id = self.user_id(localpart);
        self.accounts.get_mut(&id).map(|account| &mut **account)
    }

    /// Adds an account, or returns the one of that localpart.
    pub fn add_account(&mut self, localpart: &str) -> &mut SynapseAccount {
        let id = self.user_id(localpart);
        self.accounts.entry(&id, || {
            Box::new(SynapseAccount { created: time::now_ms(), ..SynapseAccount::default() })
        })
    }

    /// Removes an account, as no API does.
    pub fn remove_account(&mut self, localpart: &str) {
        let id = self.user_id(localpart);
        self.accounts.remove(&id);
    }

    /// Returns all accounts by Matrix user ID.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, &SynapseAccount)> {
        self.accounts.iter().map(|(id, account)| (id.as_str(), &**account))
    }

    /// Returns the accounts that lists show, from the n-th on.
    pub(super) fn listed_from(
        &self,
        first: usize,
    ) -> impl Iterator<Item = (&str, &SynapseAccount)> {
        self.accounts.shown_from(first).map(|(id, account)| (id.as_str(), &**account))
    }

    /// Drops every cached introspection, as after two minutes.
    pub fn forget_tokens(&mut self) {
        self.introspections.clear();
    }
}
