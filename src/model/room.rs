//! Defines a room of the homeserver, as far as it is remembered.

use serde::{Deserialize, Serialize};

use super::ServerText;

/// A room that an account was in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Room {
    pub room_id: ServerText,
    /// Its name, or else its address; none for most direct chats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<ServerText>,
}
