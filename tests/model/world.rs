//! A random world as plain data: Keycloak users, Matrix accounts, memory, and the policy.
//!
//! A world has three moments, because lists and looks can disagree: the list, the look at each
//! user, and the second member list after the looks. One seed gives one world on every machine.

use fastrand::Rng;
use matrix_keycloak_sync::model::{AccountState, Tie};
use matrix_keycloak_sync::plan::{ActionKind, Approval, DisableMode, KeptReason, Reason};
use matrix_keycloak_sync::planner::{
    DisabledMembers, Federation, LockedMembers, Matching, Reactivate, Recall, Subjects, UnknownAccounts,
};

/// When the lists were read, in milliseconds.
pub(crate) const NOW: i64 = 10_000;

/// An ID that no user of the realm has or ever had.
pub(crate) const STRANGER: usize = 9;

/// The storage providers that a user can come from.
pub(crate) const PROVIDERS: [&str; 2] = ["ldap", "ad"];
const USERNAMES: [&str; 6] = ["ann", "bob", "cat", "dan", "o'b", "Eve"];
const SHARED_LOCALPARTS: [&str; 5] = ["ann", "Ann", "bob", "cat", "o'b"];
const LOCALPARTS: [&str; 9] = ["ann", "Ann", "ANN", "bob", "Bob", "cat", "dan", "eve", "o=27b"];
const FULL_NAMES: [(&str, &str); 2] = [("Ada", "Byron"), ("Joan", "Clarke")];
const EMAILS: [&str; 3] = ["a@corp.test", "b@corp.test", "c@corp.test"];

/// Everything that the planner can see, and the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) template: Template,
    pub(crate) rules: Rules,
    /// The realm's storage providers, if they may be seen.
    pub(crate) providers: Option<Vec<&'static str>>,
    /// The storage providers that the state file remembers.
    pub(crate) remembered_providers: Vec<&'static str>,
    pub(crate) subjects: Subjects,
    pub(crate) users: Vec<User>,
    pub(crate) accounts: Vec<Account>,
}

/// What becomes of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Unchanged,
    Activate,
    Disable(Reason),
    NeedsApproval(Approval),
    Kept(KeptReason),
    Skipped(ActionKind),
}

/// What the template makes of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Template {
    /// The username.
    Username,
    /// Something that two users can share.
    Shared,
}

/// The policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) matching: Matching,
    pub(crate) disable: DisableMode,
    pub(crate) reactivate: Reactivate,
    pub(crate) grace: u64,
    pub(crate) unknown: UnknownAccounts,
    pub(crate) disabled_members: DisabledMembers,
    pub(crate) locked_members: LockedMembers,
    pub(crate) federation: Federation,
    pub(crate) recall: Recall,
    pub(crate) protects_admins: bool,
}

/// A Keycloak user, or one who was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) username: &'static str,
    /// What the template gives; no name if MAS would not accept it.
    pub(crate) localpart: &'static str,
    pub(crate) full_name: Option<(&'static str, &'static str)>,
    pub(crate) email: Option<&'static str>,
    pub(crate) created: Option<i64>,
    pub(crate) provider: Option<&'static str>,
    pub(crate) locked_out: bool,
    pub(crate) listed: Standing,
    pub(crate) now: Standing,
    pub(crate) after: Standing,
}

/// How Keycloak shows a user at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    In,
    InDisabled,
    Out,
    OutDisabled,
    /// Keycloak answers from memory for a user whose directory has deleted them.
    OnlyRemembered,
    Gone,
}

/// A Matrix account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) localpart: &'static str,
    pub(crate) server: Server,
    pub(crate) marks: Vec<Mark>,
    pub(crate) marks_now: Vec<Mark>,
    pub(crate) mas: Mas,
    pub(crate) listed: AccountState,
    pub(crate) now: AccountState,
    pub(crate) deactivated_in_mas: bool,
    pub(crate) disabled_at: Option<i64>,
    /// The users that MAS links it to, newest link first.
    pub(crate) links: Vec<usize>,
    pub(crate) memory: Option<(usize, Tie)>,
    pub(crate) external_ids: Vec<usize>,
    pub(crate) email: Option<&'static str>,
    pub(crate) display_name: Option<&'static str>,
    pub(crate) own: Option<Own>,
    pub(crate) absent_since: Option<i64>,
    pub(crate) look: Answering,
}

/// Whose account it is by its user ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Ours,
    Other,
}

/// What protects an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    TokenOwner,
    Protected,
    Admin,
    Bot,
    Appservice,
}

/// What MAS says about the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mas {
    NotAsked,
    Unknown,
    Known,
    Ambiguous,
}

/// The last thing that the program tried with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) kind: ActionKind,
    pub(crate) mode: DisableMode,
    pub(crate) is_done: bool,
    pub(crate) at: i64,
}

/// Whether the look at an account succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answering {
    Answers,
    Fails,
}

impl Standing {
    /// Returns whether Keycloak lists the user as a member, enabled or not.
    pub(crate) fn is_member(self) -> bool {
        matches!(self, Self::In | Self::InDisabled)
    }

    /// Returns whether the user is in Keycloak.
    pub(crate) fn is_known(self) -> bool {
        !matches!(self, Self::Gone | Self::OnlyRemembered)
    }

    /// Returns whether the user can log in to Keycloak.
    pub(crate) fn is_enabled(self) -> bool {
        matches!(self, Self::In | Self::Out)
    }
}

impl User {
    /// Returns a user about whom nothing is special.
    pub(crate) fn new(username: &'static str, standing: Standing) -> Self {
        Self {
            username,
            localpart: username,
            full_name: None,
            email: None,
            created: None,
            provider: None,
            locked_out: false,
            listed: standing,
            now: standing,
            after: standing,
        }
    }

    /// Returns whether MAS accepts the name that the template gives.
    pub(crate) fn is_named(&self) -> bool {
        !self.localpart.contains('\'')
    }
}

impl Account {
    /// Returns an account about which nothing is special.
    pub(crate) fn new(localpart: &'static str, state: AccountState) -> Self {
        Self {
            localpart,
            server: Server::Ours,
            marks: Vec::new(),
            marks_now: Vec::new(),
            mas: Mas::Known,
            listed: state,
            now: state,
            deactivated_in_mas: state.deactivated,
            disabled_at: None,
            links: Vec::new(),
            memory: None,
            external_ids: Vec::new(),
            email: None,
            display_name: None,
            own: None,
            absent_since: None,
            look: Answering::Answers,
        }
    }
}

impl World {
    /// Returns the world of a seed.
    pub(crate) fn from_seed(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let template = either(&mut rng, Template::Username, Template::Shared);
        let rules = random_rules(&mut rng);
        let users = random_users(&mut rng, template);
        let accounts = random_accounts(&mut rng, users.len());
        let sees_providers = rng.bool();
        let mut world = Self {
            template,
            rules,
            providers: sees_providers.then(|| some_providers(&mut rng)),
            remembered_providers: some_providers(&mut rng),
            subjects: rarely(&mut rng, 8, &[Subjects::NoUsers]).unwrap_or_default(),
            users,
            accounts,
        };
        world.keep_one_token_owner();
        if world.rules.recall == Recall::Off {
            world.forget();
        }
        world
    }

    /// Returns the users whose localpart is an account's, without regard to case.
    pub(crate) fn named(&self, localpart: &str, is_wanted: impl Fn(&User) -> bool) -> Vec<usize> {
        let users = self.users.iter().enumerate();
        let named = users.filter(|(_, user)| user.is_named() && is_wanted(user));
        let same = named.filter(|(_, user)| user.localpart.eq_ignore_ascii_case(localpart));
        same.map(|(place, _)| place).collect()
    }

    /// Returns whether a user of this standing may use Matrix.
    pub(crate) fn counts(&self, standing: Standing) -> bool {
        let keeps_disabled = self.rules.disabled_members == DisabledMembers::Keep;
        standing == Standing::In || (keeps_disabled && standing == Standing::InDisabled)
    }

    /// Returns whether the list shows a user who may use Matrix.
    pub(crate) fn is_listed(&self, user: usize) -> bool {
        self.users.get(user).is_some_and(|user| self.counts(user.listed))
    }

    /// Returns whether a user is in the list of members.
    pub(crate) fn is_member(&self, user: usize) -> bool {
        self.users.get(user).is_some_and(|user| user.listed.is_member())
    }

    /// Returns whether Keycloak knows a user when it is asked.
    pub(crate) fn is_known(&self, user: usize) -> bool {
        self.users.get(user).is_some_and(|user| user.now.is_known())
    }

    /// Returns the users of the realm that Synapse has as external IDs; they count only without a link.
    pub(crate) fn external(&self, account: &Account) -> Vec<usize> {
        let ids = account.external_ids.iter().copied().filter(|_| account.links.is_empty());
        ids.filter(|user| self.is_known(*user)).collect()
    }

    /// Returns whether a weak sign points to an enabled member.
    pub(crate) fn has_sign(&self, account: &Account) -> bool {
        let listed = |user: &&User| user.listed.is_member();
        let shown = |user: &User| user.full_name.map(|(first, last)| format!("{first} {last}"));
        let is_named = |user: &&User| account.display_name.is_some() && shown(user).as_deref() == account.display_name;
        let is_one = self.users.iter().filter(listed).filter(is_named).count() == 1;
        let enabled = |user: &&User| user.listed == Standing::In && user.now != Standing::Gone;
        self.users.iter().filter(enabled).any(|user| {
            let has_email = account.email.is_some() && user.email == account.email;
            let is_escaped = account.localpart == "o=27b" && user.username == "o'b";
            has_email || is_escaped || (is_one && is_named(&user))
        })
    }

    fn keep_one_token_owner(&mut self) {
        let mut is_taken = false;
        for account in &mut self.accounts {
            if is_taken {
                account.marks.retain(|mark| *mark != Mark::TokenOwner);
            }
            is_taken |= account.marks.contains(&Mark::TokenOwner);
        }
    }

    /// Without a state file nothing is remembered, and what needs one is a configuration error.
    fn forget(&mut self) {
        self.remembered_providers.clear();
        self.rules.grace = 0;
        if self.rules.reactivate == Reactivate::Own {
            self.rules.reactivate = Reactivate::Any;
        }
        for account in &mut self.accounts {
            account.memory = None;
            account.own = None;
            account.absent_since = None;
        }
    }
}

fn either<T>(rng: &mut Rng, one: T, other: T) -> T {
    if rng.bool() { one } else { other }
}

fn one_of<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.usize(..choices.len())]
}

/// Returns one of the choices in one of `rarity` cases.
fn rarely<T: Copy>(rng: &mut Rng, rarity: u8, choices: &[T]) -> Option<T> {
    (rng.u8(..rarity) == 0).then(|| one_of(rng, choices))
}

fn some_providers(rng: &mut Rng) -> Vec<&'static str> {
    PROVIDERS.into_iter().filter(|_| rng.u8(..5) == 0).collect()
}

fn random_rules(rng: &mut Rng) -> Rules {
    Rules {
        matching: one_of(rng, &[Matching::Auto, Matching::Auto, Matching::Localpart, Matching::UpstreamLink]),
        disable: either(rng, DisableMode::Deactivate, DisableMode::Lock),
        reactivate: one_of(rng, &[Reactivate::Any, Reactivate::Any, Reactivate::Own, Reactivate::None]),
        grace: one_of(rng, &[0, 0, 1000]),
        unknown: rarely(rng, 4, &[UnknownAccounts::Keep]).unwrap_or_default(),
        disabled_members: rarely(rng, 4, &[DisabledMembers::Keep]).unwrap_or_default(),
        locked_members: either(rng, LockedMembers::Keep, LockedMembers::Activate),
        federation: rarely(rng, 3, &[Federation::Trust]).unwrap_or_default(),
        recall: rarely(rng, 4, &[Recall::Off]).unwrap_or_default(),
        protects_admins: rng.bool(),
    }
}

fn random_users(rng: &mut Rng, template: Template) -> Vec<User> {
    let mut usernames = USERNAMES;
    rng.shuffle(&mut usernames);
    let count = rng.usize(1..=5);
    usernames.into_iter().take(count).map(|username| random_user(rng, template, username)).collect()
}

fn random_user(rng: &mut Rng, template: Template, username: &'static str) -> User {
    let localpart = match template {
        Template::Username => username,
        Template::Shared => one_of(rng, &SHARED_LOCALPARTS),
    };
    let provider = rarely(rng, 4, &PROVIDERS);
    let standings = [
        Standing::In,
        Standing::In,
        Standing::In,
        Standing::InDisabled,
        Standing::Out,
        Standing::Out,
        Standing::OutDisabled,
        Standing::Gone,
        Standing::Gone,
    ];
    let listed = one_of(rng, &standings);
    let forgotten = (listed == Standing::Gone && provider.is_some()) && rng.bool();
    let now = if forgotten { Standing::OnlyRemembered } else { rarely(rng, 8, &standings).unwrap_or(listed) };
    User {
        username,
        localpart,
        full_name: rarely(rng, 2, &FULL_NAMES),
        email: rarely(rng, 2, &EMAILS),
        created: rarely(rng, 2, &[1000, 3000, 6000]),
        provider,
        locked_out: !listed.is_enabled() && rng.bool(),
        listed,
        now,
        after: rarely(rng, 10, &standings).unwrap_or(if now.is_known() { now } else { Standing::Gone }),
    }
}

fn random_accounts(rng: &mut Rng, users: usize) -> Vec<Account> {
    let mut localparts = LOCALPARTS;
    rng.shuffle(&mut localparts);
    let count = rng.usize(1..=4);
    localparts.into_iter().take(count).map(|localpart| random_account(rng, users, localpart)).collect()
}

fn random_account(rng: &mut Rng, users: usize, localpart: &'static str) -> Account {
    let listed = random_state(rng);
    let now = if rng.u8(..16) == 0 { random_state(rng) } else { listed };
    let marks = Vec::from_iter(rarely(rng, 6, &[Mark::TokenOwner, Mark::Protected, Mark::Admin, Mark::Bot]));
    let appeared = rarely(rng, 12, &[Mark::Admin, Mark::Bot, Mark::Appservice]);
    let marks_now = marks.iter().copied().chain(appeared).collect();
    let mas = rarely(rng, 3, &[Mas::NotAsked, Mas::Unknown, Mas::Ambiguous]).unwrap_or(Mas::Known);
    let link_count = one_of(rng, &[0, 0, 0, 1, 1, 2]);
    let mut links: Vec<usize> = Vec::new();
    for _ in 0..link_count {
        let user = random_id(rng, users);
        if !links.contains(&user) {
            links.push(user);
        }
    }
    let memory = (rng.u8(..3) == 0).then(|| {
        let tie = one_of(rng, &[Tie::Link, Tie::ExternalId, Tie::Name, Tie::Name]);
        (random_id(rng, users), tie)
    });
    let external_count = one_of(rng, &[0, 0, 0, 0, 1, 2]);
    Account {
        localpart,
        server: if rng.u8(..20) == 0 { Server::Other } else { Server::Ours },
        marks,
        marks_now,
        mas,
        listed,
        now,
        deactivated_in_mas: mas == Mas::Known && (listed.deactivated || rng.u8(..6) == 0),
        disabled_at: rarely(rng, 2, &[3000]).filter(|_| mas == Mas::Known && !now.is_active()),
        links,
        memory,
        external_ids: (0..external_count).map(|_| random_id(rng, users)).collect(),
        email: rarely(rng, 4, &EMAILS),
        display_name: rarely(rng, 4, &["Ada Byron", "Joan Clarke", "Nobody Else"]),
        own: (rng.u8(..3) == 0).then(|| random_own(rng)),
        absent_since: rarely(rng, 2, &[5000, 9000, 9500, 20_000]),
        look: if rng.u8(..20) == 0 { Answering::Fails } else { Answering::Answers },
    }
}

fn random_id(rng: &mut Rng, users: usize) -> usize {
    if rng.u8(..10) == 0 { STRANGER } else { rng.usize(..users) }
}

fn random_state(rng: &mut Rng) -> AccountState {
    let (deactivated, locked) =
        one_of(rng, &[(false, false), (false, false), (false, true), (true, false), (true, true)]);
    AccountState { deactivated, locked, erased: deactivated && rng.u8(..10) == 0 }
}

fn random_own(rng: &mut Rng) -> Own {
    Own {
        kind: either(rng, ActionKind::Disable, ActionKind::Activate),
        mode: either(rng, DisableMode::Deactivate, DisableMode::Lock),
        is_done: rng.bool(),
        at: one_of(rng, &[2000, 7000]),
    }
}
