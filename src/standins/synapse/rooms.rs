//! Serves rooms: creating them, sending messages to them, their state, and their names for
//! administrators.
//!
//! The creation and the messages are recorded. The state, and what happens without the power or
//! without a device, follow Synapse 1.163; `GET /_synapse/admin/v1/rooms/{id}` follows its
//! documentation.

use std::collections::BTreeMap;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{self, Requester};
use super::error::{SynapseRefusal, answer};
use super::state::SynapseState;
use crate::standins::query::Params;
use crate::standins::{Shared, ids, time};

/// A message that was sent to a room.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomMessage {
    pub event_id: String,
    /// The sender's Matrix user ID.
    pub sender: String,
    /// The type, such as `m.room.message`.
    pub kind: String,
    pub content: Value,
}

/// A room. Its members are the accounts that have it in their list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SynapseRoom {
    pub name: Option<String>,
    /// The Matrix user ID of the account that created it.
    pub creator: Option<String>,
    /// Oldest first.
    pub messages: Vec<RoomMessage>,
    /// The content of state events without a key, by type, such as `m.room.power_levels`.
    pub state: BTreeMap<String, Value>,
    /// Sender and transaction of each message, with its event: a repetition is no new message
    /// (trap 66).
    transactions: BTreeMap<(String, String), String>,
}

impl SynapseRoom {
    /// Returns the power level of a user, and the level that a message needs. A creator has every
    /// power.
    fn power(&self, user: &str) -> (i64, i64) {
        let levels = self.state.get("m.room.power_levels");
        let level = |pointer: &str| levels?.pointer(pointer)?.as_i64();
        let own = levels.and_then(|levels| levels["users"][user].as_i64());
        let needs = levels.and_then(|levels| levels["events"]["m.room.message"].as_i64());
        let has = if self.creator.as_deref() == Some(user) { Some(i64::MAX) } else { own };
        let or_default = |level: Option<i64>, default: Option<i64>| level.or(default).unwrap_or(0);
        (or_default(has, level("/users_default")), or_default(needs, level("/events_default")))
    }
}

impl SynapseState {
    /// Returns the ID of the room that a world's accounts are in by default.
    #[must_use]
    pub fn lobby(&self) -> String {
        format!("!lobby:{}", self.settings.server_name)
    }

    /// Returns a room by ID.
    #[must_use]
    pub fn room(&self, id: &str) -> Option<&SynapseRoom> {
        self.rooms.get(id)
    }

    /// Adds a room, or returns the one with that ID.
    pub fn add_room(&mut self, id: &str) -> &mut SynapseRoom {
        self.rooms.entry(id.to_owned()).or_default()
    }

    fn members(&self, room: &str) -> usize {
        self.accounts().filter(|(_, account)| account.rooms.contains(room)).count()
    }
}

pub(super) fn routes() -> Router<Shared<SynapseState>> {
    Router::new()
        .route("/_matrix/client/v3/createRoom", post(create))
        .route("/_matrix/client/v3/joined_rooms", get(joined))
        .route("/_matrix/client/v3/rooms/{room_id}/send/{kind}/{transaction}", put(send))
        .route("/_matrix/client/v3/rooms/{room_id}/state/{kind}/", get(room_state))
        .route("/_synapse/admin/v1/rooms/{room_id}", get(room))
}

type Answer = Result<Response, SynapseRefusal>;

#[derive(Deserialize)]
struct Creation {
    name: Option<String>,
}

/// `POST /_matrix/client/v3/createRoom`: the sender is its only member.
async fn create(
    State(state): State<Shared<SynapseState>>,
    headers: HeaderMap,
    Json(asked): Json<Creation>,
) -> Answer {
    let creator = auth::requester(&state, &headers).await?.user_id;
    let id = format!("!{}{}", ids::word(24), ids::word(19));
    let mut state = state.lock();
    let room = state.add_room(&id);
    room.name = asked.name;
    room.creator = Some(creator.clone());
    if let Some(account) = state.accounts.get_mut(&creator) {
        account.rooms.insert(id.clone());
    }
    Ok(answer(StatusCode::OK, &json!({"room_id": id})))
}

/// `GET /_matrix/client/v3/joined_rooms`
async fn joined(State(state): State<Shared<SynapseState>>, headers: HeaderMap) -> Answer {
    let user = auth::requester(&state, &headers).await?.user_id;
    let state = state.lock();
    let rooms = state.accounts.get(&user).map(|account| &account.rooms);
    Ok(answer(StatusCode::OK, &json!({"joined_rooms": rooms})))
}

/// `GET /_matrix/client/v3/rooms/{room_id}/state/{kind}/`
async fn room_state(
    State(state): State<Shared<SynapseState>>,
    Path((room_id, kind)): Path<(String, String)>,
    query: RawQuery,
    headers: HeaderMap,
) -> Answer {
    let user = auth::requester(&state, &headers).await?.user_id;
    let state = state.lock();
    if !state.accounts.get(&user).is_some_and(|account| account.rooms.contains(&room_id)) {
        let text = format!("User {user} not in room {room_id}, and room previews are disabled");
        return Err(SynapseRefusal::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", &text));
    }
    let room = state.room(&room_id);
    let created = json!({"room_version": "12"});
    let content = match kind.as_str() {
        "m.room.create" => Some(&created),
        other => room.and_then(|room| room.state.get(other)),
    };
    let not_found =
        || SynapseRefusal::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", "Event not found.");
    let content = content.ok_or_else(not_found)?;
    if Params::parse(&query.0.unwrap_or_default()).get("format") != Some("event") {
        return Ok(answer(StatusCode::OK, content));
    }
    let creator = room.and_then(|room| room.creator.clone());
    let sender = creator.unwrap_or_else(|| state.user_id("creator"));
    let event = json!({
        "type": kind, "state_key": "", "sender": sender, "room_id": room_id, "content": content,
        "event_id": format!("${}{}", ids::word(24), ids::word(19)), "origin_server_ts": time::now_ms(),
        "unsigned": {},
    });
    Ok(answer(StatusCode::OK, &event))
}

/// `PUT /_matrix/client/v3/rooms/{room_id}/send/{kind}/{transaction}`
async fn send(
    State(state): State<Shared<SynapseState>>,
    Path((room_id, kind, transaction)): Path<(String, String, String)>,
    headers: HeaderMap,
    Json(content): Json<Value>,
) -> Answer {
    let Requester { user_id: sender, device_id, .. } = auth::requester(&state, &headers).await?;
    if device_id.is_none() {
        let (status, text) = (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error");
        return Err(SynapseRefusal::new(status, "M_UNKNOWN", text));
    }
    let mut state = state.lock();
    let is_member =
        state.accounts.get(&sender).is_some_and(|account| account.rooms.contains(&room_id));
    if !is_member {
        let text = format!("User {sender} not in room {room_id}");
        return Err(SynapseRefusal::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", &text));
    }
    let room = state.add_room(&room_id);
    let (has, needs) = room.power(&sender);
    if has < needs {
        let text = format!(
            "You don't have permission to post that to the room. user_level ({has}) < send_level ({needs})"
        );
        return Err(SynapseRefusal::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", &text));
    }
    let sent = (sender.clone(), transaction);
    let event_id = room.transactions.get(&sent).cloned().unwrap_or_else(|| {
        let event_id = format!("${}{}", ids::word(24), ids::word(19));
        room.transactions.insert(sent, event_id.clone());
        room.messages.push(RoomMessage { event_id: event_id.clone(), sender, kind, content });
        event_id
    });
    Ok(answer(StatusCode::OK, &json!({"event_id": event_id})))
}

/// `GET /_synapse/admin/v1/rooms/{room_id}`
async fn room(
    State(state): State<Shared<SynapseState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    auth::admin(&state, &headers).await?;
    let state = state.lock();
    let unknown = || SynapseRefusal::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", "Room not found");
    let room = state.room(&id).ok_or_else(unknown)?;
    let members = state.members(&id);
    let body = json!({
        "room_id": id,
        "name": room.name,
        "topic": null,
        "avatar": null,
        "canonical_alias": null,
        "joined_members": members,
        "joined_local_members": members,
        "joined_local_devices": 0,
        "version": "12",
        "creator": room.creator,
        "encryption": null,
        "federatable": true,
        "public": false,
        "join_rules": "invite",
        "guest_access": null,
        "history_visibility": "shared",
        "state_events": 6,
        "room_type": null,
        "forgotten": false,
    });
    Ok(answer(StatusCode::OK, &body))
}
