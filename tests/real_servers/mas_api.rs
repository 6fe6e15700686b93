//! MAS's Admin API, as far as tests need it: an account in MAS and its link to a Keycloak user.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(30);
/// The lists of sessions that a login opens.
const SESSIONS: [&str; 3] = ["compat-sessions", "oauth2-sessions", "user-sessions"];

/// MAS as seen by a client with all rights. A scene ends before its token expires.
#[derive(Clone, Debug)]
pub(crate) struct MasApi {
    pub(crate) url: String,
    pub(crate) issuer: String,
    pub(crate) client: (String, String),
    http: Client,
    token: Arc<OnceCell<String>>,
}

/// An account in MAS.
#[derive(Clone, Debug)]
pub(crate) struct MasUser {
    id: String,
    attributes: Value,
}

impl MasUser {
    /// `active`, `locked`, `deactivated`, or `deactivated, locked`, as in [`crate::synapse`].
    pub(crate) fn state(&self) -> String {
        let since = |word: &&str| !self.attributes[format!("{word}_at")].is_null();
        let words: Vec<_> = ["deactivated", "locked"].into_iter().filter(since).collect();
        if words.is_empty() { "active".to_owned() } else { words.join(", ") }
    }
}

impl MasApi {
    pub(crate) fn new(url: &str, issuer: &str, client: (String, String)) -> Outcome<Self> {
        let http = Client::builder().timeout(PATIENCE).build()?;
        let (url, issuer) = (url.trim_end_matches('/').to_owned(), issuer.to_owned());
        Ok(Self { url, issuer, client, http, token: Arc::default() })
    }

    pub(crate) async fn user(&self, username: &str) -> Outcome<MasUser> {
        let user =
            &self.ask(Method::GET, &format!("users/by-username/{username}"), None).await?["data"];
        Ok(MasUser { id: text(&user["id"])?, attributes: user["attributes"].clone() })
    }

    /// Counts an account's open sessions, and all its sessions.
    pub(crate) async fn sessions(&self, user: &MasUser) -> Outcome<(usize, usize)> {
        let (mut open, mut all) = (0, 0);
        for kind in SESSIONS {
            let list = self
                .ask(Method::GET, &format!("{kind}?filter[user]={}&page[first]=100", user.id), None)
                .await?;
            let rows = list["data"].as_array().ok_or("a list without rows")?;
            all += rows.len();
            open += rows.iter().filter(|row| row["attributes"]["finished_at"].is_null()).count();
        }
        Ok((open, all))
    }

    /// Links an account to a user of Keycloak, as the first login would.
    pub(crate) async fn tie(&self, user: &MasUser, provider: &str, subject: &str) -> Outcome {
        let link = json!({"user_id": user.id, "provider_id": provider, "subject": subject});
        self.ask(Method::POST, "upstream-oauth-links", Some(&link)).await.map(drop)
    }

    /// Returns a personal access token that acts as this account.
    pub(crate) async fn personal_token(&self, user: &MasUser, scope: &str) -> Outcome<String> {
        let session = json!({"actor_user_id": user.id, "human_name": "a test", "scope": scope});
        let created = self.ask(Method::POST, "personal-sessions", Some(&session)).await?;
        text(&created["data"]["attributes"]["access_token"])
    }

    /// Adds a realm to the stand-in as an upstream provider; a real MAS only reads providers from
    /// its configuration.
    pub(crate) async fn make_provider(&self, issuer: &str) -> Outcome<String> {
        let url = format!("{}/stand-in/upstream-providers", self.issuer.trim_end_matches('/'));
        text(&answer(self.http.post(url).json(&json!({"issuer": issuer}))).await?["id"])
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Value> {
        let request = self.http.request(method, format!("{}/api/admin/v1/{path}", self.url));
        let request = request.bearer_auth(self.token.get_or_try_init(|| self.log_in()).await?);
        answer(if let Some(body) = body { request.json(body) } else { request }).await
    }

    async fn log_in(&self) -> Outcome<String> {
        let url = format!("{}/oauth2/token", self.issuer.trim_end_matches('/'));
        let request = self.http.post(url).basic_auth(&self.client.0, Some(&self.client.1));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        text(
            &answer(request.body("grant_type=client_credentials&scope=urn:mas:admin")).await?["access_token"],
        )
    }
}

async fn answer(request: RequestBuilder) -> Outcome<Value> {
    let response = request.send().await?;
    let (url, status) = (response.url().clone(), response.status());
    let text = response.text().await?;
    if !status.is_success() {
        return Err(format!("{url}: {status} {text}").into());
    }
    Ok(serde_json::from_str(&text)?)
}

fn text(value: &Value) -> Outcome<String> {
    Ok(value.as_str().ok_or_else(|| format!("expected a text, got {value}"))?.to_owned())
}
