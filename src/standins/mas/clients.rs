//! Stores OAuth 2.0 clients and the tokens that they got for themselves.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use secrecy::SecretString;

use super::state::MasState;
use crate::standins::ids;

/// ID and secret of a stand-in's default client.
pub const CLIENT: (&str, &str) = ("01J44QC8BCY7FCFM7WGHQGKMTJ", "massync");

/// How a client has to send its secret: the other way is refused (trap 27).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// `client_secret_basic`: in the header `Authorization`.
    #[default]
    Basic,
    /// `client_secret_post`: in the form.
    Post,
}

/// A client.
#[derive(Clone, Debug)]
pub struct RegisteredClient {
    pub secret: SecretString,
    /// How it sends the secret.
    pub auth: ClientAuth,
    /// The allowed redirects: only a client that users log in with needs any.
    pub redirect_uris: Vec<String>,
}

/// The grant behind an access token of client credentials.
#[derive(Clone, Debug)]
pub(super) struct ClientGrant {
    pub(super) client_id: String,
    pub(super) scope: String,
    expires: Instant,
}

impl ClientGrant {
    pub(super) fn is_expired(&self) -> bool {
        self.expires <= Instant::now()
    }
}

/// All clients by ID, and their tokens.
#[derive(Debug, Default)]
pub(super) struct Clients {
    pub(super) by_id: BTreeMap<String, RegisteredClient>,
    grants: HashMap<String, ClientGrant>,
}

impl MasState {
    /// Registers a client, or replaces it.
    pub fn add_client(&mut self, id: &str, secret: &str, auth: ClientAuth) {
        let client = RegisteredClient { secret: secret.into(), auth, redirect_uris: Vec::new() };
        self.clients.by_id.insert(id.to_owned(), client);
    }

    /// Returns a client by ID, to change.
    pub fn client_mut(&mut self, id: &str) -> Option<&mut RegisteredClient> {
        self.clients.by_id.get_mut(id)
    }

    /// Makes every token of client credentials unknown.
    pub fn forget_client_tokens(&mut self) {
        self.clients.grants.clear();
    }

    pub(super) fn issue(&mut self, client_id: &str, scope: &str) -> String {
        let token = format!("mat_{}_{}", ids::word(30), ids::word(6));
        let expires = Instant::now() + self.settings.token_lifetime;
        let grant =
            ClientGrant { client_id: client_id.to_owned(), scope: scope.to_owned(), expires };
        self.clients.grants.insert(token.clone(), grant);
        token
    }

    pub(super) fn grant(&self, token: &str) -> Option<&ClientGrant> {
        self.clients.grants.get(token)
    }
}
