//! Accesses MAS's Admin API for its reader and its writer: credentials, format of answers, lists.
//!
//! Source: `/api/admin/v1/…` (recordings: `mas-admin-api.json`).

mod access;
mod exposure;
mod list;
mod resource;

use semver::Version;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use crate::config::{MasApiAuth, MasApiConfig};
use crate::environment::Timeouts;
use crate::http::{
    self, Api, Credentials, Grant, HttpError, OAuth, Patience, TokenEndpoint, Trust,
};
use crate::model::{Server, ServerName, ServerText, Timestamp, release_in};

pub use exposure::Exposure;
pub(crate) use exposure::SOON;
pub use resource::{Resource, Single, UserAttributes};

/// The scope of the Admin API.
const SCOPE: &str = "urn:mas:admin";
/// The first release with `/version`.
const OLDEST_WITH_VERSION: Version = Version::new(1, 4, 0);
const ROOT: [&str; 3] = ["api", "admin", "v1"];

/// What MAS says about its configuration.
#[derive(Debug, Clone, Deserialize)]
pub struct SiteConfig {
    pub server_name: ServerName,
    /// Whether users may deactivate their own accounts.
    #[serde(default)]
    pub account_deactivation_allowed: bool,
}

/// A MAS with its Admin API.
#[derive(Debug, Clone)]
pub struct MasApi {
    api: Api,
    /// For requests without a token.
    open: reqwest::Client,
    config: MasApiConfig,
}

impl MasApi {
    /// Creates it, without a request yet.
    pub fn new(config: &MasApiConfig, timeouts: Timeouts) -> Result<Self, reqwest::Error> {
        let issuer = config.issuer.as_ref().unwrap_or(&config.url);
        let for_issuer = http::client(timeouts, issuer, &config.tls)?;
        let for_api = http::client_beside(
            (&for_issuer, issuer),
            Trust::Same,
            timeouts,
            &config.url,
            &config.tls,
        )?;
        let credentials = match &config.auth {
            MasApiAuth::Token(token) => Credentials::Token(token.clone()),
            MasApiAuth::Client { client_id, client_secret } => {
                let at = TokenEndpoint::Discovered {
                    issuer: issuer.clone(),
                    allow_http: config.allow_http,
                };
                let (id, secret) = (client_id.clone(), Some(client_secret.clone()));
                let oauth = OAuth::new(
                    Server::Mas,
                    at,
                    id,
                    secret,
                    Grant::ClientCredentials,
                    for_issuer.clone(),
                );
                Credentials::OAuth(Box::new(oauth.for_scope(SCOPE)))
            }
        };
        Ok(Self {
            api: Api::new(Server::Mas, config.url.clone(), for_api, credentials),
            open: for_issuer,
            config: config.clone(),
        })
    }

    /// Returns the time on MAS's clock now, by its last answer, if it sends it.
    #[must_use]
    pub fn clock(&self) -> Option<Timestamp> {
        self.api.clock()
    }

    /// Returns the same server and token with another patience.
    #[must_use]
    pub fn with(&self, patience: Patience) -> Self {
        Self { api: self.api.with(patience), ..self.clone() }
    }

    /// Returns its configuration.
    #[must_use]
    pub fn config(&self) -> &MasApiConfig {
        &self.config
    }

    /// Sends `GET /api/admin/v1/path…?query`.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, HttpError> {
        self.api.get(&full(path), query).await
    }

    /// Sends `POST /api/admin/v1/path…`; only for requests that are harmless when sent twice.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<T, HttpError> {
        self.api.post(&full(path), body).await
    }

    /// Returns the version of MAS, or `None` before 1.4, which does not say it.
    ///
    /// Source: `GET /version`.
    pub async fn version(&self) -> Result<Option<ServerText>, HttpError> {
        #[derive(Deserialize)]
        struct MasVersion {
            version: ServerText,
        }
        match self.get(&["version"], &[]).await {
            Ok(MasVersion { version }) => Ok(Some(version)),
            Err(error) if error.is_missing_in_mas() => {
                // Without the Admin API this path is missing too.
                self.get::<IgnoredAny>(&["users"], &[("page[first]", "1")]).await.map(|_| None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns what MAS says about its configuration, or `None` before 1.3, which does not say it.
    ///
    /// Source: `GET /site-config` (recording: `mas-lifecycle.json`).
    pub async fn site_config(&self) -> Result<Option<SiteConfig>, HttpError> {
        match self.get(&["site-config"], &[]).await {
            Ok(site_config) => Ok(Some(site_config)),
            Err(error) => self.unless_too_old(error).await.map(|()| None),
        }
    }

    /// Returns the error unless it is the 404 page of a MAS before 1.4, which does not have this
    /// path. If MAS has a version, it has the path too, so something in between blocks it.
    pub(crate) async fn unless_too_old(&self, error: HttpError) -> Result<(), HttpError> {
        self.unless_older_than(&OLDEST_WITH_VERSION, error).await
    }

    /// Returns the error unless it is the 404 page of a MAS older than the release that added this
    /// path. A build without a release number counts as newest.
    pub(crate) async fn unless_older_than(
        &self,
        brought_by: &Version,
        error: HttpError,
    ) -> Result<(), HttpError> {
        if !error.is_missing_in_mas() {
            return Err(error);
        }
        let is_older = match self.version().await? {
            None => true,
            Some(said) => release_in(said.raw()).is_some_and(|release| release < *brought_by),
        };
        if is_older { Ok(()) } else { Err(error) }
    }

    /// Returns the error for an answer about another user than the one asked for.
    pub(crate) fn about_another(&self, path: &[&str], other: &str) -> HttpError {
        self.api.about_another(&full(path), &[], other)
    }

    pub(crate) fn inconsistent(&self, path: &[&str], what: String) -> HttpError {
        self.api.inconsistent(&full(path), what)
    }
}

fn full<'p>(path: &[&'p str]) -> Vec<&'p str> {
    [&ROOT[..], path].concat()
}
