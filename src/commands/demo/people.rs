//! The people of the playground: what they and their administrators do, and how they are now.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

use crate::model::{Timestamp, serde_with_words};
use crate::standins::keycloak::StorageProvider;
use crate::standins::{NewAccount, NewUser, RunningWorld, StandInError, World};

/// The directory behind Keycloak.
const DIRECTORY: &str = "ldap";
const IN_DIRECTORY: [&str; 2] = ["lena", "lars"];
/// Longer than any name that someone types to try it.
const LONGEST_NAME: usize = 40;

/// What happens to one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Change {
    /// Joins the group.
    Join,
    /// Leaves the group.
    Leave,
    /// Is disabled in Keycloak.
    Disable,
    /// Is enabled in Keycloak.
    Enable,
    /// Logs in for the first time, so that there is an account.
    Register,
    /// An administrator locks the account by hand.
    Lock,
    /// An administrator unlocks the account by hand.
    Unlock,
}

serde_with_words!(Change);

/// The directory now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Directory {
    Up,
    /// These were members, and come back with it.
    Down(Vec<String>),
}

/// One user or account.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Person {
    pub(super) name: String,
    /// How Keycloak shows the user.
    pub(super) in_keycloak: String,
    /// How MAS shows the account.
    pub(super) account: String,
    /// What can happen now.
    pub(super) changes: Vec<Change>,
    /// Whether Keycloak has the user, so that a new name can be given.
    pub(super) is_user: bool,
}

/// Why a change is not possible.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChangeError {
    #[error("there is no user or account {0:?}")]
    Unknown(String),
    #[error("{0:?} cannot be a name: use a to z, 0 to 9, `.`, `_` and `-`")]
    Name(String),
    #[error("the name {0:?} is taken")]
    Taken(String),
    #[error("{0} comes from the directory, which is down")]
    DirectoryDown(String),
    #[error(transparent)]
    StandIn(#[from] StandInError),
}

/// The stand-ins with everything that can happen to people.
pub(super) struct People {
    pub(super) world: RunningWorld,
    directory: Mutex<Directory>,
}

impl People {
    /// Starts the world of the demo, with two members who come from a directory.
    pub(super) async fn start(world: World) -> Result<Self, StandInError> {
        let world = IN_DIRECTORY.into_iter().fold(world, |world, name| {
            world.with_user(NewUser::member(name).federated(DIRECTORY)).account(name)
        });
        let world = world.start().await?;
        world.keycloak.state().realm(world.realm()).storage_providers.push(StorageProvider {
            id: DIRECTORY.to_owned(),
            name: DIRECTORY.to_owned(),
            import: true,
            enabled: true,
        });
        Ok(Self { world, directory: Mutex::new(Directory::Up) })
    }

    /// Returns all users, then the accounts that belong to none, by name.
    pub(super) fn list(&self) -> Vec<Person> {
        let users: Vec<_> = {
            let mut state = self.world.keycloak.state();
            let realm = state.realm(self.world.realm());
            let group = realm.group_by_path(self.world.group()).map(|group| group.id.clone());
            let shown = realm.users().filter(|user| !user.service).map(|user| {
                let is_member = group.as_ref().is_some_and(|id| user.groups.contains(id));
                (user.username.clone(), user.enabled, is_member, user.federation_link.is_some())
            });
            shown.collect()
        };
        let mut people: Vec<_> = users
            .iter()
            .map(|(name, is_enabled, is_member, is_federated)| {
                let membership = if *is_member { "in the group" } else { "not in the group" };
                let disabled = if *is_enabled { "" } else { ", disabled" };
                let federated = if *is_federated { ", from the directory" } else { "" };
                let keycloak = format!("{membership}{disabled}{federated}");
                let first = [
                    if *is_member { Change::Leave } else { Change::Join },
                    if *is_enabled { Change::Disable } else { Change::Enable },
                ];
                self.person(name, &keycloak, &first, true)
            })
            .collect();
        let accounts: Vec<_> = {
            let mas = self.world.mas.state();
            mas.users().map(|user| user.username.clone()).collect()
        };
        let strangers = accounts.iter().filter(|name| !users.iter().any(|user| user.0 == **name));
        people.extend(strangers.map(|name| self.person(name, "no user", &[], false)));
        people
    }

    fn person(&self, name: &str, keycloak: &str, first: &[Change], is_user: bool) -> Person {
        let account = self.world.state_of(name).mas;
        let (words, more) = match account {
            None => ("none yet", Some(Change::Register)),
            Some(account) if account.deactivated => ("deactivated", None),
            Some(account) if account.locked => ("locked", Some(Change::Unlock)),
            Some(_) => ("active", Some(Change::Lock)),
        };
        Person {
            name: name.to_owned(),
            in_keycloak: keycloak.to_owned(),
            account: words.to_owned(),
            changes: first.iter().copied().chain(more).collect(),
            is_user,
        }
    }

    /// Returns whether the directory is up.
    pub(super) fn directory(&self) -> Directory {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes something about one person.
    pub(super) fn change(&self, name: &str, change: Change) -> Result<(), ChangeError> {
        let known = self.list().into_iter().find(|person| person.name == name);
        let person = known.ok_or_else(|| ChangeError::Unknown(name.to_owned()))?;
        let is_down = matches!(self.directory(), Directory::Down(_));
        let about_user = matches!(
            change,
            Change::Join | Change::Leave | Change::Disable | Change::Enable | Change::Register
        );
        if about_user && is_down && IN_DIRECTORY.contains(&name) {
            return Err(ChangeError::DirectoryDown(name.to_owned()));
        }
        if about_user && !person.is_user {
            return Err(ChangeError::Unknown(name.to_owned()));
        }
        let world = &self.world;
        let realm = world.realm().to_owned();
        match change {
            Change::Join => world.join(name),
            Change::Leave => world.leave(name),
            Change::Disable => world.keycloak.state().realm(&realm).disable_user(name),
            Change::Enable => world.keycloak.state().realm(&realm).enable_user(name),
            Change::Register => self.register(name)?,
            Change::Lock => self.lock(name, Some(Timestamp::now().to_string())),
            Change::Unlock => self.lock(name, None),
        }
        Ok(())
    }

    /// Creates the account of a user, as the first login does.
    fn register(&self, name: &str) -> Result<(), ChangeError> {
        if self.world.mas.state().user(name).is_some() {
            return Err(ChangeError::Taken(name.to_owned()));
        }
        let id = {
            let mut state = self.world.keycloak.state();
            state.realm(self.world.realm()).user(name).map(|user| user.id.clone())
        };
        let account = NewAccount::new(name);
        let account = match &id {
            Some(id) => account.linked_to(id),
            None => account,
        };
        Ok(self.world.put_account(&account)?)
    }

    fn lock(&self, name: &str, at: Option<String>) {
        let is_locked = at.is_some();
        if let Some(user) = self.world.mas.state().user_mut(name) {
            user.locked_at = at;
        }
        if let Some(account) = self.world.synapse.state().account_mut(name) {
            account.locked = is_locked;
        }
    }

    /// Adds a user who is in no group.
    pub(super) fn add(&self, name: &str) -> Result<(), ChangeError> {
        self.must_be_free(name)?;
        Ok(self.world.put_user(&NewUser::new(name))?)
    }

    /// Gives a user another name.
    pub(super) fn rename(&self, name: &str, new: &str) -> Result<(), ChangeError> {
        let is_user = |person: &Person| person.name == name && person.is_user;
        if !self.list().iter().any(is_user) {
            return Err(ChangeError::Unknown(name.to_owned()));
        }
        self.must_be_free(new)?;
        self.world.rename_in_keycloak(name, new);
        Ok(())
    }

    fn must_be_free(&self, name: &str) -> Result<(), ChangeError> {
        let is_allowed = |letter: char| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._-".contains(letter)
        };
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_allowed) {
            return Err(ChangeError::Name(name.to_owned()));
        }
        if self.list().iter().any(|person| person.name == name && person.is_user) {
            return Err(ChangeError::Taken(name.to_owned()));
        }
        Ok(())
    }

    /// Takes the directory down: Keycloak then shows its users as disabled and in no group, and
    /// records no event (`keycloak-federation.json`).
    pub(super) fn take_down(&self) {
        let mut directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*directory, Directory::Down(_)) {
            return;
        }
        let group = self.world.group().to_owned();
        let mut state = self.world.keycloak.state();
        let members = state.realm(self.world.realm()).silently(|realm| {
            let id = realm.group_by_path(&group).map(|group| group.id.clone());
            let mut members = Vec::new();
            for name in IN_DIRECTORY {
                let user = realm.user(name);
                let is_member = |id: &String| user.is_some_and(|user| user.groups.contains(id));
                if id.as_ref().is_some_and(is_member) {
                    members.push(name.to_owned());
                    realm.leave(name, &group);
                }
                realm.disable_user(name);
            }
            members
        });
        *directory = Directory::Down(members);
    }

    /// Brings the directory back, with its members.
    pub(super) fn bring_back(&self) {
        let mut directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        let Directory::Down(members) = std::mem::replace(&mut *directory, Directory::Up) else {
            return;
        };
        let group = self.world.group().to_owned();
        self.world.keycloak.state().realm(self.world.realm()).silently(|realm| {
            for name in IN_DIRECTORY {
                realm.enable_user(name);
            }
            for name in &members {
                realm.join(name, &group);
            }
        });
    }
}
