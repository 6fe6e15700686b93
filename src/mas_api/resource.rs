//! Defines the answers of the Admin API (JSON:API), with the fields that are used.

use serde::Deserialize;

use crate::model::{AccountState, MasUserId, Timestamp};

/// One resource, in a list or alone.
#[derive(Debug, Clone, Deserialize)]
pub struct Resource<A> {
    /// Its ULID.
    pub id: Box<str>,
    pub attributes: A,
}

/// An answer with one resource.
#[derive(Debug, Deserialize)]
pub struct Single<A> {
    pub data: Resource<A>,
}

/// A user. Source: `GET /users`, `GET /users/{id}`, and the answer to each change of a user.
#[derive(Debug, Clone, Deserialize)]
pub struct UserAttributes {
    /// The localpart.
    pub username: Box<str>,
    #[serde(default)]
    pub created_at: Option<Box<str>>,
    pub locked_at: Option<Box<str>>,
    pub deactivated_at: Option<Box<str>>,
    /// Whether the user may request administrator rights.
    #[serde(default)]
    pub admin: bool,
    /// A guest from before the migration to MAS; missing before MAS 1.3.
    #[serde(default)]
    pub legacy_guest: bool,
}

impl UserAttributes {
    /// Returns the state; MAS does not record an erasure.
    #[must_use]
    pub fn state(&self) -> AccountState {
        AccountState {
            deactivated: self.deactivated_at.is_some(),
            locked: self.locked_at.is_some(),
            erased: false,
        }
    }

    /// Returns when the user was registered. An unreadable time counts as none.
    #[must_use]
    pub fn created_at(&self) -> Option<Timestamp> {
        readable(self.created_at.as_deref())
    }

    /// Returns when the user was locked or deactivated, the earlier of both. An unreadable time
    /// counts as none.
    #[must_use]
    pub fn disabled_at(&self) -> Option<Timestamp> {
        self.disable_times().min()
    }

    /// Returns since when the user has been as it is now: deactivated, or else locked. An unreadable
    /// time counts as none.
    #[must_use]
    pub fn in_this_state_since(&self) -> Option<Timestamp> {
        readable(self.deactivated_at.as_deref().or(self.locked_at.as_deref()))
    }

    /// Returns when the user was last locked or deactivated, the later of both.
    #[must_use]
    pub fn last_disabled_at(&self) -> Option<Timestamp> {
        self.disable_times().max()
    }

    /// Returns when the user was locked. An unreadable time counts as none.
    #[must_use]
    pub fn locked_at(&self) -> Option<Timestamp> {
        readable(self.locked_at.as_deref())
    }

    fn disable_times(&self) -> impl Iterator<Item = Timestamp> {
        let times = [self.locked_at.as_deref(), self.deactivated_at.as_deref()];
        times.into_iter().filter_map(readable)
    }
}

/// Returns a time of MAS. An unreadable one counts as none.
fn readable(time: Option<&str>) -> Option<Timestamp> {
    Timestamp::try_from(time?.to_owned()).ok()
}

impl Resource<UserAttributes> {
    /// Returns the user's ID.
    #[must_use]
    pub fn user_id(&self) -> MasUserId {
        self.id.clone().into()
    }
}
