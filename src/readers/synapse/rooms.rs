//! Reads the rooms of an account, which a deactivation makes it leave.

use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::SynapseReader;
use crate::http::{HttpError, Missing, none_if_missing};
use crate::model::{Room, ServerText, UserId};

/// Names requested at the same time.
const AT_A_TIME: usize = 8;

#[derive(Debug, Deserialize)]
struct JoinedRooms {
    joined_rooms: Vec<ServerText>,
}

#[derive(Debug, Deserialize)]
struct RoomDetail {
    name: Option<ServerText>,
    canonical_alias: Option<ServerText>,
}

impl SynapseReader {
    /// Returns the rooms that an account is in, in order of name; none if the homeserver does not
    /// know the account. A room whose name is not there in time has only its ID.
    ///
    /// Source: `GET /_synapse/admin/v1/users/{user_id}/joined_rooms` (recording:
    /// `synapse-lifecycle.json`), then `GET /_synapse/admin/v1/rooms/{room_id}` for each.
    pub async fn rooms_of(
        &self,
        user_id: &UserId,
        names_until: Instant,
    ) -> Result<Vec<Room>, HttpError> {
        let path = ["_synapse", "admin", "v1", "users", &user_id.text(), "joined_rooms"];
        let joined: JoinedRooms = self.api.get(&path, &[]).await?;
        let named = stream::iter(joined.joined_rooms).map(|room_id| async move {
            // The ID alone is worth a lot.
            let name = timeout_at(names_until, self.room_name(&room_id)).await;
            let name = name.ok().and_then(Result::ok).flatten();
            Room { room_id, name }
        });
        let mut rooms: Vec<_> = named.buffer_unordered(AT_A_TIME).collect().await;
        rooms.sort_by(|one, other| (one.name.is_none(), one).cmp(&(other.name.is_none(), other)));
        Ok(rooms)
    }

    /// Returns the name of a room; none if it has no name, or is gone meanwhile.
    async fn room_name(&self, room_id: &ServerText) -> Result<Option<ServerText>, HttpError> {
        let path = ["_synapse", "admin", "v1", "rooms", room_id.raw()];
        let detail: Option<RoomDetail> =
            none_if_missing(Missing::User, self.api.get(&path, &[]).await)?;
        let name = detail.and_then(|detail| detail.name.or(detail.canonical_alias));
        Ok(name.filter(|name| !name.raw().is_empty()))
    }
}
