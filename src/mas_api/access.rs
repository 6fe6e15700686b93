//! Checks the access to MAS: whether it answers, its token, and the number of users.

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::{MasApi, ROOT};
use crate::config::MasApiAuth;
use crate::http::{HttpError, Issued, Probe, metadata_of, probe};
use crate::model::Server;

impl MasApi {
    /// Checks whether the listener answers, with or without the Admin API.
    pub async fn probe(&self) -> Result<Probe, HttpError> {
        self.api.probe(&[&ROOT[..], &["version"]].concat()).await
    }

    /// Asks the issuer, if its server is not that of the Admin API.
    ///
    /// Source: `GET {issuer}/.well-known/openid-configuration`.
    pub async fn probe_issuer(&self) -> Option<Result<Probe, HttpError>> {
        let elsewhere = |issuer: &&Url| issuer.origin() != self.config.url.origin();
        let issuer = self.config.issuer.as_ref().filter(elsewhere)?;
        Some(probe(&self.open, Server::Mas, metadata_of(issuer)).await)
    }

    /// Returns what MAS said about the token, or `None` for a personal access token.
    pub async fn issued(&self) -> Result<Option<Issued>, HttpError> {
        self.api.issued().await
    }

    /// Returns the personal access token, if one is configured.
    #[must_use]
    pub fn personal_token(&self) -> Option<&SecretString> {
        match &self.config.auth {
            MasApiAuth::Token(token) => Some(token),
            MasApiAuth::Client { .. } => None,
        }
    }

    /// Returns the number of users from one row of the list, or `None` if MAS does not count.
    ///
    /// Source: `GET /users`.
    pub async fn count(&self) -> Result<Option<usize>, HttpError> {
        #[derive(Deserialize)]
        struct CountPage {
            meta: Option<CountMeta>,
        }
        #[derive(Deserialize)]
        struct CountMeta {
            count: Option<usize>,
        }
        let page: CountPage = self.get(&["users"], &[("page[first]", "1")]).await?;
        Ok(page.meta.and_then(|meta| meta.count))
    }
}
