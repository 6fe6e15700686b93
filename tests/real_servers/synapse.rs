//! Synapse, as far as tests need it: the state of an account, and whether a token is accepted.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::Outcome;
use crate::patience::{SETTLES_WITHIN, eventually};

/// Synapse.
#[derive(Clone, Debug)]
pub(crate) struct Synapse {
    pub(crate) url: String,
    pub(crate) server_name: String,
    http: Client,
}

impl Synapse {
    pub(crate) fn new(url: &str, server_name: &str) -> Outcome<Self> {
        let http = Client::builder().timeout(SETTLES_WITHIN).build()?;
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            server_name: server_name.to_owned(),
            http,
        })
    }

    /// Returns an account from Synapse's admin API, or nothing if there is none.
    pub(crate) async fn user(&self, token: &str, localpart: &str) -> Outcome<Value> {
        let url = format!("{}/_synapse/admin/v2/users/@{localpart}:{}", self.url, self.server_name);
        let response = self.http.get(url).bearer_auth(token).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(Value::Null);
        }
        Ok(response.error_for_status()?.json().await?)
    }

    /// `active`, `locked`, `deactivated`, or `deactivated, locked`; `unknown` if there is no such
    /// account.
    pub(crate) async fn state(&self, token: &str, localpart: &str) -> Outcome<String> {
        let user = self.user(token, localpart).await?;
        if user.is_null() {
            return Ok("unknown".to_owned());
        }
        let words: Vec<_> = ["deactivated", "locked", "erased"]
            .into_iter()
            .filter(|word| user[word] == true)
            .collect();
        Ok(if words.is_empty() { "active".to_owned() } else { words.join(", ") })
    }

    /// Waits until an account is in this state.
    pub(crate) async fn settles(&self, token: &str, localpart: &str, wanted: &str) -> Outcome {
        let state = eventually(wanted, async || self.state(token, localpart).await).await?;
        if state == wanted {
            Ok(())
        } else {
            Err(format!("{localpart} should become {wanted} and is {state}").into())
        }
    }

    /// Returns the status of Synapse's answer to a client with this token.
    pub(crate) async fn whoami(&self, token: &str) -> Outcome<u16> {
        let url = format!("{}/_matrix/client/v3/account/whoami", self.url);
        Ok(self.http.get(url).bearer_auth(token).send().await?.status().as_u16())
    }

    /// Waits until this token is refused; false if it stays accepted.
    pub(crate) async fn is_shut_out(&self, token: &str) -> Outcome<bool> {
        Ok(eventually(&401, async || self.whoami(token).await).await? == 401)
    }

    /// Creates a room, invites a user to it, and returns its ID.
    pub(crate) async fn create_room(&self, token: &str, invited: &str) -> Outcome<String> {
        let body = json!({"preset": "private_chat", "invite": [invited]});
        let created = self.http.post(format!("{}/_matrix/client/v3/createRoom", self.url));
        let created = created.bearer_auth(token).json(&body).send().await?.error_for_status()?;
        let created: Value = created.json().await?;
        Ok(created["room_id"].as_str().ok_or("no room")?.to_owned())
    }

    /// Accepts an invitation to a room.
    pub(crate) async fn join_room(&self, token: &str, room: &str) -> Outcome {
        let url = format!("{}/_matrix/client/v3/rooms/{room}/join", self.url);
        let joined = self.http.post(url).bearer_auth(token).json(&json!({})).send().await?;
        joined.error_for_status()?;
        Ok(())
    }

    /// Returns the status of Synapse's answer to a message.
    pub(crate) async fn send(&self, token: &str, room: &str) -> Outcome<u16> {
        let url =
            format!("{}/_matrix/client/v3/rooms/{room}/send/m.room.message/by-hand", self.url);
        let message = json!({"msgtype": "m.notice", "body": "by hand"});
        let sent = self.http.put(url).bearer_auth(token).json(&message).send().await?;
        Ok(sent.status().as_u16())
    }

    /// Returns the messages of a room, newest first.
    pub(crate) async fn messages(&self, token: &str, room: &str) -> Outcome<Vec<Value>> {
        let url = format!("{}/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=100", self.url);
        let page = self.http.get(url).bearer_auth(token).send().await?.error_for_status()?;
        let page: Value = page.json().await?;
        let events = page["chunk"].as_array().ok_or("no events")?.iter();
        Ok(events.filter(|event| event["type"] == "m.room.message").cloned().collect())
    }

    /// Creates a user of a bridge, who may exist from an earlier test.
    pub(crate) async fn register_bridged(&self, bridge_token: &str, localpart: &str) -> Outcome {
        let url = format!("{}/_matrix/client/v3/register", self.url);
        let body = json!({"type": "m.login.application_service", "username": localpart, "inhibit_login": true});
        let response = self.http.post(url).bearer_auth(bridge_token).json(&body).send().await?;
        let status = response.status();
        let answer: Value = response.json().await?;
        if status.is_success() || answer["errcode"] == "M_USER_IN_USE" {
            return Ok(());
        }
        Err(format!("registering the bridge's user: {status} {answer}").into())
    }
}
