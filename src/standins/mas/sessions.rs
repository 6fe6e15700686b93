//! Stores sessions of every kind, and their tokens.
//!
//! mas-cli's `kill-sessions` does not end personal sessions (trap 44). The deactivation job ends
//! all, including those owned by the user.

use std::collections::{BTreeMap, HashMap};

use super::state::MasState;
use crate::standins::{ids, time};

/// The first name of `urn:matrix:…:api:*`, which homeservers of every version know.
const CLIENT_API: &str = "urn:matrix:org.matrix.msc2967.client:api:*";
const SYNAPSE_ADMIN: &str = "urn:synapse:admin:*";
const DEVICE: [&str; 2] =
    ["urn:matrix:client:device:", "urn:matrix:org.matrix.msc2967.client:device:"];

/// What opened a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// A Matrix client that logged in the old way, or mas-cli: `mct_…`.
    Compat,
    /// A Matrix client that logged in by OAuth 2.0: `mat_…`.
    OAuth2,
    /// A browser with a cookie; it has no token.
    Browser,
    /// A personal access token: `mpt_…` (trap 41).
    Personal,
}

impl SessionKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Compat, Self::OAuth2, Self::Browser, Self::Personal];
    /// The kinds that a login opens and `kill-sessions` ends.
    pub const OF_LOGINS: [Self; 3] = [Self::Compat, Self::OAuth2, Self::Browser];

    fn token(self) -> Option<String> {
        let prefix = match self {
            Self::Compat => "mct",
            Self::OAuth2 => "mat",
            Self::Browser => return None,
            Self::Personal => "mpt",
        };
        Some(format!("{prefix}_{}_{}", ids::word(30), ids::word(6)))
    }
}

/// What the token of a compatibility session opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompatScope {
    /// The client API.
    Client,
    /// Synapse's admin API too.
    SynapseAdmin,
}

impl CompatScope {
    fn text(self) -> String {
        match self {
            Self::Client => CLIENT_API.to_owned(),
            Self::SynapseAdmin => format!("{CLIENT_API} {SYNAPSE_ADMIN}"),
        }
    }
}

/// The owner of a personal session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionOwner {
    /// A user, by ULID.
    User(String),
    /// A client, by ID.
    Client(String),
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasSession {
    /// The ULID.
    pub id: String,
    /// What opened it.
    pub kind: SessionKind,
    /// The user's ULID; of a personal session, the user it acts as.
    pub user_id: String,
    /// The owner, which may be another user if the session is personal.
    pub owner: SessionOwner,
    /// The client of an OAuth 2.0 session.
    pub client_id: Option<String>,
    /// The device on the homeserver.
    pub device_id: Option<String>,
    /// The scope of its token, separated by blanks.
    pub scope: String,
    /// The name that its user gave it.
    pub human_name: Option<String>,
    pub created_at: String,
    pub finished_at: Option<String>,
    /// When its token expires, in microseconds since 1970.
    pub expires: Option<u64>,
}

impl MasSession {
    /// Creates an open session of a user, without a device.
    #[must_use]
    pub fn new(kind: SessionKind, user_id: &str) -> Self {
        Self {
            id: ids::ulid(),
            kind,
            user_id: user_id.to_owned(),
            owner: SessionOwner::User(user_id.to_owned()),
            client_id: None,
            device_id: None,
            scope: String::new(),
            human_name: None,
            created_at: time::now_rfc3339(),
            finished_at: None,
            expires: None,
        }
    }

    /// Returns the session with this scope, and the device that the scope names.
    #[must_use]
    pub fn with_scope(mut self, scope: &str) -> Self {
        let device = |part: &str| {
            DEVICE.iter().find_map(|prefix| part.strip_prefix(prefix)).map(str::to_owned)
        };
        self.device_id = scope.split_whitespace().find_map(device);
        scope.clone_into(&mut self.scope);
        self
    }

    /// Returns whether it has not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.finished_at.is_none()
    }

    /// Returns whether its token has expired.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.expires.is_some_and(|expires| expires <= time::now_micros())
    }

    fn concerns(&self, user_id: &str) -> bool {
        self.user_id == user_id
            || matches!(&self.owner, SessionOwner::User(owner) if owner == user_id)
    }
}

/// All sessions, each kind by ULID, and their tokens.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    compat: BTreeMap<String, MasSession>,
    oauth2: BTreeMap<String, MasSession>,
    browser: BTreeMap<String, MasSession>,
    personal: BTreeMap<String, MasSession>,
    tokens: HashMap<String, (SessionKind, String)>,
}

impl Sessions {
    pub(super) fn of_kind(&self, kind: SessionKind) -> &BTreeMap<String, MasSession> {
        match kind {
            SessionKind::Compat => &self.compat,
            SessionKind::OAuth2 => &self.oauth2,
            SessionKind::Browser => &self.browser,
            SessionKind::Personal => &self.personal,
        }
    }

    pub(super) fn of_mut(&mut self, kind: SessionKind) -> &mut BTreeMap<String, MasSession> {
        match kind {
            SessionKind::Compat => &mut self.compat,
            SessionKind::OAuth2 => &mut self.oauth2,
            SessionKind::Browser => &mut self.browser,
            SessionKind::Personal => &mut self.personal,
        }
    }

    /// Removes sessions that the user owns or that act as the user, with their tokens.
    pub(super) fn remove_of(&mut self, user_id: &str) {
        for kind in SessionKind::ALL {
            self.of_mut(kind).retain(|_, session| !session.concerns(user_id));
        }
        let Self { compat, oauth2, browser, personal, tokens } = self;
        let all = [compat, oauth2, browser, personal];
        tokens.retain(|_, (_, id)| all.iter().any(|sessions| sessions.contains_key(id)));
    }
}

impl MasState {
    /// Adds a session and returns its token; that of a browser has none.
    pub fn put_session(&mut self, session: MasSession) -> Option<String> {
        let (kind, id) = (session.kind, session.id.clone());
        self.sessions.of_mut(kind).insert(id.clone(), session);
        let token = kind.token()?;
        self.sessions.tokens.insert(token.clone(), (kind, id));
        Some(token)
    }

    /// Opens a compatibility session and returns its token.
    pub fn add_session(
        &mut self,
        username: &str,
        device_id: &str,
        scope: CompatScope,
    ) -> Option<String> {
        let mut session = MasSession::new(SessionKind::Compat, &self.user(username)?.id);
        session.device_id = Some(device_id.to_owned());
        session.scope = scope.text();
        self.put_session(session)
    }

    /// Returns the session of a token, ended or not.
    #[must_use]
    pub fn session(&self, token: &str) -> Option<&MasSession> {
        let (kind, id) = self.sessions.tokens.get(token)?;
        self.sessions.of_kind(*kind).get(id)
    }

    /// Returns all sessions of a kind by ULID.
    pub fn sessions(&self, kind: SessionKind) -> impl Iterator<Item = &MasSession> {
        self.sessions.of_kind(kind).values()
    }

    /// Returns the open sessions of a user, including personal ones that act as this user.
    pub fn open_sessions<'a>(&'a self, user_id: &'a str) -> impl Iterator<Item = &'a MasSession> {
        let all = SessionKind::ALL.into_iter().flat_map(|kind| self.sessions(kind));
        all.filter(move |session| session.user_id == user_id && session.is_open())
    }

    /// Ends the open sessions of these kinds that the user owns or that act as the user.
    pub fn finish_sessions(&mut self, user_id: &str, kinds: &[SessionKind]) {
        let now = time::now_rfc3339();
        for kind in kinds {
            let open = self.sessions.of_mut(*kind).values_mut().filter(|session| session.is_open());
            for session in open.filter(|session| session.concerns(user_id)) {
                session.finished_at = Some(now.clone());
            }
        }
    }
}
