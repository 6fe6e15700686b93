//! Stores the database of MAS: users and jobs here; sessions, e-mail addresses, clients and
//! upstream links in files of their own.
//!
//! Everything is in order of its ULID, because the Admin API pages that way.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Serialize;

use super::clients::Clients;
use super::emails::Emails;
use super::jobs::Job;
use super::policy::PolicyData;
use super::sessions::Sessions;
use super::settings::MasSettings;
use super::upstream::Upstream;
use crate::standins::{ids, time};

/// One user of MAS. What is serialized are the attributes that every Admin API shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatabaseUser {
    /// The ULID; changed only by [`MasState::set_user_id`].
    #[serde(skip)]
    pub id: String,
    /// The name, which is the localpart on the homeserver.
    pub username: String,
    pub created_at: String,
    pub locked_at: Option<String>,
    pub deactivated_at: Option<String>,
    /// Whether the user may request administrator rights.
    pub admin: bool,
    /// Whether the user was a guest before the homeserver moved to MAS.
    #[serde(skip)]
    pub legacy_guest: bool,
    /// The ULIDs of the e-mail addresses; deactivation removes them permanently.
    #[serde(skip)]
    pub(super) email_ids: Vec<String>,
}

impl DatabaseUser {
    /// Returns whether the user's tokens are valid.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.locked_at.is_none() && self.deactivated_at.is_none()
    }
}

/// All that one MAS knows.
#[derive(Debug)]
pub struct MasState {
    pub settings: MasSettings,
    /// Whether the worker runs; otherwise jobs stay in the queue.
    pub worker_on: bool,
    /// Jobs that were given up after too many attempts.
    pub failed_jobs: usize,
    pub(super) jobs: VecDeque<Job>,
    pub(super) users: BTreeMap<String, DatabaseUser>,
    pub(super) emails: Emails,
    pub(super) sessions: Sessions,
    pub(super) clients: Clients,
    pub(super) upstream: Upstream,
    /// Every version, the one in force last.
    pub(super) policy: Vec<PolicyData>,
    /// Lower-case names to the ULIDs of their users: several if they differ only in case.
    names: HashMap<String, Vec<String>>,
}

impl MasState {
    /// Creates an empty database.
    #[must_use]
    pub fn new(settings: MasSettings) -> Self {
        Self {
            settings,
            worker_on: true,
            failed_jobs: 0,
            jobs: VecDeque::new(),
            users: BTreeMap::new(),
            emails: Emails::new(),
            sessions: Sessions::default(),
            clients: Clients::default(),
            upstream: Upstream::default(),
            policy: Vec::new(),
            names: HashMap::new(),
        }
    }

    /// Adds a user, or returns the one of exactly that name: two that differ only in case are two
    /// users (trap 51).
    pub fn add_user(&mut self, username: &str) -> &mut DatabaseUser {
        let namesakes = self.names.entry(username.to_lowercase()).or_default();
        let known = namesakes
            .iter()
            .find(|id| self.users.get(*id).is_some_and(|user| user.username == username));
        let id = known.cloned().unwrap_or_else(|| {
            let id = ids::ulid();
            namesakes.push(id.clone());
            id
        });
        self.users.entry(id.clone()).or_insert_with(|| DatabaseUser {
            id,
            username: username.to_owned(),
            created_at: time::now_rfc3339(),
            locked_at: None,
            deactivated_at: None,
            admin: false,
            legacy_guest: false,
            email_ids: Vec::new(),
        })
    }

    /// Gives a user another ULID, as recordings need it.
    pub fn set_user_id(&mut self, username: &str, id: &str) {
        let Some(old) = self.user_id(username).map(str::to_owned) else {
            return;
        };
        if let Some(mut user) = self.users.remove(&old) {
            for namesake in self.names.values_mut().flatten().filter(|namesake| **namesake == old) {
                id.clone_into(namesake);
            }
            for email in &user.email_ids {
                if let Some(email) = self.emails.get_mut(email) {
                    id.clone_into(&mut email.user_id);
                }
            }
            id.clone_into(&mut user.id);
            self.users.insert(id.to_owned(), user);
        }
    }

    /// Removes a user with links and sessions, as no API does. A later one of the same name is
    /// another user.
    pub fn remove_user(&mut self, username: &str) {
        if let Some(id) = self.user_id(username).map(str::to_owned) {
            self.remove_emails(&id);
            self.users.remove(&id);
            if let Some(namesakes) = self.names.get_mut(&username.to_lowercase()) {
                namesakes.retain(|namesake| *namesake != id);
            }
            self.unlink(&id);
            self.sessions.remove_of(&id);
        }
    }

    /// Returns the user of a name: case is ignored (trap 22) unless several users differ only in
    /// case (trap 51).
    #[must_use]
    pub fn user(&self, username: &str) -> Option<&DatabaseUser> {
        self.users.get(self.user_id(username)?)
    }

    /// Returns the same user, to change.
    pub fn user_mut(&mut self, username: &str) -> Option<&mut DatabaseUser> {
        let id = self.user_id(username)?.to_owned();
        self.users.get_mut(&id)
    }

    /// Returns whether a name is taken, by any spelling.
    #[must_use]
    pub fn is_taken(&self, username: &str) -> bool {
        self.names.get(&username.to_lowercase()).is_some_and(|namesakes| !namesakes.is_empty())
    }

    fn user_id(&self, username: &str) -> Option<&str> {
        let namesakes = self.names.get(&username.to_lowercase())?;
        let is_exact =
            |id: &&String| self.users.get(*id).is_some_and(|user| user.username == username);
        let found = match namesakes.as_slice() {
            [only] => Some(only),
            several => several.iter().find(is_exact),
        };
        found.map(String::as_str)
    }

    /// Returns a user by ULID.
    #[must_use]
    pub fn user_by_id(&self, id: &str) -> Option<&DatabaseUser> {
        self.users.get(id)
    }

    /// Returns all users by ULID.
    pub fn users(&self) -> impl Iterator<Item = &DatabaseUser> {
        self.users.values()
    }

    /// Returns how many jobs are waiting or running.
    #[must_use]
    pub fn jobs_left(&self) -> usize {
        self.jobs.len()
    }

    /// Drops every job, as no MAS does: the changes never happen.
    pub fn lose_jobs(&mut self) {
        self.jobs.clear();
    }
}
