//! Describes a user in every detail, for worlds in which names alone are not enough.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Membership, RunningWorld, World};
use crate::standins::keycloak::Realm;
use crate::standins::{StandInError, time};

/// How long ago the users of a world were created by default: before anything happened to accounts.
const AGE: Duration = Duration::from_hours(365 * 24);

/// A user of Keycloak. It has only what is described: by default no e-mail address and no names.
#[derive(Clone, Debug)]
pub struct NewUser {
    username: String,
    id: Option<String>,
    enabled: bool,
    group: Option<Membership>,
    email: Option<String>,
    names: [Option<String>; 2],
    created: Option<String>,
    attributes: BTreeMap<String, Vec<String>>,
    federation_link: Option<String>,
    is_service_account: bool,
}

impl NewUser {
    /// Describes a user who is in no group.
    #[must_use]
    pub fn new(username: &str) -> Self {
        Self {
            username: username.to_owned(),
            id: None,
            enabled: true,
            group: None,
            email: None,
            names: [None, None],
            created: None,
            attributes: BTreeMap::new(),
            federation_link: None,
            is_service_account: false,
        }
    }

    /// Returns the username.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Describes a user who is in the first group.
    #[must_use]
    pub fn member(username: &str) -> Self {
        Self::new(username).in_first_group()
    }

    /// Describes the service account of a client; it is in no group (trap 49).
    #[must_use]
    pub fn service_account(client: &str) -> Self {
        Self { is_service_account: true, ..Self::new(&format!("service-account-{client}")) }
    }

    /// Adds the user to the world's first group.
    #[must_use]
    pub fn in_first_group(mut self) -> Self {
        self.group = Some(Membership::First);
        self
    }

    /// Adds the user to the group at `path`, which is also added.
    #[must_use]
    pub fn in_group(mut self, path: &str) -> Self {
        self.group = Some(Membership::At(path.to_owned()));
        self
    }

    /// Sets the ID.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Sets the e-mail address, verified.
    #[must_use]
    pub fn email(mut self, email: &str) -> Self {
        self.email = Some(email.to_owned());
        self
    }

    /// Sets first and last name.
    #[must_use]
    pub fn named(mut self, first: &str, last: &str) -> Self {
        self.names = [first, last].map(|name| Some(name.to_owned()));
        self
    }

    /// Sets the first name alone.
    #[must_use]
    pub fn first_name(mut self, name: &str) -> Self {
        self.names[0] = Some(name.to_owned());
        self
    }

    /// Sets the last name alone.
    #[must_use]
    pub fn last_name(mut self, name: &str) -> Self {
        self.names[1] = Some(name.to_owned());
        self
    }

    /// Sets when the user was created (RFC 3339); a year ago unless set.
    #[must_use]
    pub fn created(mut self, time: &str) -> Self {
        self.created = Some(time.to_owned());
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        self.attributes.insert(name.to_owned(), values);
        self
    }

    /// Makes it a federated user of this storage provider.
    #[must_use]
    pub fn federated(mut self, provider: &str) -> Self {
        self.federation_link = Some(provider.to_owned());
        self
    }

    /// Disables the user in Keycloak.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.enabled = false;
        self
    }
}

/// Adds a user to a realm, in place of any with the name or the ID, without an admin event.
pub(super) fn put_user(realm: &mut Realm, new: &NewUser, group: &str) -> Result<(), StandInError> {
    let created = new.created.as_deref().map(millis).transpose()?;
    let created = created.unwrap_or_else(a_year_ago);
    let path = match &new.group {
        None => None,
        Some(Membership::At(path)) => Some(path.as_str()),
        Some(Membership::First) if group.is_empty() => {
            return Err(StandInError::World("a member, but no group".to_owned()));
        }
        Some(Membership::First) => Some(group),
    };
    realm.silently(|realm| {
        realm.delete_user(&new.username);
        let same = new.id.as_deref().and_then(|id| realm.user_by_id(id));
        if let Some(name) = same.map(|user| user.username.clone()) {
            realm.delete_user(&name);
        }
        let user = realm.add_user(&new.username);
        user.service = new.is_service_account;
        user.enabled = new.enabled;
        user.email.clone_from(&new.email);
        user.email_verified = new.email.is_some();
        [user.first_name, user.last_name] = new.names.clone();
        user.created = created;
        user.attributes.clone_from(&new.attributes);
        user.federation_link.clone_from(&new.federation_link);
        if let Some(id) = &new.id {
            realm.set_user_id(&new.username, id);
        }
        if let Some(path) = path {
            if realm.group_by_path(path).is_none() {
                realm.add_group(path);
            }
            realm.join(&new.username, path);
        }
    });
    Ok(())
}

/// Returns the default time when users were created.
pub(super) fn a_year_ago() -> u64 {
    let age = u64::try_from(AGE.as_millis()).unwrap_or(0);
    time::now_ms().saturating_sub(age)
}

pub(super) fn millis(text: &str) -> Result<u64, StandInError> {
    let bad = || StandInError::World(format!("{text} is no time"));
    let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).ok();
    let since = humantime::parse_rfc3339(text).ok().and_then(since).ok_or_else(bad)?;
    u64::try_from(since.as_millis()).map_err(|_| bad())
}

impl World {
    /// Adds a user in every detail.
    #[must_use]
    pub fn with_user(mut self, user: NewUser) -> Self {
        self.users.push(user);
        self
    }
}

impl RunningWorld {
    /// Adds a user to the realm, in place of any with the name or the ID, without an admin event.
    pub fn put_user(&self, user: &NewUser) -> Result<(), StandInError> {
        put_user(self.keycloak.state().realm(&self.realm), user, &self.group)
    }

    /// Removes a user from the realm, without an admin event.
    pub fn remove_user(&self, username: &str) {
        self.keycloak.state().realm(&self.realm).silently(|realm| realm.delete_user(username));
    }
}
