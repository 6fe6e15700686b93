//! Readers: a complete list or an error; there is no third outcome.

mod error;
pub mod keycloak;
mod look;
pub mod synapse;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::try_join;

use crate::config::Config;
use crate::http::{self, Timeouts};
use crate::planner::{Facts, Federation};

pub use error::{Nameless, ReadError};
pub use keycloak::{Group, KeycloakReader};
pub use synapse::SynapseReader;

/// Both sides.
#[derive(Debug)]
pub struct Readers {
    /// Who may use Matrix.
    pub keycloak: KeycloakReader,
    /// Who has an account.
    pub synapse: SynapseReader,
}

/// How far reading has come; for the progress bar.
#[derive(Debug, Default)]
pub struct Tally(AtomicUsize);

impl Tally {
    /// Counts some more.
    pub fn add(&self, count: usize) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// How many there were so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The tallies of a run.
#[derive(Debug, Default)]
pub struct Tallies {
    /// Members read.
    pub members: Tally,
    /// Accounts read.
    pub accounts: Tally,
    /// People looked at a second time.
    pub looks: Tally,
}

impl Readers {
    /// Readers for the servers of the configuration; nothing is asked yet.
    pub fn new(config: &Config, timeouts: Timeouts) -> Result<Self, ReadError> {
        let http = |url| http::client(timeouts, url).map_err(ReadError::Client);
        Ok(Self {
            keycloak: KeycloakReader::new(&config.keycloak, http(&config.keycloak.url)?),
            synapse: SynapseReader::new(&config.synapse, http(&config.synapse.url)?),
        })
    }

    /// Reads both sides at the same time; with the groups that the members are of.
    pub async fn read(&self, config: &Config, tallies: &Tallies) -> Result<(Facts, Vec<Group>), ReadError> {
        let members = async {
            let groups = self.keycloak.groups().await?;
            let members = self.keycloak.members(&groups, &tallies.members).await?;
            let providers = match config.policy.federation {
                Federation::Verify => self.keycloak.providers().await?,
                Federation::Trust => Some(Vec::new()),
            };
            Ok((groups, members, providers))
        };
        let accounts = self.synapse.accounts(&config.server_name, &tallies.accounts);
        let ((groups, members, providers), (token_owner, accounts)) = try_join(members, accounts).await?;
        let facts = Facts {
            server_name: config.server_name.clone(),
            members,
            providers,
            accounts,
            token_owner: Some(token_owner),
        };
        Ok((facts, groups))
    }
}
