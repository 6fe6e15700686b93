//! Checks whether the Admin API and our own client allow more than they have to.

use std::time::Duration;

use futures_util::future::join;
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::resource::Single;
use super::{MasApi, ROOT};
use crate::config::MasApiAuth;
use crate::http;
use crate::model::{Server, ServerText};

/// The longest wait for what is only advice.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// What allows more than it has to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Whether the Admin API answers at the issuer's public address; `None` if unknown.
    pub public: Option<bool>,
    /// What our client has and does not need: redirect URIs, and the grants of a client that
    /// registered itself. `None` if unknown.
    pub client: Option<Vec<ServerText>>,
}

/// Source: `GET /oauth2-clients/{id}`, since MAS 1.20.
#[derive(Debug, Deserialize)]
struct ClientAttributes {
    redirect_uris: Vec<ServerText>,
    grant_types: Vec<ServerText>,
    is_static: bool,
}

impl MasApi {
    /// Checks for a short time only, because the result is only advice.
    pub async fn exposure(&self) -> Exposure {
        let check = async {
            let (public, client) = join(self.public(), self.needless()).await;
            Exposure { public, client }
        };
        tokio::time::timeout(SOON, check).await.unwrap_or_default()
    }

    /// Checks without a token: the API refuses in its own format, and a listener without it answers
    /// with a web page.
    async fn public(&self) -> Option<bool> {
        #[derive(Deserialize)]
        struct ApiErrors {
            #[serde(rename = "errors")]
            _errors: Vec<IgnoredAny>,
        }
        let mut url = self.config.issuer.clone()?;
        url.path_segments_mut().ok()?.pop_if_empty().extend(ROOT).push("version");
        let shown = url.to_string();
        let answered = async {
            let answer = self.open.get(url).send().await.map_err(http::from_reqwest)?;
            Ok((answer.status(), answer))
        };
        let sent = http::Asked { server: Server::Mas, method: "GET", url: &shown };
        let answer = http::counted(sent, answered).await.ok()?;
        let refused = matches!(answer.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED);
        if answer.status().is_server_error() {
            return None;
        }
        if !refused {
            return Some(false);
        }
        let body = http::short_body(answer).await.ok()?;
        Some(serde_json::from_slice::<ApiErrors>(&body).is_ok())
    }

    /// Returns what our client does not need. A client of MAS's configuration may use every grant,
    /// but without a redirect URI no one can log in through it with a browser.
    async fn needless(&self) -> Option<Vec<ServerText>> {
        let MasApiAuth::Client { client_id, .. } = &self.config.auth else { return None };
        let found: Result<Single<ClientAttributes>, _> =
            self.get(&["oauth2-clients", client_id], &[]).await;
        let Single { data } = found.ok()?;
        let ClientAttributes { redirect_uris, grant_types, is_static } = data.attributes;
        let grants = grant_types
            .into_iter()
            .filter(|grant| !is_static && grant.raw() != "client_credentials");
        Some(redirect_uris.into_iter().chain(grants).collect())
    }
}
