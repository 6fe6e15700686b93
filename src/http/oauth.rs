//! Provides tokens: a fixed one, or one from an OAuth 2.0 grant that is renewed before it expires.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use oauth2::basic::BasicClient;
use oauth2::{
    AsyncHttpClient, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError,
    ResourceOwnerPassword, ResourceOwnerUsername, Scope, TokenResponse, TokenUrl,
};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tracing::debug;
use url::Url;

use super::answer::{from_reqwest, status_error, whole_json};
use super::counted::{Asked, counted};
use super::discovery::{ClientSecretIn, Endpoint, TokenEndpoint};
use super::error::{HttpError, HttpErrorKind, Purpose};
use super::format::told;
use super::issued::Issued;
use super::retry::{Patience, persistently};
use crate::model::{Server, mask_basic, mask_token};

/// How long before it expires a token is renewed; a short one after three quarters of its life.
const MARGIN: Duration = Duration::from_secs(10);
/// The assumed life of a token if the server does not say it.
const UNTOLD_LIFE: Duration = Duration::from_mins(1);
/// The longest use of a token, even if it is valid for longer.
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// The error if a server accepts a client's secret neither in a header nor in a form.
const NO_WAY: &str = "the server accepts neither client_secret_basic nor client_secret_post";

/// The credentials for a server.
#[derive(Debug)]
pub enum Credentials {
    /// A configured token.
    Token(SecretString),
    /// Tokens from a token endpoint.
    OAuth(Box<OAuth>),
}

impl Credentials {
    /// Returns a token for the next request.
    pub async fn token(&self, patience: Patience) -> Result<SecretString, HttpError> {
        match self {
            Self::Token(token) => Ok(token.clone()),
            Self::OAuth(oauth) => oauth.token(patience).await,
        }
    }

    /// Returns another token than the refused one, if there is a way to get one.
    pub async fn renewed(
        &self,
        refused: &SecretString,
        patience: Patience,
    ) -> Result<Option<SecretString>, HttpError> {
        match self {
            Self::Token(_) => Ok(None),
            Self::OAuth(oauth) => oauth.renewed(refused, patience).await.map(Some),
        }
    }

    /// Returns what the server said about the token in use, or `None` for a configured one.
    pub(super) async fn issued(&self, patience: Patience) -> Result<Option<Issued>, HttpError> {
        match self {
            Self::Token(_) => Ok(None),
            Self::OAuth(oauth) => oauth.issued(patience).await.map(Some),
        }
    }
}

/// How tokens are requested.
#[derive(Debug, Clone)]
pub enum Grant {
    ClientCredentials,
    /// For a user.
    Password {
        username: String,
        password: SecretString,
    },
}

/// A client of a token endpoint, and the token that it last got.
#[derive(Debug)]
pub struct OAuth {
    http: OAuthHttp,
    at: TokenEndpoint,
    client_id: ClientId,
    client_secret: Option<SecretString>,
    grant: Grant,
    scope: Option<Scope>,
    state: Mutex<TokenState>,
}

#[derive(Debug, Default)]
struct TokenState {
    endpoint: Option<Endpoint>,
    current: Option<Current>,
    /// When the last request for a token failed, and how.
    failed: Option<(Instant, HttpError)>,
}

#[derive(Debug)]
struct Current {
    issued: Issued,
    renew_at: Instant,
}

impl OAuth {
    /// Creates the client, without a request yet.
    #[must_use]
    pub fn new(
        server: Server,
        at: TokenEndpoint,
        client_id: String,
        client_secret: Option<SecretString>,
        grant: Grant,
        http: reqwest::Client,
    ) -> Self {
        if let Some(secret) = &client_secret {
            mask_basic(&client_id, secret);
        }
        Self {
            http: OAuthHttp { server, client: http, patience: Patience::Reading },
            at,
            client_id: ClientId::new(client_id),
            client_secret,
            grant,
            scope: None,
            state: Mutex::default(),
        }
    }

    /// Adds a scope to request.
    #[must_use]
    pub fn for_scope(self, scope: &str) -> Self {
        Self { scope: Some(Scope::new(scope.to_owned())), ..self }
    }

    async fn token(&self, patience: Patience) -> Result<SecretString, HttpError> {
        Ok(self.issued(patience).await?.token)
    }

    async fn issued(&self, patience: Patience) -> Result<Issued, HttpError> {
        let asked_at = Instant::now();
        let mut state = self.state.lock().await;
        match &state.current {
            Some(held) if Instant::now() < held.renew_at => Ok(held.issued.clone()),
            _ => self.renew(&mut state, asked_at, patience).await,
        }
    }

    /// Returns a new token. Many requests may be refused at once; only the first of them asks for
    /// one. A late refusal may find a newer token that has expired since.
    async fn renewed(
        &self,
        refused: &SecretString,
        patience: Patience,
    ) -> Result<SecretString, HttpError> {
        let asked_at = Instant::now();
        let mut state = self.state.lock().await;
        match &state.current {
            Some(held)
                if held.issued.token.expose_secret() != refused.expose_secret()
                    && Instant::now() < held.renew_at =>
            {
                Ok(held.issued.token.clone())
            }
            _ => Ok(self.renew(&mut state, asked_at, patience).await?.token),
        }
    }

    /// Requests a token, unless another request failed while this one waited: otherwise a token
    /// endpoint that hangs would block all of them, one after another.
    async fn renew(
        &self,
        state: &mut TokenState,
        asked_at: Instant,
        patience: Patience,
    ) -> Result<Issued, HttpError> {
        if let Some((at, error)) = &state.failed
            && asked_at <= *at
        {
            return Err(error.repeated());
        }
        let renewed = self.renew_now(state, patience).await;
        state.failed = renewed.as_ref().err().map(|error| (Instant::now(), error.repeated()));
        renewed
    }

    async fn renew_now(
        &self,
        state: &mut TokenState,
        patience: Patience,
    ) -> Result<Issued, HttpError> {
        let mut endpoint = match state.endpoint.take() {
            Some(endpoint) => endpoint,
            None => self.at.find(self.http.server, &self.http.client).await?,
        };
        let mut answer =
            Err(self.error(&endpoint.url, RequestTokenError::Other(NO_WAY.to_owned())));
        for way in endpoint.ways.clone() {
            answer = self.ask(&endpoint.url, way, patience).await;
            // A client is registered with one way to send its secret; any other is refused like a
            // wrong secret.
            match &answer {
                Err(error) if error.is_invalid_client() => {}
                Err(_) => break,
                Ok(_) => {
                    endpoint.ways = vec![way];
                    break;
                }
            }
        }
        state.endpoint = Some(endpoint);
        let current = answer?;
        let issued = current.issued.clone();
        state.current = Some(current);
        Ok(issued)
    }

    async fn ask(
        &self,
        url: &Url,
        way: ClientSecretIn,
        patience: Patience,
    ) -> Result<Current, HttpError> {
        debug!(server = %self.http.server, %url, method = way.method(), "asking for a token");
        let asked_at = Instant::now();
        let http = OAuthHttp { patience, ..self.http.clone() };
        let mut client = BasicClient::new(self.client_id.clone())
            .set_auth_type(way.auth_type())
            .set_token_uri(TokenUrl::from_url(url.clone()));
        if let Some(secret) = &self.client_secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
        }
        let answer = match &self.grant {
            Grant::ClientCredentials => {
                client
                    .exchange_client_credentials()
                    .add_scopes(self.scope.clone())
                    .request_async(&http)
                    .await
            }
            Grant::Password { username, password } => {
                let username = ResourceOwnerUsername::new(username.clone());
                let password = ResourceOwnerPassword::new(password.expose_secret().to_owned());
                let asked =
                    client.exchange_password(&username, &password).add_scopes(self.scope.clone());
                asked.request_async(&http).await
            }
        };
        let answer = answer.map_err(|error| self.error(url, error))?;
        let life = answer.expires_in().unwrap_or(UNTOLD_LIFE).min(LONGEST_LIFE);
        let scopes = answer
            .scopes()
            .map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "));
        let token = SecretString::from(answer.access_token().secret().clone());
        mask_token(&token);
        let issued = Issued {
            token,
            endpoint: url.clone(),
            shown_in: way,
            life: answer.expires_in(),
            scope: scopes.as_deref().map(told),
        };
        Ok(Current { issued, renew_at: asked_at + life.saturating_sub(MARGIN.min(life / 4)) })
    }

    fn error(
        &self,
        url: &Url,
        error: RequestTokenError<HttpError, oauth2::basic::BasicErrorResponse>,
    ) -> HttpError {
        let kind = match error {
            RequestTokenError::Request(error) => return error,
            RequestTokenError::ServerResponse(response) => HttpErrorKind::NoToken {
                error: told(response.error().as_ref()),
                description: response.error_description().map(|text| told(text)),
            },
            // The parser's own text may quote the answer, and with it a token.
            RequestTokenError::Parse(error, _) => HttpErrorKind::Inconsistent(
                format!(
                    "the answer is no token (line {}, column {})",
                    error.inner().line(),
                    error.inner().column()
                )
                .into(),
            ),
            RequestTokenError::Other(what) => HttpErrorKind::Inconsistent(told(&what)),
        };
        HttpError::new(self.http.server, Purpose::Token, "POST", url, kind)
    }
}

/// Our HTTP client in the form that the oauth2 crate needs.
#[derive(Debug, Clone)]
struct OAuthHttp {
    server: Server,
    client: reqwest::Client,
    patience: Patience,
}

impl<'c> AsyncHttpClient<'c> for OAuthHttp {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move { persistently(self.patience, || self.send(request.clone())).await })
    }
}

impl OAuthHttp {
    /// Returns what OAuth 2.0 defines, a token or a refusal in its format; everything else is an
    /// ordinary error.
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
            let refusal = matches!(
                status,
                StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            );
            let asked = (self.server, Purpose::Token);
            let body = if refusal {
                match status_error(asked, response).await {
                    (HttpErrorKind::Status { .. }, body) => body,
                    (foreign, _) => return Err(foreign),
                }
            } else {
                whole_json(asked, response).await?.1
            };
            let mut answer = HttpResponse::new(body);
            *answer.status_mut() = status;
            Ok((status, answer))
        };
        let sent = Asked { server: self.server, method: "POST", url: &url };
        let answer = counted(sent, answered).await;
        answer.map_err(|kind| HttpError::new(self.server, Purpose::Token, "POST", url, kind))
    }
}
