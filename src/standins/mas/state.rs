//! The database of MAS: users, sessions, jobs.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use secrecy::SecretString;

use super::jobs::Job;
use crate::standins::{ids, time};

/// How MAS is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where tokens come from; set when it starts.
    pub issuer: String,
    /// The homeserver.
    pub synapse_url: String,
    /// The secret that Synapse and MAS share.
    pub shared_secret: SecretString,
    /// How long a job waits before it is done.
    pub job_delay: Duration,
    /// The password that mas-cli has to give for user `mas` of the database; none lets everybody in.
    pub database_password: Option<SecretString>,
}

impl Settings {
    /// Settings with the delay of a worker that has little to do.
    #[must_use]
    pub fn new(shared_secret: SecretString) -> Self {
        Self {
            issuer: String::new(),
            synapse_url: String::new(),
            shared_secret,
            job_delay: Duration::from_millis(150),
            database_password: None,
        }
    }
}

/// One user of MAS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The ULID; changed by [`State::set_user_id`] alone.
    pub id: String,
    /// The name, which is the localpart on the homeserver.
    pub username: String,
    /// When the user was made.
    pub created_at: String,
    /// When the user was locked.
    pub locked_at: Option<String>,
    /// When the user was deactivated.
    pub deactivated_at: Option<String>,
    /// Whether the user may ask for administrator's rights.
    pub admin: bool,
    /// E-mail addresses; deactivation removes them for good.
    pub emails: BTreeSet<String>,
}

impl User {
    /// Whether the user's tokens are worth anything.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.locked_at.is_none() && self.deactivated_at.is_none()
    }
}

/// A compatibility session with its one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The ULID.
    pub id: String,
    /// The user's ULID.
    pub user_id: String,
    /// The device on the homeserver.
    pub device_id: String,
    /// Whether the token opens Synapse's admin API.
    pub synapse_admin: bool,
    /// Whether the session was ended.
    pub finished: bool,
}

/// All that one MAS knows.
#[derive(Debug)]
pub struct State {
    /// The settings.
    pub settings: Settings,
    /// Whether the worker works; off, jobs stay in the queue.
    pub worker_on: bool,
    /// Jobs that were given up after too many attempts.
    pub failed_jobs: usize,
    pub(super) jobs: VecDeque<Job>,
    users: BTreeMap<String, User>,
    names: HashMap<String, String>,
    sessions: HashMap<String, Session>,
}

impl State {
    /// An empty database.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            worker_on: true,
            failed_jobs: 0,
            jobs: VecDeque::new(),
            users: BTreeMap::new(),
            names: HashMap::new(),
            sessions: HashMap::new(),
        }
    }

    /// Adds a user, or gives the one of that name.
    pub fn add_user(&mut self, username: &str) -> &mut User {
        let names = &mut self.names;
        self.users.entry(username.to_lowercase()).or_insert_with(|| {
            let id = ids::ulid();
            names.insert(id.clone(), username.to_lowercase());
            User {
                id,
                username: username.to_owned(),
                created_at: time::now_rfc3339(),
                locked_at: None,
                deactivated_at: None,
                admin: false,
                emails: BTreeSet::new(),
            }
        })
    }

    /// Gives a user another ULID, as recordings need it.
    pub fn set_user_id(&mut self, username: &str, id: &str) {
        if let Some(user) = self.users.get_mut(&username.to_lowercase()) {
            self.names.remove(&user.id);
            id.clone_into(&mut user.id);
            self.names.insert(user.id.clone(), username.to_lowercase());
        }
    }

    /// A user by name, without regard to case (trap 22).
    #[must_use]
    pub fn user(&self, username: &str) -> Option<&User> {
        self.users.get(&username.to_lowercase())
    }

    /// A user by name, to change.
    pub fn user_mut(&mut self, username: &str) -> Option<&mut User> {
        self.users.get_mut(&username.to_lowercase())
    }

    /// A user by ULID.
    #[must_use]
    pub fn user_by_id(&self, id: &str) -> Option<&User> {
        self.user(self.names.get(id)?)
    }

    /// All users by name.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// Opens a compatibility session and gives its token.
    pub fn add_session(&mut self, username: &str, device_id: &str, synapse_admin: bool) -> Option<String> {
        let user_id = self.user(username)?.id.clone();
        let token = format!("mct_{}_{}", ids::word(30), ids::word(6));
        let device_id = device_id.to_owned();
        let session = Session { id: ids::ulid(), user_id, device_id, synapse_admin, finished: false };
        self.sessions.insert(token.clone(), session);
        Some(token)
    }

    /// The session of a token.
    #[must_use]
    pub fn session(&self, token: &str) -> Option<&Session> {
        self.sessions.get(token)
    }

    /// The open sessions of a user.
    pub fn open_sessions<'a>(&'a self, user_id: &'a str) -> impl Iterator<Item = &'a Session> {
        self.sessions.values().filter(move |session| session.user_id == user_id && !session.finished)
    }

    /// Ends all sessions of a user and says how many there were.
    pub fn finish_sessions(&mut self, user_id: &str) -> usize {
        let open = self.sessions.values_mut().filter(|session| session.user_id == user_id && !session.finished);
        open.map(|session| session.finished = true).count()
    }

    /// How many jobs are waiting or under way.
    #[must_use]
    pub fn jobs_left(&self) -> usize {
        self.jobs.len()
    }

    /// Drops every job, as no MAS does: what was asked never happens.
    pub fn lose_jobs(&mut self) {
        self.jobs.clear();
    }
}
