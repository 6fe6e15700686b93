//! Describes a whole world in one expression, with groups, users and accounts, and starts it.
//!
//! ```no_run
//! # async fn example() -> Result<(), matrix_keycloak_sync::standins::StandInError> {
//! use matrix_keycloak_sync::standins::World;
//! let world = World::new("example.org")
//!     .group("/matrix-users")
//!     .member("alice")
//!     .account("alice")
//!     .user("dave")
//!     .account("dave")
//!     .start()
//!     .await?;
//! # drop(world);
//! # Ok(())
//! # }
//! ```

mod links;
mod mas_api;
mod new_account;
mod new_user;
mod roles;
mod running;
mod seed;
#[cfg(test)]
mod tests;

use std::time::Duration;

use links::WorldLinks;
use mas_api::MasApiSettings;
pub use new_account::NewAccount;
pub use new_user::NewUser;
use roles::NewRole;
pub use running::{AccountParts, MasUserState, RunningWorld, ServerStates, SynapseAccountState};

use super::StandInError;
use super::keycloak::Lifetimes;

/// How the program authenticates to Keycloak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// An administrator of the master realm, by password.
    Password,
    /// A client of the realm, by secret.
    ClientCredentials,
}

/// A user in Keycloak.
#[derive(Clone, Debug)]
struct Person {
    name: String,
    enabled: bool,
    group: Option<Membership>,
}

#[derive(Clone, Debug)]
enum Membership {
    First,
    At(String),
}

/// The state of an account.
#[derive(Clone, Debug)]
enum Kind {
    Active,
    Disabled,
    Deactivated,
    Locked,
    Erased,
    Admin,
    Guest,
    Bridge(String),
    Bot,
    SynapseOnly,
}

/// A description of three servers; nothing is done before [`World::start`].
#[derive(Clone, Debug)]
pub struct World {
    server_name: String,
    realm: String,
    groups: Vec<String>,
    named_groups: Vec<(String, String)>,
    people: Vec<Person>,
    users: Vec<NewUser>,
    roles: Vec<NewRole>,
    accounts: Vec<(String, Kind)>,
    detailed_accounts: Vec<NewAccount>,
    links: WorldLinks,
    token_owner: String,
    service_roles: Vec<String>,
    old_keycloak: bool,
    synapse_has_v3: bool,
    lifetimes: Lifetimes,
    job_delay: Duration,
    introspection_cache: Duration,
    mas_api: MasApiSettings,
    ports: [u16; 3],
}

impl World {
    /// Creates an empty world with a homeserver of this name and the realm `corp`.
    #[must_use]
    pub fn new(server_name: &str) -> Self {
        let service_roles = ["view-users", "view-events", "view-realm"];
        Self {
            server_name: server_name.to_owned(),
            realm: "corp".to_owned(),
            groups: Vec::new(),
            named_groups: Vec::new(),
            people: Vec::new(),
            users: Vec::new(),
            roles: Vec::new(),
            accounts: Vec::new(),
            detailed_accounts: Vec::new(),
            links: WorldLinks::default(),
            token_owner: "matrix-sync-bot".to_owned(),
            service_roles: service_roles.map(str::to_owned).to_vec(),
            old_keycloak: false,
            synapse_has_v3: true,
            lifetimes: Lifetimes::default(),
            job_delay: Duration::from_millis(150),
            introspection_cache: Duration::from_mins(2),
            mas_api: MasApiSettings::default(),
            ports: [0; 3],
        }
    }

    /// Adds a group by path. [`World::member`] joins the first one.
    #[must_use]
    pub fn group(mut self, path: &str) -> Self {
        self.groups.push(path.to_owned());
        self
    }

    /// Adds a group below the group at `parent`, or on top if that is empty. Its name may contain
    /// slashes.
    #[must_use]
    pub fn group_named(mut self, parent: &str, name: &str) -> Self {
        self.named_groups.push((parent.to_owned(), name.to_owned()));
        self
    }

    /// Adds a user in the first group.
    #[must_use]
    pub fn member(self, name: &str) -> Self {
        self.person(name, true, Some(Membership::First))
    }

    /// Adds a user in the first group who is disabled in Keycloak.
    #[must_use]
    pub fn disabled_member(self, name: &str) -> Self {
        self.person(name, false, Some(Membership::First))
    }

    /// Adds a user in the group at `path`, which is also added.
    #[must_use]
    pub fn member_of(self, path: &str, name: &str) -> Self {
        self.person(name, true, Some(Membership::At(path.to_owned())))
    }

    /// Adds a user without groups.
    #[must_use]
    pub fn user(self, name: &str) -> Self {
        self.person(name, true, None)
    }

    /// Adds `count` members named `prefix` and five digits from 00000.
    #[must_use]
    pub fn members(self, count: usize, prefix: &str) -> Self {
        (0..count).fold(self, |world, number| world.member(&format!("{prefix}{number:05}")))
    }

    fn person(mut self, name: &str, enabled: bool, group: Option<Membership>) -> Self {
        self.people.push(Person { name: name.to_owned(), enabled, group });
        self
    }

    /// Adds an active account, in MAS and Synapse.
    #[must_use]
    pub fn account(self, localpart: &str) -> Self {
        self.with(localpart, Kind::Active)
    }

    /// Adds an account that is locked and deactivated in both, as after `lock-user --deactivate`.
    #[must_use]
    pub fn disabled_account(self, localpart: &str) -> Self {
        self.with(localpart, Kind::Disabled)
    }

    /// Adds an account that is deactivated in both but not locked.
    #[must_use]
    pub fn deactivated_account(self, localpart: &str) -> Self {
        self.with(localpart, Kind::Deactivated)
    }

    /// Adds an account that is locked in both but not deactivated.
    #[must_use]
    pub fn locked_account(self, localpart: &str) -> Self {
        self.with(localpart, Kind::Locked)
    }

    /// Adds an account that is deactivated and erased.
    #[must_use]
    pub fn erased_account(self, localpart: &str) -> Self {
        self.with(localpart, Kind::Erased)
    }

    /// Adds an account whose owner is an administrator in both.
    #[must_use]
    pub fn admin_account(self, localpart: &str) -> Self {
        self.with(localpart, Kind::Admin)
    }

    /// Adds an account that was a guest before the homeserver moved to MAS.
    #[must_use]
    pub fn guest_account(self, localpart: &str) -> Self {
        self.with(localpart, Kind::Guest)
    }

    /// Adds an account of a bridge: Synapse knows it, MAS does not (trap 13).
    #[must_use]
    pub fn bridge_account(self, localpart: &str, appservice_id: &str) -> Self {
        self.with(localpart, Kind::Bridge(appservice_id.to_owned()))
    }

    /// Adds an account of type `bot`: Synapse knows it, MAS does not.
    #[must_use]
    pub fn bot_account(self, localpart: &str) -> Self {
        self.with(localpart, Kind::Bot)
    }

    /// Adds an ordinary account that MAS does not know, left over from the move to MAS.
    #[must_use]
    pub fn synapse_only_account(self, localpart: &str) -> Self {
        self.with(localpart, Kind::SynapseOnly)
    }

    /// Adds `count` active accounts named `prefix` and five digits from 00000.
    #[must_use]
    pub fn accounts(self, count: usize, prefix: &str) -> Self {
        (0..count).fold(self, |world, number| world.account(&format!("{prefix}{number:05}")))
    }

    /// Adds `count` users without groups, each with an active account, named `prefix` and five
    /// digits from 00000.
    #[must_use]
    pub fn leavers(self, count: usize, prefix: &str) -> Self {
        let users =
            (0..count).fold(self, |world, number| world.user(&format!("{prefix}{number:05}")));
        users.accounts(count, prefix)
    }

    fn with(mut self, localpart: &str, kind: Kind) -> Self {
        self.accounts.push((localpart.to_owned(), kind));
        self
    }

    /// Sets the account that owns the admin token; `matrix-sync-bot` by default.
    #[must_use]
    pub fn token_owner(mut self, localpart: &str) -> Self {
        localpart.clone_into(&mut self.token_owner);
        self
    }

    /// Sets the roles of the client `matrix-sync`; by default it can read everything but
    /// clients.
    #[must_use]
    pub fn service_roles(mut self, roles: &[&str]) -> Self {
        self.service_roles = roles.iter().map(|role| (*role).to_owned()).collect();
        self
    }

    /// Lets Keycloak answer like version 22 (trap 40).
    #[must_use]
    pub fn old_keycloak(mut self) -> Self {
        self.old_keycloak = true;
        self
    }

    /// Makes Synapse too old for `/_synapse/admin/v3/users`.
    #[must_use]
    pub fn synapse_without_v3(mut self) -> Self {
        self.synapse_has_v3 = false;
        self
    }

    /// Sets how long Keycloak's tokens are valid.
    #[must_use]
    pub fn token_lifetimes(mut self, password: Duration, client_credentials: Duration) -> Self {
        self.lifetimes = Lifetimes { password, client_credentials };
        self
    }

    /// Sets how long jobs of MAS wait before they run.
    #[must_use]
    pub fn job_delay(mut self, delay: Duration) -> Self {
        self.job_delay = delay;
        self
    }

    /// Sets how long Synapse caches MAS's answer about a token.
    #[must_use]
    pub fn introspection_cache(mut self, time: Duration) -> Self {
        self.introspection_cache = time;
        self
    }

    /// Sets the ports of Keycloak, Synapse and MAS; 0 is any free one.
    #[must_use]
    pub fn ports(mut self, keycloak: u16, synapse: u16, mas: u16) -> Self {
        self.ports = [keycloak, synapse, mas];
        self
    }

    /// Starts all three servers.
    #[expect(
        clippy::unused_async,
        reason = "starting may come to wait for a port, and callers are async anyway"
    )]
    pub async fn start(self) -> Result<RunningWorld, StandInError> {
        seed::start(&self)
    }
}
