//! Checks the access to Synapse: whether it answers, its version, and its token.

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::SynapseReader;
use crate::http::{HttpError, Probe};
use crate::model::ServerText;

const SERVER_VERSION: [&str; 4] = ["_synapse", "admin", "v1", "server_version"];

impl SynapseReader {
    /// Checks whether Synapse answers. Source: `GET /_synapse/admin/v1/server_version`.
    pub async fn probe(&self) -> Result<Probe, HttpError> {
        self.api.probe(&SERVER_VERSION).await
    }

    /// Returns the version, which Synapse shows without a token.
    ///
    /// Source: `GET /_synapse/admin/v1/server_version`.
    pub async fn version(&self) -> Result<ServerText, HttpError> {
        #[derive(Deserialize)]
        struct SynapseVersion {
            server_version: ServerText,
        }
        let version: SynapseVersion = self.api.get_openly(&SERVER_VERSION).await?;
        Ok(version.server_version)
    }

    /// Returns the address of the homeserver.
    #[must_use]
    pub fn url(&self) -> &Url {
        self.api.base()
    }

    /// Returns the same homeserver with another token.
    #[must_use]
    pub fn opened_by(&self, token: SecretString) -> Self {
        Self { api: self.api.opened_by(token) }
    }
}
