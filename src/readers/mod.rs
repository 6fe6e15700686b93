//! Readers: a complete list or an error; there is no third outcome.

mod error;
pub mod keycloak;
mod look;
pub mod synapse;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::try_join;

use crate::config::Config;
use crate::http::Timeouts;
use crate::planner::Facts;

pub use error::ReadError;
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
        let http = crate::http::client(timeouts).map_err(ReadError::Client)?;
        Ok(Self {
            keycloak: KeycloakReader::new(&config.keycloak, http.clone()),
            synapse: SynapseReader::new(&config.synapse, http),
        })
    }

    /// Reads both sides at the same time; with the groups that the members are of.
    pub async fn read(&self, config: &Config, tallies: &Tallies) -> Result<(Facts, Vec<Group>), ReadError> {
        let members = async {
            let groups = self.keycloak.groups().await?;
            let members = self.keycloak.members(&groups, &tallies.members).await?;
            Ok((groups, members))
        };
        let accounts = self.synapse.accounts(&config.server_name, &tallies.accounts);
        let ((groups, members), (token_owner, accounts)) = try_join(members, accounts).await?;
        let facts =
            Facts { server_name: config.server_name.clone(), members, accounts, token_owner: Some(token_owner) };
        Ok((facts, groups))
    }
}
