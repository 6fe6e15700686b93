//! Describes the Admin API of a world's MAS before the start, and uses it afterwards.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{RunningWorld, World};
use crate::standins::mas::{
    self, AdminApi, CLIENT, ClientAuth, MasSession, SessionKind, SessionOwner,
};
use crate::standins::{StandInError, ids};

/// The settings of the Admin API.
#[derive(Clone, Debug)]
pub(super) struct MasApiSettings {
    served: AdminApi,
    port: u16,
    client: (String, String),
    auth: ClientAuth,
    is_admin: bool,
    token_lifetime: Duration,
    version: Option<String>,
    pub(super) account_deactivation_allowed: bool,
}

impl Default for MasApiSettings {
    fn default() -> Self {
        Self {
            served: AdminApi::default(),
            port: 0,
            client: (CLIENT.0.to_owned(), CLIENT.1.to_owned()),
            auth: ClientAuth::default(),
            is_admin: true,
            token_lifetime: Duration::from_mins(5),
            version: None,
            account_deactivation_allowed: true,
        }
    }
}

impl MasApiSettings {
    pub(super) fn set_up(&self, state: &mut mas::MasState) {
        let (id, secret) = &self.client;
        state.settings.admin_api = self.served;
        state.settings.internal = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)));
        state.settings.token_lifetime = self.token_lifetime;
        if let Some(version) = &self.version {
            version.clone_into(&mut state.settings.version);
        }
        state.settings.account_deactivation_allowed = self.account_deactivation_allowed;
        if self.is_admin {
            state.settings.admin_clients.insert(id.clone());
        }
        state.add_client(id, secret, self.auth);
    }

    pub(super) fn client(&self) -> (String, SecretString) {
        (self.client.0.clone(), self.client.1.clone().into())
    }
}

impl World {
    /// Sets the listeners of the Admin API; by default one of its own.
    #[must_use]
    pub fn admin_api(mut self, served: AdminApi) -> Self {
        self.mas_api.served = served;
        self
    }

    /// Sets the port of the listener for the Admin API alone; by default any free one.
    #[must_use]
    pub fn admin_api_port(mut self, port: u16) -> Self {
        self.mas_api.port = port;
        self
    }

    /// Sets the client that may use the Admin API; [`CLIENT`] by default.
    #[must_use]
    pub fn mas_api_client(mut self, id: &str, secret: &str) -> Self {
        self.mas_api.client = (id.to_owned(), secret.to_owned());
        self
    }

    /// Sets how that client has to send its secret; by default in the header.
    #[must_use]
    pub fn mas_api_client_auth(mut self, auth: ClientAuth) -> Self {
        self.mas_api.auth = auth;
        self
    }

    /// Registers the client, but omits it from `policy.data.admin_clients` (trap 27).
    #[must_use]
    pub fn mas_api_client_not_admin(mut self) -> Self {
        self.mas_api.is_admin = false;
        self
    }

    /// Sets how long access tokens for the Admin API are valid; 300 s by default.
    #[must_use]
    pub fn mas_api_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.mas_api.token_lifetime = lifetime;
        self
    }

    /// Forbids users to deactivate their own accounts, which MAS allows by default.
    #[must_use]
    pub fn without_self_deactivation(mut self) -> Self {
        self.mas_api.account_deactivation_allowed = false;
        self
    }

    /// Sets the release of MAS, such as `v1.13.0`; it cannot do what came later.
    #[must_use]
    pub fn mas_version(mut self, version: &str) -> Self {
        self.mas_api.version = Some(version.to_owned());
        self
    }
}

impl RunningWorld {
    /// Returns the URL of the listener with the Admin API, without a slash at the end.
    #[must_use]
    pub fn mas_admin_url(&self) -> String {
        self.mas.admin().url()
    }

    /// Returns MAS's issuer: its public URL with a slash at the end.
    #[must_use]
    pub fn mas_issuer(&self) -> String {
        self.mas.state().settings.issuer.clone()
    }

    /// Returns the ID of the client that may use the Admin API.
    #[must_use]
    pub fn mas_client_id(&self) -> &str {
        &self.mas_client.0
    }

    /// Returns the secret of that client.
    #[must_use]
    pub fn mas_client_secret(&self) -> &str {
        self.mas_client.1.expose_secret()
    }

    /// Returns a user's open sessions of one kind; personal ones are those that act as this user.
    #[must_use]
    pub fn sessions_of(&self, localpart: &str, kind: SessionKind) -> Vec<MasSession> {
        let mas = self.mas.state();
        let Some(user) = mas.user(localpart) else {
            return Vec::new();
        };
        mas.open_sessions(&user.id).filter(|session| session.kind == kind).cloned().collect()
    }

    /// Logs a user in like current Matrix clients, by OAuth 2.0: a session with a device, and one
    /// of the browser. Returns the access token, or `None` if the user is locked or deactivated.
    pub fn login_by_oauth2(&self, localpart: &str) -> Result<String, StandInError> {
        self.login_with_scope(localpart, "")
    }

    /// Does the same for a client that also asks for this scope, such as that of an administrator.
    pub fn login_with_scope(&self, localpart: &str, more: &str) -> Result<String, StandInError> {
        let refused = || StandInError::World(format!("{localpart} cannot log in"));
        let device = ids::word(10);
        let token = {
            let mut mas = self.mas.state();
            let user =
                mas.user(localpart).filter(|user| user.is_valid()).ok_or_else(refused)?.id.clone();
            mas.put_session(MasSession::new(SessionKind::Browser, &user));
            let scope =
                format!("openid urn:matrix:client:api:* urn:matrix:client:device:{device} {more}");
            let mut session = MasSession::new(SessionKind::OAuth2, &user).with_scope(scope.trim());
            session.client_id = Some(ids::ulid());
            mas.put_session(session).ok_or_else(refused)?
        };
        self.synapse.state().account_mut(localpart).ok_or_else(refused)?.devices.insert(device);
        Ok(token)
    }

    /// Returns a personal access token of the client for this user (trap 41): `mpt_…`, with this
    /// scope.
    pub fn personal_token(&self, actor: &str, scope: &str) -> Result<String, StandInError> {
        self.personal_token_of(SessionOwner::Client(self.mas_client.0.clone()), actor, scope)
    }

    /// Returns a personal access token that `owner` has created for the user `actor`.
    pub fn personal_token_by(
        &self,
        owner: &str,
        actor: &str,
        scope: &str,
    ) -> Result<String, StandInError> {
        let unknown = || StandInError::World(format!("{owner} owns no token"));
        let owner = self.mas.state().user(owner).ok_or_else(unknown)?.id.clone();
        self.personal_token_of(SessionOwner::User(owner), actor, scope)
    }

    fn personal_token_of(
        &self,
        owner: SessionOwner,
        actor: &str,
        scope: &str,
    ) -> Result<String, StandInError> {
        let refused = || StandInError::World(format!("{actor} gets no token"));
        let mut mas = self.mas.state();
        let mut session =
            MasSession::new(SessionKind::Personal, &mas.user(actor).ok_or_else(refused)?.id)
                .with_scope(scope);
        session.owner = owner;
        session.human_name = Some("made by the test".to_owned());
        mas.put_session(session).ok_or_else(refused)
    }
}
