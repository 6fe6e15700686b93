//! The room of `notify.room`, and the bot that writes to it. Source: the client API, as Synapse has
//! it (recording: `synapse-lifecycle.json`).

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::notices::{Notice, Unsent};
use crate::config::{RoomConfig, SynapseConfig};
use crate::environment::Timeouts;
use crate::error_chain::in_one_line;
use crate::http::{
    self, Api, Credentials, HttpError, HttpErrorKind, Missing, Patience, none_if_missing,
};
use crate::metrics::{Delivery, Receiver, metrics};
use crate::model::{Server, ServerText, UserId};

/// How long a message may take, retries included: a run ends this much later at most.
const LIMIT: Duration = Duration::from_secs(10);

/// The room, through the bot's token.
#[derive(Debug)]
pub struct NotifyRoom {
    api: Api,
    id: String,
}

/// The owner of the bot's token.
#[derive(Debug, Deserialize)]
pub struct Bot {
    pub user_id: UserId,
    /// Without one, Synapse cannot send a message.
    pub device_id: Option<ServerText>,
}

/// Who may do what in a room. Source: `m.room.power_levels`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PowerLevels {
    users: BTreeMap<String, i64>,
    users_default: i64,
    events: BTreeMap<String, i64>,
    events_default: i64,
}

/// The event that began a room. Since room version 12 its creators may do everything.
#[derive(Debug, Deserialize)]
struct Creation {
    sender: UserId,
    content: CreationContent,
}

#[derive(Debug, Deserialize)]
struct CreationContent {
    #[serde(default)]
    additional_creators: Vec<UserId>,
}

/// Whether the bot may send a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaySend {
    Yes,
    No {
        /// The bot's power level.
        has: i64,
        /// The level that a message needs.
        needs: i64,
    },
}

/// Whether messages to a room are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    On,
    Off,
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
enum NotSent {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("Synapse did not take it within {} s", LIMIT.as_secs())]
    TooSlow,
    #[error("cannot create the HTTP client")]
    Client(#[source] reqwest::Error),
}

impl NotSent {
    /// Returns what to do about it.
    fn fix(&self) -> String {
        match self {
            Self::Http(error) => fix(error),
            Self::TooSlow => "Check Synapse's log.".to_owned(),
            Self::Client(_) => "Check `synapse.ca_file`.".to_owned(),
        }
    }
}

/// Returns what to do about a request of the bot that failed.
#[must_use]
pub fn fix(error: &HttpError) -> String {
    match error.status() {
        Some(StatusCode::UNAUTHORIZED) => {
            "Issue a token of the bot with `mas-cli manage issue-compatibility-token NAME`, and set \
             `notify.access_token`."
        }
        Some(StatusCode::FORBIDDEN) => {
            "Invite the bot to the room and let it join; it also needs the right to send messages \
             there."
        }
        Some(StatusCode::TOO_MANY_REQUESTS) => {
            "Raise the limit in Synapse's configuration (`rc_message`)."
        }
        Some(StatusCode::INTERNAL_SERVER_ERROR) => {
            "Check Synapse's log, and with `doctor` that the bot's token has a device."
        }
        _ if matches!(error.kind, HttpErrorKind::Timeout(_) | HttpErrorKind::BrokenOff(_)) => {
            "Check Synapse's log. The message may have arrived."
        }
        _ => return error.hint(),
    }
    .to_owned()
}

impl NotifyRoom {
    /// Creates the room, without a request yet.
    pub fn new(
        synapse: &SynapseConfig,
        room: &RoomConfig,
        timeouts: Timeouts,
    ) -> Result<Self, reqwest::Error> {
        let client = http::client(timeouts, &synapse.url, &synapse.tls)?;
        let credentials = Credentials::Token(room.access_token.clone());
        let api = Api::new(Server::Synapse, synapse.url.clone(), client, credentials);
        Ok(Self { api, id: room.id.clone() })
    }

    /// Returns the bot. Source: `GET /_matrix/client/v3/account/whoami`.
    pub async fn bot(&self) -> Result<Bot, HttpError> {
        self.api.get(&["_matrix", "client", "v3", "account", "whoami"], &[]).await
    }

    /// Returns whether the bot is in the room. Source: `GET /_matrix/client/v3/joined_rooms`.
    pub async fn is_joined(&self) -> Result<bool, HttpError> {
        #[derive(Deserialize)]
        struct JoinedRooms {
            joined_rooms: Vec<String>,
        }
        let joined: JoinedRooms =
            self.api.get(&["_matrix", "client", "v3", "joined_rooms"], &[]).await?;
        Ok(joined.joined_rooms.contains(&self.id))
    }

    /// Returns whether the bot, who is in the room, may send a message.
    pub async fn may_send(&self, bot: &UserId) -> Result<MaySend, HttpError> {
        let levels: Option<PowerLevels> = self.state("m.room.power_levels", &[]).await?;
        let levels = levels.unwrap_or_default();
        let has = levels.users.get(&*bot.text()).copied().unwrap_or(levels.users_default);
        let needs = levels.events.get("m.room.message").copied().unwrap_or(levels.events_default);
        if has >= needs {
            return Ok(MaySend::Yes);
        }
        let creation: Option<Creation> =
            self.state("m.room.create", &[("format", "event")]).await?;
        let is_creator = creation.is_some_and(|Creation { sender, content }| {
            sender == *bot || content.additional_creators.contains(bot)
        });
        Ok(if is_creator { MaySend::Yes } else { MaySend::No { has, needs } })
    }

    /// Returns whether the members of the room encrypt their messages.
    pub async fn encryption(&self) -> Result<Encryption, HttpError> {
        let event: Option<Value> = self.state("m.room.encryption", &[]).await?;
        Ok(if event.is_some() { Encryption::On } else { Encryption::Off })
    }

    /// Returns a state event of the room, if there is one.
    ///
    /// Source: `GET /_matrix/client/v3/rooms/{room}/state/{type}/`.
    async fn state<T: serde::de::DeserializeOwned>(
        &self,
        kind: &str,
        query: &[(&str, &str)],
    ) -> Result<Option<T>, HttpError> {
        let path = ["_matrix", "client", "v3", "rooms", &self.id, "state", kind, ""];
        none_if_missing(Missing::User, self.api.get(&path, query).await)
    }

    /// Sends a message. A busy server is asked once more, after the wait it asks for.
    async fn send(&self, notice: &Notice) -> Result<(), NotSent> {
        let transaction = notice.transaction.as_str();
        let path =
            ["_matrix", "client", "v3", "rooms", &self.id, "send", "m.room.message", transaction];
        let (api, content) = (self.api.with(Patience::Notifying), notice.message.content());
        let sent: Value =
            timeout(LIMIT, api.put(&path, &content)).await.map_err(|_| NotSent::TooSlow)??;
        debug!(event_id = %ServerText::from(sent["event_id"].as_str().unwrap_or_default()), "the room was notified");
        Ok(())
    }
}

/// Sends a message to the room, within ten seconds. If that fails, it is a warning, and what the
/// room has not heard of is returned.
pub async fn notify(
    synapse: &SynapseConfig,
    room: &RoomConfig,
    timeouts: Timeouts,
    notice: Notice,
) -> Option<Unsent> {
    let sent = async {
        NotifyRoom::new(synapse, room, timeouts).map_err(NotSent::Client)?.send(&notice).await
    };
    match sent.await {
        Ok(()) => {
            metrics().notification(Receiver::Room, Delivery::Sent);
            None
        }
        Err(error) => {
            metrics().notification(Receiver::Room, Delivery::Failed);
            warn!("notify.room gets no message: {}. {}", in_one_line(&error), error.fix());
            Some(notice.unsent)
        }
    }
}
