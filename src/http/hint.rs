//! What to do about a request that failed: which server, which key of the configuration, which setting there.

use reqwest::StatusCode;

use super::error::{HttpError, HttpErrorKind, Purpose};
use crate::model::Server;

impl HttpError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let (server, url_key) = (self.server, self.url_key());
        match &self.kind {
            HttpErrorKind::Connect(_) => {
                let own_ca = if server == Server::Mas { " (writer.mas_api.ca_file names an authority of your own)" } else { "" };
                format!("check that {server} is up, can be reached from here and has a trusted certificate{own_ca}, and {url_key}")
            }
            HttpErrorKind::Timeout(_) | HttpErrorKind::BrokenOff(_) if self.is_change() => {
                format!(
                    "look at the log of {server} and check {url_key}; the call may have been carried out, which the next run \
                     will see"
                )
            }
            HttpErrorKind::Timeout(_) | HttpErrorKind::BrokenOff(_) => {
                format!(
                    "look at the log of {server} and of any proxy in front of it, and check {url_key}; nothing was changed by \
                     this request, so run again"
                )
            }
            HttpErrorKind::NotJson { .. } if server == Server::Mas => no_admin_api_hint(self.purpose),
            HttpErrorKind::NotJson { .. } => {
                format!("this looks like a web page or a proxy, not {server}: check {url_key}")
            }
            HttpErrorKind::Decode(_) | HttpErrorKind::Inconsistent(_) | HttpErrorKind::TooLarge { .. } => format!(
                "the answer cannot be relied on{}; run again, and look at the log of {server} if it stays",
                if self.is_change() { "" } else { ", so nothing was changed" }
            ),
            HttpErrorKind::OtherIssuer { issuer } => format!("set {url_key} to {issuer}, if that is your MAS"),
            HttpErrorKind::Unprotected { .. } => {
                "let MAS be reached by https (http.public_base in its configuration), or set writer.mas_api.allow_http = \
                 true where the network is trusted"
                    .to_owned()
            }
            HttpErrorKind::ForeignEndpoint { .. } => {
                "the client's secret is sent to the issuer alone: let http.public_base and http.issuer in MAS's configuration \
                 have the same scheme, host and port"
                    .to_owned()
            }
            HttpErrorKind::NoTokenEither => format!("look at the first error of this kind, and at {url_key}"),
            HttpErrorKind::NoToken { error, .. } => no_token_hint(server, error.raw()),
            HttpErrorKind::Status { status, .. } => match server {
                Server::Mas => self.mas_status_hint(*status),
                _ => self.status_hint(*status),
            },
            HttpErrorKind::ForeignStatus { status, .. } => self.foreign_hint(*status),
            HttpErrorKind::MissingPage => {
                format!("{}; a proxy in between has to let {} through", no_admin_api_hint(self.purpose), self.paths())
            }
            HttpErrorKind::Redirect { .. } => {
                format!("redirects are not followed, because the token would go along: set {url_key} to where {server} really is")
            }
        }
    }

    /// The key of the configuration that says where this server is.
    fn url_key(&self) -> &'static str {
        match (self.server, self.purpose) {
            (Server::Keycloak, _) => "keycloak.url (KC_URL)",
            (Server::Synapse, _) => "synapse.url (MATRIX_URL)",
            (Server::Mas, Purpose::Data) => "writer.mas_api.url",
            (Server::Mas, Purpose::Token | Purpose::Discovery) => "writer.mas_api.issuer",
        }
    }

    /// Whether the request may have changed something although it has no good answer.
    fn is_change(&self) -> bool {
        self.purpose == Purpose::Data && self.method == "POST"
    }

    fn mas_status_hint(&self, status: StatusCode) -> String {
        match (self.purpose, status.as_u16()) {
            (Purpose::Data, 401 | 403) => {
                "the token does not open the Admin API: a personal token may have ended or been revoked, or lacks the scope \
                 urn:mas:admin (a compatibility token, mct_…, never opens it); a client's token is refused where \
                 writer.mas_api.url and writer.mas_api.issuer are not the same MAS"
                    .to_owned()
            }
            (Purpose::Data, 404) => "it may just have been deleted; run again".to_owned(),
            _ => self.status_hint(status),
        }
    }

    /// What to do about a status that is not the server's: it says nothing about tokens, roles or users.
    fn foreign_hint(&self, status: StatusCode) -> String {
        let (server, url_key, paths) = (self.server, self.url_key(), self.paths());
        match status.as_u16() {
            429 => format!("raise the limit of the proxy in front of {server}, or run again later"),
            502..=504 => format!(
                "check that {server} is up and that the proxy in front of it reaches it; the log of the proxy says why it \
                 did not"
            ),
            _ => format!(
                "check {url_key}, and the rules of the proxy in front of {server} (access lists, sign-in, firewall): it has \
                 to let {paths} through to {server}"
            ),
        }
    }

    /// The paths that a proxy has to let through.
    fn paths(&self) -> &'static str {
        match (self.server, self.purpose) {
            (Server::Keycloak, Purpose::Data) => "/admin/realms",
            (Server::Keycloak, Purpose::Token | Purpose::Discovery) => "/realms",
            (Server::Synapse, _) => "/_synapse/admin and /_matrix/client",
            (Server::Mas, Purpose::Data) => "/api/admin/v1",
            (Server::Mas, Purpose::Token | Purpose::Discovery) => "/.well-known/openid-configuration and /oauth2/token",
        }
    }

    fn status_hint(&self, status: StatusCode) -> String {
        let url_key = self.url_key();
        match (self.server, status.as_u16()) {
            (Server::Keycloak, 401) => {
                "Keycloak does not accept its own token: check that keycloak.url (KC_URL) is the address that Keycloak \
                 gives as its issuer, that the user or client was not disabled, and that its access tokens live longer \
                 than an answer takes"
                    .to_owned()
            }
            (Server::Keycloak, 403) => {
                "give the user or the client's service account the role view-users of the client realm-management \
                 (of the client REALM-realm, for a user of the master realm)"
                    .to_owned()
            }
            (Server::Keycloak, 404) => {
                "check keycloak.realm (KC_REALM) and keycloak.auth_realm, and that keycloak.url (KC_URL) has the path \
                 that Keycloak is served under"
                    .to_owned()
            }
            (Server::Synapse, 401) => {
                "the admin token is not accepted: it may have ended, or its owner may be locked; issue a new one with \
                 `mas-cli manage issue-compatibility-token NAME --yes-i-want-to-grant-synapse-admin-privileges` and set \
                 synapse.admin_token (MATRIX_ADMIN_TOKEN)"
                    .to_owned()
            }
            (Server::Synapse, 403) => {
                "the token's owner is not an administrator of the homeserver: issue the token with \
                 `--yes-i-want-to-grant-synapse-admin-privileges` and set synapse.admin_token (MATRIX_ADMIN_TOKEN)"
                    .to_owned()
            }
            (Server::Synapse, 404) => {
                format!("check {url_key}, and that the proxy in front of Synapse lets /_synapse/admin through to it")
            }
            (Server::Synapse, 503) => {
                "Synapse cannot check the token while MAS is down: look at MAS, then run again".to_owned()
            }
            (server, 429) => format!("{server} limits the rate of requests: run again later, or raise its limit"),
            (server, _) => format!("look at the log of {server}; run again when it is well"),
        }
    }
}

/// Where a listener of MAS does not have what is asked for, it answers with a web page.
fn no_admin_api_hint(purpose: Purpose) -> String {
    match purpose {
        Purpose::Data => {
            "the Admin API is not there: add the resource adminapi to a listener in MAS's configuration (http.listeners), \
             an internal one, and set writer.mas_api.url to that listener, without a path"
        }
        Purpose::Token | Purpose::Discovery => {
            "this does not look like MAS: set writer.mas_api.issuer to MAS's own address (http.public_base or http.issuer \
             in its configuration)"
        }
    }
    .to_owned()
}

fn no_token_hint(server: Server, error: &str) -> String {
    match (server, error) {
        (Server::Mas, "invalid_scope") => {
            "list the client in policy.data.admin_clients of MAS's configuration, then restart MAS"
        }
        (Server::Mas, "unauthorized_client" | "invalid_client") => {
            "check writer.mas_api.client_id and writer.mas_api.client_secret against the entry under clients in MAS's \
             configuration; its client_auth_method has to be client_secret_basic or client_secret_post"
        }
        (Server::Mas, _) => "look at the client's entry in MAS's configuration and at MAS's log",
        (_, "invalid_grant") => {
            "check keycloak.username (KC_ADMIN_USER) and keycloak.password (KC_ADMIN_PASS), that the user is enabled in \
             keycloak.auth_realm, and has nothing left to do at login"
        }
        (_, "unauthorized_client" | "invalid_client") => {
            "check keycloak.client_id (KC_CLIENT_ID) and keycloak.client_secret (KC_CLIENT_SECRET), and that the client \
             has \"Service accounts roles\" (client credentials) or \"Direct access grants\" (a user's password) switched on"
        }
        _ => "look at the client's settings in Keycloak and at Keycloak's log",
    }
    .to_owned()
}
