//! Loads `[notify]`: the command and the room that learn of changes.

use secrecy::{ExposeSecret, SecretString};

use super::SynapseConfig;
use super::fields::Fields;
use super::keys::notify as keys;

/// The longest ID of a room in Matrix.
const LONGEST_ROOM: usize = 255;

/// `[notify]`.
#[derive(Debug, Clone, Default)]
pub struct NotifyConfig {
    /// The command to run after a run that changed something: the program and its arguments.
    pub on_done: Option<Vec<String>>,
    /// The room that gets messages.
    pub room: Option<RoomConfig>,
}

/// A room, and the bot that writes to it.
#[derive(Debug, Clone)]
pub struct RoomConfig {
    /// `!…`
    pub id: String,
    pub access_token: SecretString,
}

impl RoomConfig {
    /// Returns whether the token is a personal access token of MAS, whose owner may be another user
    /// than the one it acts as.
    #[must_use]
    pub fn has_personal_token(&self) -> bool {
        self.access_token.expose_secret().starts_with("mpt_")
    }
}

/// Takes the section.
pub(super) fn notify(fields: &mut Fields, synapse: Option<&SynapseConfig>) -> NotifyConfig {
    let on_done = fields.texts(&keys::ON_DONE);
    if on_done.as_ref().is_some_and(Vec::is_empty) {
        fields.empty(&keys::ON_DONE);
    }
    NotifyConfig { on_done, room: room(fields, synapse) }
}

fn room(fields: &mut Fields, synapse: Option<&SynapseConfig>) -> Option<RoomConfig> {
    let (room, token) = (&keys::ROOM, &keys::ACCESS_TOKEN);
    let (has_room, has_token) = (fields.is_given(room), fields.is_given(token));
    let has_synapse = synapse.is_some() || fields.is_wrong_in("synapse.");
    let id = fields.text(room);
    let access_token = fields.secret(token);
    if !has_room {
        if has_token {
            fields.missing(room, "the room that the bot of notify.access_token writes to");
        }
        return None;
    }
    if let Some(id) = id.as_ref().filter(|id| !is_room_id(id)) {
        fields.unexpected(room, Some(id));
    }
    if !has_synapse {
        let why = "this needs synapse.url: messages are sent through Synapse";
        fields.wrong(room, id.as_deref(), why);
    }
    if !has_token {
        fields.missing(token, "an access token of the bot that writes to notify.room");
    }
    let is_admins = |synapse: &SynapseConfig| {
        let token = access_token.as_ref().map(ExposeSecret::expose_secret);
        token == Some(synapse.admin_token.expose_secret())
    };
    if synapse.is_some_and(is_admins) {
        let why = "expected the token of an account of its own: this is synapse.admin_token";
        fields.wrong(token, None, why);
    }
    Some(RoomConfig { id: id?, access_token: access_token? })
}

/// Returns whether a text has the form of a room's ID. Since room version 12 it has no server in it.
fn is_room_id(text: &str) -> bool {
    let is_part = |c: char| !c.is_whitespace() && !c.is_control();
    let rest = text.strip_prefix('!').unwrap_or_default();
    !rest.is_empty() && text.len() <= LONGEST_ROOM && rest.chars().all(is_part)
}
