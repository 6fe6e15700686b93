//! Stores e-mail addresses of users, in order of their ULIDs as the Admin API pages them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::state::MasState;
use crate::standins::{ids, time};

/// An e-mail address of a user. What is serialized are the attributes that the Admin API shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Email {
    /// The ULID.
    #[serde(skip)]
    pub id: String,
    pub created_at: String,
    pub user_id: String,
    pub email: String,
}

impl Email {
    /// Creates an address of the user with this ULID.
    #[must_use]
    pub fn new(user_id: &str, email: &str) -> Self {
        Self {
            id: ids::ulid(),
            created_at: time::now_rfc3339(),
            user_id: user_id.to_owned(),
            email: email.to_owned(),
        }
    }
}

/// All e-mail addresses by ULID.
pub(super) type Emails = BTreeMap<String, Email>;

impl MasState {
    /// Adds an e-mail address; it is ignored if its user is unknown.
    pub fn add_email(&mut self, email: Email) {
        if let Some(user) = self.users.get_mut(&email.user_id) {
            user.email_ids.push(email.id.clone());
            self.emails.insert(email.id.clone(), email);
        }
    }

    /// Removes an e-mail address, and returns it.
    pub fn remove_email(&mut self, id: &str) -> Option<Email> {
        let email = self.emails.remove(id)?;
        if let Some(user) = self.users.get_mut(&email.user_id) {
            user.email_ids.retain(|own| own != id);
        }
        Some(email)
    }

    /// Returns the e-mail addresses of the user with this ULID, the first one first.
    pub fn emails_of(&self, user_id: &str) -> impl Iterator<Item = &Email> {
        let ids = self.users.get(user_id).map_or(&[][..], |user| &user.email_ids);
        ids.iter().filter_map(|id| self.emails.get(id))
    }

    /// Removes every e-mail address of a user, as deactivation does.
    pub fn remove_emails(&mut self, user_id: &str) {
        if let Some(user) = self.users.get_mut(user_id) {
            for id in std::mem::take(&mut user.email_ids) {
                self.emails.remove(&id);
            }
        }
    }
}
