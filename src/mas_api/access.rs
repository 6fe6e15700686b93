//! How we are let into MAS: whether it answers, what was told about the token, and how much there is to see.

use secrecy::SecretString;
use serde::Deserialize;

use super::{MasApi, ROOT};
use crate::config::MasApiAuth;
use crate::http::{HttpError, Issued, Probe};

impl MasApi {
    /// Whether the listener answers, with the Admin API or without.
    pub async fn probe(&self) -> Result<Probe, HttpError> {
        self.api.probe(&[&ROOT[..], &["version"]].concat()).await
    }

    /// What was told about the token; `None` for a personal access token.
    pub async fn issued(&self) -> Result<Option<Issued>, HttpError> {
        self.api.issued().await
    }

    /// The personal access token, where the configuration has one.
    #[must_use]
    pub fn personal_token(&self) -> Option<&SecretString> {
        match &self.config.auth {
            MasApiAuth::Token(token) => Some(token),
            MasApiAuth::Client { .. } => None,
        }
    }

    /// How many users MAS tells of, by one row of the list; `None` where it does not count.
    ///
    /// Source: `GET /users`.
    pub async fn count(&self) -> Result<Option<usize>, HttpError> {
        #[derive(Deserialize)]
        struct Page {
            meta: Option<Meta>,
        }
        #[derive(Deserialize)]
        struct Meta {
            count: Option<usize>,
        }
        let page: Page = self.get(&["users"], &[("page[first]", "1")]).await?;
        Ok(page.meta.and_then(|meta| meta.count))
    }
}
