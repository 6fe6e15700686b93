//! Keycloak's Admin REST API, as far as tests need it to create their realms and to change them
//! during a run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::sleep;
use url::form_urlencoded;

use crate::Outcome;

/// An admin's token of the realm `master` lives a minute by default.
const TOKEN_LIVES: Duration = Duration::from_secs(30);
/// Keycloak takes a while to create a realm with thousands of users.
const PATIENCE: Duration = Duration::from_mins(3);

/// Keycloak as its administrator sees it.
#[derive(Clone, Debug)]
pub(crate) struct Keycloak {
    pub(crate) url: String,
    admin: (String, String),
    http: Client,
    token: Arc<Mutex<Option<(Instant, String)>>>,
}

impl Keycloak {
    pub(crate) fn new(url: &str, admin: (String, String)) -> Outcome<Self> {
        let http = Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), admin, http, token: Arc::default() })
    }

    /// Returns the same with its own connections, for another runtime.
    pub(crate) fn again(&self) -> Outcome<Self> {
        Self::new(&self.url, self.admin.clone())
    }

    pub(crate) async fn create_realm(&self, realm: &Value) -> Outcome {
        self.ask(Method::POST, "", Some(realm)).await.map(drop)
    }

    pub(crate) async fn delete_realm(&self, realm: &str) -> Outcome {
        self.ask(Method::DELETE, &format!("/{realm}"), None).await.map(drop)
    }

    pub(crate) async fn join(&self, realm: &str, username: &str, group: &str) -> Outcome {
        let path = self.membership(realm, username, group).await?;
        self.ask(Method::PUT, &path, Some(&json!({}))).await.map(drop)
    }

    pub(crate) async fn leave(&self, realm: &str, username: &str, group: &str) -> Outcome {
        let path = self.membership(realm, username, group).await?;
        self.ask(Method::DELETE, &path, None).await.map(drop)
    }

    /// Renames a user.
    pub(crate) async fn rename(&self, realm: &str, username: &str, new: &str) -> Outcome {
        let id = self.user_id(realm, username).await?;
        self.ask(Method::PUT, &format!("/{realm}/users/{id}"), Some(&json!({"username": new})))
            .await
            .map(drop)
    }

    /// Deletes a user and creates another one with the same name.
    pub(crate) async fn recreate(&self, realm: &str, username: &str) -> Outcome {
        let id = self.user_id(realm, username).await?;
        self.ask(Method::DELETE, &format!("/{realm}/users/{id}"), None).await?;
        let user = json!({"username": username, "enabled": true});
        self.ask(Method::POST, &format!("/{realm}/users"), Some(&user)).await.map(drop)
    }

    /// Creates a user of the realm `master` who may only view the users of `realm`, and returns the
    /// ID.
    pub(crate) async fn create_reader(
        &self,
        realm: &str,
        username: &str,
        password: &str,
    ) -> Outcome<String> {
        let user = json!({
            "username": username, "enabled": true, "firstName": "Reader", "lastName": "Of Groups",
            "email": format!("{username}@example.org"), "emailVerified": true,
            "credentials": [{"type": "password", "value": password, "temporary": false}],
        });
        self.ask(Method::POST, "/master/users", Some(&user)).await?;
        let id = self.user_id("master", username).await?;
        let clients =
            self.ask(Method::GET, &format!("/master/clients?clientId={realm}-realm"), None).await?;
        let client = text(&clients[0]["id"])?;
        let role = self
            .ask(Method::GET, &format!("/master/clients/{client}/roles/view-users"), None)
            .await?;
        let mappings = format!("/master/users/{id}/role-mappings/clients/{client}");
        self.ask(Method::POST, &mappings, Some(&json!([role]))).await?;
        Ok(id)
    }

    pub(crate) async fn delete_reader(&self, id: &str) -> Outcome {
        self.ask(Method::DELETE, &format!("/master/users/{id}"), None).await.map(drop)
    }

    async fn membership(&self, realm: &str, username: &str, group: &str) -> Outcome<String> {
        let user = self.user_id(realm, username).await?;
        let group = self.ask(Method::GET, &format!("/{realm}/group-by-path{group}"), None).await?;
        Ok(format!("/{realm}/users/{user}/groups/{}", text(&group["id"])?))
    }

    pub(crate) async fn user_id(&self, realm: &str, username: &str) -> Outcome<String> {
        let found = self
            .ask(Method::GET, &format!("/{realm}/users?username={username}&exact=true"), None)
            .await?;
        text(&found[0]["id"])
    }

    /// `METHOD /admin/realms/path`, for requests that only one test needs.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Outcome<Value> {
        let url = format!("{}/admin/realms{path}", self.url);
        let mut request = self.http.request(method.clone(), &url).bearer_auth(self.token().await?);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            return Err(format!("{method} {url}: {status} {text}").into());
        }
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }

    async fn token(&self) -> Outcome<String> {
        let mut kept = self.token.lock().await;
        if let Some((_, token)) = kept.as_ref().filter(|(since, _)| since.elapsed() < TOKEN_LIVES) {
            return Ok(token.clone());
        }
        let (username, password) = &self.admin;
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", username),
            ("password", password),
        ];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let url = format!("{}/realms/master/protocol/openid-connect/token", self.url);
        let request = || {
            let request = self.http.post(&url);
            request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.clone())
        };
        let mut response = request().send().await?;
        // Keycloak 22 answers so while another test creates or deletes its realm.
        if response.status().is_server_error() {
            sleep(Duration::from_secs(2)).await;
            response = request().send().await?;
        }
        let answer: Value = response.error_for_status()?.json().await?;
        let token = text(&answer["access_token"])?;
        *kept = Some((Instant::now(), token.clone()));
        Ok(token)
    }
}

fn text(value: &Value) -> Outcome<String> {
    Ok(value.as_str().ok_or_else(|| format!("expected a text, got {value}"))?.to_owned())
}
