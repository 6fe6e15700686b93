//! Finds the token endpoint, and how a client authenticates there.

use oauth2::AuthType;
use reqwest::Client;
use serde::Deserialize;
use url::Url;

use super::client::{get_openly, is_loopback};
use super::error::{HttpError, HttpErrorKind, Purpose};
use super::format::told;
use crate::model::Server;

/// How the token endpoint is found.
#[derive(Debug, Clone)]
pub enum TokenEndpoint {
    /// At this address; the client's secret goes into the form.
    At(Url),
    /// By the issuer's metadata (`{issuer}/.well-known/openid-configuration`).
    Discovered {
        /// The issuer that the metadata has to name.
        issuer: Url,
        /// Whether the secret may leave this machine over plain http.
        allow_http: bool,
    },
}

/// How a client sends its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientSecretIn {
    /// `client_secret_basic`.
    Header,
    /// `client_secret_post`.
    Form,
}

impl ClientSecretIn {
    /// Returns the name in OAuth 2.0.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Header => "client_secret_basic",
            Self::Form => "client_secret_post",
        }
    }

    pub(super) fn auth_type(self) -> AuthType {
        match self {
            Self::Header => AuthType::BasicAuth,
            Self::Form => AuthType::RequestBody,
        }
    }
}

/// The fields of the issuer's metadata that are used.
#[derive(Debug, Deserialize)]
struct Discovery {
    issuer: String,
    token_endpoint: Url,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// The token endpoint, once it is known, and the ways to send a secret that it has not refused.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) url: Url,
    pub(super) ways: Vec<ClientSecretIn>,
}

impl TokenEndpoint {
    /// Returns the endpoint, after asking the issuer if necessary.
    pub(super) async fn find(
        &self,
        server: Server,
        client: &Client,
    ) -> Result<Endpoint, HttpError> {
        match self {
            Self::At(url) => Ok(Endpoint { url: url.clone(), ways: vec![ClientSecretIn::Form] }),
            Self::Discovered { issuer, allow_http } => {
                discover(server, client, issuer, *allow_http).await
            }
        }
    }
}

/// Returns the address of an issuer's metadata.
#[must_use]
pub fn metadata_of(issuer: &Url) -> Url {
    let mut url = issuer.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend([".well-known", "openid-configuration"]);
    }
    url
}

/// Reads the issuer's metadata. It counts only if it is the issuer's own and the secret stays
/// secret on its way.
async fn discover(
    server: Server,
    client: &Client,
    issuer: &Url,
    allow_http: bool,
) -> Result<Endpoint, HttpError> {
    let url = metadata_of(issuer);
    let found: Discovery = get_openly(client, server, url.clone()).await?;
    let error = |kind| HttpError::new(server, Purpose::Discovery, "GET", &url, kind);
    if found.issuer.trim_end_matches('/') != issuer.as_str().trim_end_matches('/') {
        return Err(error(HttpErrorKind::OtherIssuer { issuer: told(&found.issuer) }));
    }
    let endpoint = found.token_endpoint;
    if endpoint.scheme() != "https" && !is_loopback(&endpoint) && !allow_http {
        return Err(error(HttpErrorKind::Unprotected { endpoint: told(endpoint.as_str()) }));
    }
    // Tampered metadata could collect secrets.
    if endpoint.origin() != issuer.origin() {
        return Err(error(HttpErrorKind::ForeignEndpoint { endpoint: told(endpoint.as_str()) }));
    }
    // The default is the header (OpenID Connect Discovery 1.0).
    let methods = found.token_endpoint_auth_methods_supported;
    let methods = methods.unwrap_or_else(|| vec![ClientSecretIn::Header.method().to_owned()]);
    let ways = [ClientSecretIn::Header, ClientSecretIn::Form].into_iter();
    let ways = ways.filter(|way| methods.iter().any(|method| method == way.method())).collect();
    Ok(Endpoint { url: endpoint, ways })
}
