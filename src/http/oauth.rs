//! Tokens: a fixed one, or one from an OAuth 2.0 grant that is renewed before it ends.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use oauth2::basic::BasicClient;
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    RequestTokenError, ResourceOwnerPassword, ResourceOwnerUsername, TokenResponse, TokenUrl,
};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tracing::debug;
use url::Url;

use super::client::{content_type, from_reqwest, is_json, persistently, whole_json};
use super::error::{HttpError, HttpErrorKind, Server};
use crate::model::printable;

/// A token is renewed this long before it ends, or after three quarters of its life where that is shorter.
const MARGIN: Duration = Duration::from_secs(10);
/// Taken for the life of a token whose server does not tell.
const UNTOLD_LIFE: Duration = Duration::from_mins(1);
/// No token is held longer, whatever its server says.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// What opens a server.
#[derive(Debug)]
pub enum Credentials {
    /// A token that the administrator gave.
    Token(SecretString),
    /// Tokens from a token endpoint.
    OAuth(Box<OAuth>),
}

impl Credentials {
    /// A token that is good for the next request.
    pub async fn token(&self) -> Result<SecretString, HttpError> {
        match self {
            Self::Token(token) => Ok(token.clone()),
            Self::OAuth(oauth) => oauth.token().await,
        }
    }

    /// Another token than the refused one, if there is a way to get one.
    pub async fn renewed(&self, refused: &SecretString) -> Result<Option<SecretString>, HttpError> {
        match self {
            Self::Token(_) => Ok(None),
            Self::OAuth(oauth) => oauth.renewed(refused).await.map(Some),
        }
    }
}

/// How tokens are asked for.
#[derive(Debug, Clone)]
pub enum Grant {
    /// In the name of the client itself.
    ClientCredentials,
    /// In the name of a user.
    Password {
        /// The user.
        username: String,
        /// Their password.
        password: SecretString,
    },
}

type TokenClient = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// A client of a token endpoint, and the token that it last got.
#[derive(Debug)]
pub struct OAuth {
    server: Server,
    url: Url,
    client: TokenClient,
    grant: Grant,
    http: OAuthHttp,
    current: Mutex<Option<Current>>,
}

#[derive(Debug)]
struct Current {
    token: SecretString,
    renew_at: Instant,
}

impl OAuth {
    /// `url` is the token endpoint; credentials go in the body, which servers of the field accept.
    #[must_use]
    pub fn new(
        server: Server,
        url: Url,
        client_id: String,
        client_secret: Option<&SecretString>,
        grant: Grant,
        http: reqwest::Client,
    ) -> Self {
        let mut client = BasicClient::new(ClientId::new(client_id))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(TokenUrl::from_url(url.clone()));
        if let Some(secret) = client_secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
        }
        let http = OAuthHttp { server, client: http };
        Self { server, url, client, grant, http, current: Mutex::new(None) }
    }

    async fn token(&self) -> Result<SecretString, HttpError> {
        let mut current = self.current.lock().await;
        match &*current {
            Some(held) if Instant::now() < held.renew_at => Ok(held.token.clone()),
            _ => self.ask(&mut current).await,
        }
    }

    /// Many requests may be refused at once; only the first of them asks for a new token.
    async fn renewed(&self, refused: &SecretString) -> Result<SecretString, HttpError> {
        let mut current = self.current.lock().await;
        match &*current {
            Some(held) if held.token.expose_secret() != refused.expose_secret() => Ok(held.token.clone()),
            _ => self.ask(&mut current).await,
        }
    }

    async fn ask(&self, current: &mut Option<Current>) -> Result<SecretString, HttpError> {
        debug!(server = %self.server, url = %self.url, "asking for a token");
        let asked_at = Instant::now();
        let answer = match &self.grant {
            Grant::ClientCredentials => self.client.exchange_client_credentials().request_async(&self.http).await,
            Grant::Password { username, password } => {
                let username = ResourceOwnerUsername::new(username.clone());
                let password = ResourceOwnerPassword::new(password.expose_secret().to_owned());
                self.client.exchange_password(&username, &password).request_async(&self.http).await
            }
        };
        let answer = answer.map_err(|error| self.error(error))?;
        let life = answer.expires_in().unwrap_or(UNTOLD_LIFE).min(LONGEST_LIFE);
        let token = SecretString::from(answer.access_token().secret().clone());
        *current =
            Some(Current { token: token.clone(), renew_at: asked_at + life.saturating_sub(MARGIN.min(life / 4)) });
        Ok(token)
    }

    fn error(&self, error: RequestTokenError<HttpError, oauth2::basic::BasicErrorResponse>) -> HttpError {
        let kind = match error {
            RequestTokenError::Request(error) => return error,
            RequestTokenError::ServerResponse(response) => HttpErrorKind::NoToken {
                error: told(response.error().as_ref()),
                description: response.error_description().map(|text| told(text)),
            },
            // The parser's own text may quote the answer, and with it a token.
            RequestTokenError::Parse(error, _) => HttpErrorKind::Inconsistent(format!(
                "the answer is no token (line {}, column {})",
                error.inner().line(),
                error.inner().column()
            )),
            RequestTokenError::Other(what) => HttpErrorKind::Inconsistent(told(&what)),
        };
        HttpError { server: self.server, method: "POST", url: self.url.to_string(), kind }
    }
}

/// What a server says, fit to be printed.
fn told(text: &str) -> String {
    printable(text).chars().take(300).collect()
}

/// Our HTTP client in the shape that the oauth2 crate asks for.
#[derive(Debug)]
struct OAuthHttp {
    server: Server,
    client: reqwest::Client,
}

impl<'c> AsyncHttpClient<'c> for OAuthHttp {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move { persistently(|| self.send(request.clone())).await })
    }
}

impl OAuthHttp {
    /// Hands on what OAuth 2.0 speaks of, a token or a refusal in JSON; everything else is an error like any other.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let url = request.uri().to_string();
        let answered = async {
            let (parts, body) = request.into_parts();
            let response = self
                .client
                .request(parts.method, parts.uri.to_string())
                .headers(parts.headers)
                .body(body)
                .send()
                .await
                .map_err(from_reqwest)?;
            let status = response.status();
            let refusal = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            let body = if refusal && is_json(&content_type(&response)) {
                response.bytes().await.map_err(from_reqwest)?.to_vec()
            } else {
                whole_json(response).await?
            };
            let mut answer = HttpResponse::new(body);
            *answer.status_mut() = status;
            Ok(answer)
        };
        answered.await.map_err(|kind| HttpError { server: self.server, method: "POST", url, kind })
    }
}
