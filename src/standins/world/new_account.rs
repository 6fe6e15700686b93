//! Describes an account in every detail, for worlds in which names alone are not enough.

use super::links::PROVIDER;
use super::new_user::millis;
use super::{RunningWorld, SynapseAccountState, World};
use crate::standins::mas::{self, Email, Link, MasSession, SessionKind};
use crate::standins::synapse::{self, SynapseExternalId};
use crate::standins::{StandInError, ids, time};

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

/// An account. It has only what is described, and its localpart as display name: by default no
/// e-mail address, and no link even if a user has its name.
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
    rooms: Vec<(String, String)>,
    sessions: Vec<(SessionKind, String)>,
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
            rooms: Vec::new(),
            sessions: Vec::new(),
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

    /// Adds a room with this ID and name, in addition to the lobby. A deactivated account is in
    /// none.
    #[must_use]
    pub fn room(mut self, id: &str, name: &str) -> Self {
        self.rooms.push((id.to_owned(), name.to_owned()));
        self
    }

    /// Opens a session of this kind whose token has this scope; a device in the scope is one of
    /// the account.
    #[must_use]
    pub fn session(mut self, kind: SessionKind, scope: &str) -> Self {
        self.sessions.push((kind, scope.to_owned()));
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
    open_sessions(mas, synapse, new);
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
    let is_same = |link: &Link, new: &NewLink| {
        link.provider_id == new.provider && link.subject == new.subject
    };
    mas.retain_links(|link| {
        link.user_id.as_ref() != Some(&id) || new.links.iter().any(|new| is_same(link, new))
    });
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

/// Opens the described sessions that are not open yet.
fn open_sessions(mas: &mut mas::MasState, synapse: &mut synapse::SynapseState, new: &NewAccount) {
    for (kind, scope) in &new.sessions {
        let Some(id) = mas.user(&new.localpart).map(|user| user.id.clone()) else { return };
        if mas.open_sessions(&id).any(|open| open.kind == *kind && open.scope == *scope) {
            continue;
        }
        let mut session = MasSession::new(*kind, &id).with_scope(scope);
        session.client_id = (*kind == SessionKind::OAuth2).then(ids::ulid);
        if let (Some(device), Some(account)) =
            (&session.device_id, synapse.account_mut(&new.localpart))
        {
            account.devices.insert(device.clone());
        }
        mas.put_session(session);
    }
}

fn put_into_synapse(synapse: &mut synapse::SynapseState, new: &NewAccount) {
    let mut rooms = vec![synapse.lobby()];
    for (id, name) in &new.rooms {
        synapse.add_room(id).name = Some(name.clone());
        rooms.push(id.clone());
    }
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
        account.rooms.extend(rooms);
    }
}

impl World {
    /// Adds an account in every detail.
    #[must_use]
    pub fn with_account(mut self, account: NewAccount) -> Self {
        self.detailed_accounts.push(account);
        self
    }
}

impl RunningWorld {
    /// Adds an account to MAS and Synapse, or changes the existing one to what is described; its
    /// ULID stays.
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
