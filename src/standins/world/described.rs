//! Describes users and accounts in every detail, for worlds in which names alone are not enough.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::links::PROVIDER;
use super::{Membership, RunningWorld, SynapseAccountState, World};
use crate::standins::keycloak::Realm;
use crate::standins::mas::{self, Email, Link};
use crate::standins::synapse::{self, SynapseExternalId};
use crate::standins::{StandInError, time};

/// How long ago the users of a world were created by default: before anything happened to accounts.
pub(super) const AGE: Duration = Duration::from_hours(365 * 24);

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

fn millis(text: &str) -> Result<u64, StandInError> {
    let bad = || StandInError::World(format!("{text} is no time"));
    let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).ok();
    let since = humantime::parse_rfc3339(text).ok().and_then(since).ok_or_else(bad)?;
    u64::try_from(since.as_millis()).map_err(|_| bad())
}

/// Which servers have an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Both,
    Mas,
    Synapse,
}

/// A mark of MAS that has a time.
#[derive(Clone, Debug, PartialEq, Eq)]
enum MarkTime {
    Never,
    Now,
    At(String),
}

impl MarkTime {
    fn time(&self) -> Option<String> {
        match self {
            Self::Never => None,
            Self::Now => Some(time::now_rfc3339()),
            Self::At(time) => Some(time.clone()),
        }
    }
}

#[derive(Clone, Debug)]
struct NewLink {
    provider: String,
    subject: String,
    created: Option<String>,
}

/// An account. It has only what is described, and its localpart as display name: by default no e-mail
/// address, and no link even if a user has its name.
#[derive(Clone, Debug)]
pub struct NewAccount {
    localpart: String,
    place: Place,
    locked: MarkTime,
    deactivated: MarkTime,
    in_synapse: Option<SynapseAccountState>,
    emails: Vec<String>,
    displayname: Option<String>,
    external_ids: Vec<SynapseExternalId>,
    appservice: Option<String>,
    is_mas_admin: bool,
    links: Vec<NewLink>,
}

impl NewAccount {
    /// Describes an active account, in MAS and Synapse.
    #[must_use]
    pub fn new(localpart: &str) -> Self {
        Self {
            localpart: localpart.to_owned(),
            place: Place::Both,
            locked: MarkTime::Never,
            deactivated: MarkTime::Never,
            in_synapse: None,
            emails: Vec::new(),
            displayname: Some(localpart.to_owned()),
            external_ids: Vec::new(),
            appservice: None,
            is_mas_admin: false,
            links: Vec::new(),
        }
    }

    /// Locks it now.
    #[must_use]
    pub fn locked(mut self) -> Self {
        self.locked = MarkTime::Now;
        self
    }

    /// Deactivates it now; that does not lock it.
    #[must_use]
    pub fn deactivated(mut self) -> Self {
        self.deactivated = MarkTime::Now;
        self
    }

    /// Locks it since this time (RFC 3339).
    #[must_use]
    pub fn locked_at(mut self, time: &str) -> Self {
        self.locked = MarkTime::At(time.to_owned());
        self
    }

    /// Deactivates it since this time (RFC 3339).
    #[must_use]
    pub fn deactivated_at(mut self, time: &str) -> Self {
        self.deactivated = MarkTime::At(time.to_owned());
        self
    }

    /// Makes Synapse show another state than MAS (traps 47 and 69).
    #[must_use]
    pub fn in_synapse(mut self, state: SynapseAccountState) -> Self {
        self.in_synapse = Some(state);
        self
    }

    /// Adds an e-mail address, in MAS and Synapse.
    #[must_use]
    pub fn email(mut self, email: &str) -> Self {
        self.emails.push(email.to_owned());
        self
    }

    /// Sets the display name.
    #[must_use]
    pub fn displayname(mut self, name: &str) -> Self {
        self.displayname = Some(name.to_owned());
        self
    }

    /// Removes the display name.
    #[must_use]
    pub fn without_displayname(mut self) -> Self {
        self.displayname = None;
        self
    }

    /// Adds an ID from before MAS.
    #[must_use]
    pub fn external_id(mut self, auth_provider: &str, id: &str) -> Self {
        let (auth_provider, external_id) = (auth_provider.to_owned(), id.to_owned());
        self.external_ids.push(SynapseExternalId { auth_provider, external_id });
        self
    }

    /// Assigns it to a bridge, without removing it from MAS.
    #[must_use]
    pub fn appservice(mut self, id: &str) -> Self {
        self.appservice = Some(id.to_owned());
        self
    }

    /// Makes its owner an administrator in MAS, which Synapse never shows (trap 48).
    #[must_use]
    pub fn mas_admin(mut self) -> Self {
        self.is_mas_admin = true;
        self
    }

    /// Leaves it out of MAS.
    #[must_use]
    pub fn synapse_only(mut self) -> Self {
        self.place = Place::Synapse;
        self
    }

    /// Leaves it out of Synapse.
    #[must_use]
    pub fn mas_only(mut self) -> Self {
        self.place = Place::Mas;
        self
    }

    /// Adds an upstream link to a subject of the world's Keycloak; an account can have several.
    #[must_use]
    pub fn linked_to(self, subject: &str) -> Self {
        self.linked_by(PROVIDER, subject)
    }

    /// Adds an upstream link created at this time (RFC 3339).
    #[must_use]
    pub fn linked_to_at(mut self, subject: &str, created: &str) -> Self {
        let (provider, subject) = (PROVIDER.to_owned(), subject.to_owned());
        self.links.push(NewLink { provider, subject, created: Some(created.to_owned()) });
        self
    }

    /// Adds a link of another provider, see [`World::provider`].
    #[must_use]
    pub fn linked_by(mut self, provider: &str, subject: &str) -> Self {
        let (provider, subject) = (provider.to_owned(), subject.to_owned());
        self.links.push(NewLink { provider, subject, created: None });
        self
    }
}

/// Adds an account to both servers, or changes the existing one to what is described.
pub(super) fn put_account(
    mas: &mut mas::MasState,
    synapse: &mut synapse::SynapseState,
    new: &NewAccount,
) -> Result<(), StandInError> {
    if new.place == Place::Synapse {
        if mas.user(&new.localpart).is_some_and(|user| user.username == new.localpart) {
            mas.remove_user(&new.localpart);
        }
    } else {
        put_into_mas(mas, new)?;
    }
    if new.place == Place::Mas {
        synapse.remove_account(&new.localpart);
    } else {
        put_into_synapse(synapse, new);
    }
    Ok(())
}

fn put_into_mas(mas: &mut mas::MasState, new: &NewAccount) -> Result<(), StandInError> {
    let user = mas.add_user(&new.localpart);
    user.locked_at = new.locked.time();
    user.deactivated_at = new.deactivated.time();
    user.admin = new.is_mas_admin;
    let id = user.id.clone();
    mas.remove_emails(&id);
    for email in &new.emails {
        mas.add_email(Email::new(&id, email));
    }
    let is_same = |link: &Link, new: &NewLink| link.provider_id == new.provider && link.subject == new.subject;
    mas.retain_links(|link| link.user_id.as_ref() != Some(&id) || new.links.iter().any(|new| is_same(link, new)));
    for new in &new.links {
        if mas.links().any(|link| link.user_id.as_ref() == Some(&id) && is_same(link, new)) {
            continue;
        }
        let link = Link::new(&new.provider, &new.subject, &id);
        mas.add_link(match &new.created {
            Some(time) => link.made_at(millis(time)?),
            None => link,
        });
    }
    Ok(())
}

fn put_into_synapse(synapse: &mut synapse::SynapseState, new: &NewAccount) {
    let room = format!("!lobby:{}", synapse.settings.server_name);
    let account = synapse.add_account(&new.localpart);
    let shown = new.in_synapse.unwrap_or(SynapseAccountState {
        deactivated: new.deactivated != MarkTime::Never,
        locked: new.locked != MarkTime::Never,
        erased: false,
    });
    account.deactivated = shown.deactivated;
    account.locked = shown.locked;
    account.erased = shown.erased;
    account.appservice_id.clone_from(&new.appservice);
    account.external_ids.clone_from(&new.external_ids);
    account.displayname.clone_from(&new.displayname);
    account.emails.clear();
    account.rooms.clear();
    if !shown.deactivated {
        account.emails.extend(new.emails.iter().map(|email| (email.clone(), time::now_ms())));
        account.rooms.insert(room);
    }
}

impl World {
    /// Adds a user in every detail.
    #[must_use]
    pub fn with_user(mut self, user: NewUser) -> Self {
        self.users.push(user);
        self
    }

    /// Adds an account in every detail.
    #[must_use]
    pub fn with_account(mut self, account: NewAccount) -> Self {
        self.detailed_accounts.push(account);
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

    /// Adds an account to MAS and Synapse, or changes the existing one to what is described; its ULID stays.
    pub fn put_account(&self, account: &NewAccount) -> Result<(), StandInError> {
        put_account(&mut self.mas.state(), &mut self.synapse.state(), account)
    }

    /// Removes an account from both servers, as no API does.
    pub fn remove_account(&self, localpart: &str) {
        let mut mas = self.mas.state();
        if mas.user(localpart).is_some_and(|user| user.username == localpart) {
            mas.remove_user(localpart);
        }
        self.synapse.state().remove_account(localpart);
    }
}
