//! Suggests what to do about a failed request: which server, which key of the configuration, which
//! setting there.

use reqwest::StatusCode;

use super::error::{HttpError, HttpErrorKind, Purpose};
use crate::model::Server;

impl HttpError {
    /// Returns what to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let (server, url_key) = (self.server, self.url_key());
        match &self.kind {
            HttpErrorKind::Connect(_) => {
                let ca_file = match server {
                    Server::Keycloak => "keycloak.ca_file",
                    Server::Synapse => "synapse.ca_file",
                    Server::Mas => "writer.mas_api.ca_file",
                };
                format!(
                    "Check that {server} is up, can be reached from here and has a trusted certificate (`{ca_file}` for your \
                     own authority). Check {url_key}."
                )
            }
            HttpErrorKind::Timeout(_) | HttpErrorKind::BrokenOff(_) if self.is_change() => {
                format!(
                    "Check the log of {server} and {url_key}. The request may have been carried out; the next run will find \
                     out."
                )
            }
            HttpErrorKind::Timeout(_) | HttpErrorKind::BrokenOff(_) => {
                format!(
                    "Check {url_key}, the log of {server} and that of any proxy in front of it. This request changed nothing, \
                     so run again."
                )
            }
            HttpErrorKind::NotJson { .. } if server == Server::Mas => no_admin_api_hint(self.purpose),
            HttpErrorKind::NotJson { .. } => {
                format!("Check {url_key}: this looks like a web page or a proxy, not {server}.")
            }
            HttpErrorKind::Decode(_) | HttpErrorKind::Inconsistent(_) | HttpErrorKind::TooLarge { .. } => format!(
                "The answer cannot be trusted{}. Run again; if it persists, check the log of {server}.",
                if self.is_change() { "" } else { ", so nothing was changed" }
            ),
            HttpErrorKind::OtherIssuer { issuer } => format!("Set {url_key} to {issuer}, if that is your MAS."),
            HttpErrorKind::Unprotected { .. } => {
                "Serve MAS by https (`http.public_base` in its configuration), or set `writer.mas_api.allow_http = \
                 true` if the network is trusted."
                    .to_owned()
            }
            HttpErrorKind::ForeignEndpoint { .. } => {
                "Give `http.public_base` and `http.issuer` in MAS's configuration the same scheme, host and port: the client's \
                 secret is sent to the issuer only."
                    .to_owned()
            }
            HttpErrorKind::NoTokenEither { .. } => format!("Check {url_key}, and the log of {server}."),
            HttpErrorKind::NoToken { error, .. } => no_token_hint(server, error.raw()),
            HttpErrorKind::Status { status, .. } => match server {
                Server::Mas => self.mas_status_hint(*status),
                _ => self.status_hint(*status),
            },
            HttpErrorKind::ForeignStatus { status, .. } => self.foreign_hint(*status),
            HttpErrorKind::MissingPage => {
                format!("{} A proxy in between has to let {} through.", no_admin_api_hint(self.purpose), self.paths())
            }
            HttpErrorKind::Redirect { .. } => {
                format!("Set {url_key} to the final address of {server}: redirects are not followed, because they would get the token.")
            }
        }
    }

    /// Returns the configuration key of this server's address.
    fn url_key(&self) -> &'static str {
        match (self.server, self.purpose) {
            (Server::Keycloak, _) => "`keycloak.url` (KC_URL)",
            (Server::Synapse, _) => "`synapse.url` (MATRIX_URL)",
            (Server::Mas, Purpose::Data) => "`writer.mas_api.url`",
            (Server::Mas, Purpose::Token | Purpose::Discovery) => "`writer.mas_api.issuer`",
        }
    }

    /// Returns whether the request may have changed something although it failed.
    fn is_change(&self) -> bool {
        self.purpose == Purpose::Data && self.method != "GET"
    }

    fn mas_status_hint(&self, status: StatusCode) -> String {
        match (self.purpose, status.as_u16()) {
            (Purpose::Data, 401 | 403) => {
                "The Admin API refuses the token. A personal token may have expired or been revoked, or lacks the scope \
                 urn:mas:admin (a compatibility token, mct_…, never has it). A client's token is refused if \
                 `writer.mas_api.url` and `writer.mas_api.issuer` are not the same MAS."
                    .to_owned()
            }
            (Purpose::Data, 404) => "Run again: it may just have been deleted.".to_owned(),
            _ => self.status_hint(status),
        }
    }

    /// Returns what to do about a status that is not the server's, and so says nothing about
    /// tokens, roles or users.
    fn foreign_hint(&self, status: StatusCode) -> String {
        let (server, url_key, paths) = (self.server, self.url_key(), self.paths());
        match status.as_u16() {
            429 => {
                format!("Raise the limit of the proxy in front of {server}, or run again later.")
            }
            502..=504 => format!(
                "Check that {server} is up and that the proxy in front of it reaches it. The log of the proxy says why it \
                 did not."
            ),
            _ => format!(
                "Check {url_key}, and the rules of the proxy in front of {server} (access lists, sign-in, firewall): it has \
                 to let {paths} through to {server}."
            ),
        }
    }

    /// Returns the paths that a proxy has to let through.
    fn paths(&self) -> &'static str {
        match (self.server, self.purpose) {
            (Server::Keycloak, Purpose::Data) => "/admin/realms",
            (Server::Keycloak, Purpose::Token | Purpose::Discovery) => "/realms",
            (Server::Synapse, _) => "/_synapse/admin and /_matrix/client",
            (Server::Mas, Purpose::Data) => "/api/admin/v1",
            (Server::Mas, Purpose::Token | Purpose::Discovery) => {
                "/.well-known/openid-configuration and /oauth2/token"
            }
        }
    }

    fn status_hint(&self, status: StatusCode) -> String {
        let url_key = self.url_key();
        match (self.server, status.as_u16()) {
            (Server::Keycloak, 401) => {
                "Keycloak does not accept its own token. Check that `keycloak.url` (KC_URL) is the address that Keycloak \
                 uses as its issuer, that the user or client was not disabled, and that its access tokens outlive one \
                 request."
                    .to_owned()
            }
            (Server::Keycloak, 403) => {
                "Give the user or the client's service account the role view-users of the client realm-management \
                 (of the client REALM-realm, for a user of the master realm)."
                    .to_owned()
            }
            (Server::Keycloak, 404) => {
                "Check `keycloak.realm` (KC_REALM) and `keycloak.auth_realm`, and that `keycloak.url` (KC_URL) has the path \
                 that Keycloak is served under."
                    .to_owned()
            }
            (Server::Synapse, 401) => {
                "The admin token may have expired, or its owner may be locked. Issue a new one with \
                 `mas-cli manage issue-compatibility-token NAME --yes-i-want-to-grant-synapse-admin-privileges` and set \
                 `synapse.admin_token` (MATRIX_ADMIN_TOKEN)."
                    .to_owned()
            }
            (Server::Synapse, 403) => {
                "The token's owner is not an administrator of the homeserver. Issue the token with \
                 `--yes-i-want-to-grant-synapse-admin-privileges` and set `synapse.admin_token` (MATRIX_ADMIN_TOKEN)."
                    .to_owned()
            }
            (Server::Synapse, 404) => {
                format!(
                    "Check {url_key}, and that the proxy in front of Synapse lets /_synapse/admin through to its main \
                     process: a worker does not have every path."
                )
            }
            (Server::Synapse, 503) => {
                "Synapse cannot check the token while MAS is down. Check MAS, then run again.".to_owned()
            }
            (server, 429) => format!("{server} limits the rate of requests. Run again later, or raise its limit."),
            (server, _) => format!("Check the log of {server}; run again when it works."),
        }
    }
}

/// Returns the hint for a listener of MAS that does not have the API: it answers with a web page.
fn no_admin_api_hint(purpose: Purpose) -> String {
    match purpose {
        Purpose::Data => {
            "The Admin API is not there. Add the resource adminapi to an internal listener in MAS's configuration \
             (`http.listeners`), and set `writer.mas_api.url` to that listener, without a path."
        }
        Purpose::Token | Purpose::Discovery => {
            "This does not look like MAS. Set `writer.mas_api.issuer` to MAS's own address (`http.public_base` or \
             `http.issuer` in its configuration)."
        }
    }
    .to_owned()
}

fn no_token_hint(server: Server, error: &str) -> String {
    match (server, error) {
        (Server::Mas, "invalid_scope") => {
            "Add the client to `policy.data.admin_clients` in MAS's configuration, then restart MAS."
        }
        (Server::Mas, "unauthorized_client" | "invalid_client") => {
            "Check `writer.mas_api.client_id` and `writer.mas_api.client_secret` against the entry under `clients` in MAS's \
             configuration. Its client_auth_method has to be client_secret_basic or client_secret_post."
        }
        (Server::Mas, _) => "Check the client's entry in MAS's configuration, and MAS's log.",
        (_, "invalid_grant") => {
            "Check `keycloak.username` (KC_ADMIN_USER) and `keycloak.password` (KC_ADMIN_PASS), and that the user is enabled \
             in `keycloak.auth_realm` and has no required actions."
        }
        (_, "unauthorized_client" | "invalid_client") => {
            "Check `keycloak.client_id` (KC_CLIENT_ID) and `keycloak.client_secret` (KC_CLIENT_SECRET), and that \"Service \
             accounts roles\" (client credentials) or \"Direct access grants\" (a user's password) is on for the client."
        }
        _ => "Check the client's settings in Keycloak, and Keycloak's log.",
    }
    .to_owned()
}
