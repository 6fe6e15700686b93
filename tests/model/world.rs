//! A random world as plain data: Keycloak users, Matrix accounts, memory, and the policy.
//!
//! A world has three moments, because lists and looks can disagree: the list, the look at each
//! user, and the second member list after the looks. One seed gives one world on every machine.

use std::collections::BTreeSet;

use fastrand::Rng;
use matrix_keycloak_sync::model::{AccountState, Tie};
use matrix_keycloak_sync::plan::{ActionKind, Approval, DisableMode, KeptReason, Reason};
use matrix_keycloak_sync::planner::{
    DisabledMembers, Federation, LockedMembers, Matching, Progress, Reactivate, Recall, Subjects,
    UnknownAccounts,
};

/// When the lists were read, in milliseconds.
pub(crate) const NOW: i64 = 10_000;

/// An ID that no user of the realm has or ever had.
pub(crate) const STRANGER: usize = 9;

/// The storage providers that a user can come from.
pub(crate) const PROVIDERS: [&str; 2] = ["ldap", "ad"];
/// The usernames of Keycloak users.
pub(crate) const USERNAMES: [&str; 6] = ["ann", "bob", "cat", "dan", "o'b", "Eve"];
/// The localparts that a template may produce for several users.
pub(crate) const SHARED_LOCALPARTS: [&str; 5] = ["ann", "Ann", "bob", "cat", "o'b"];
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
    /// The time on a server's clock, if it shows one.
    pub(crate) server_clock: Option<i64>,
    pub(crate) users: Vec<User>,
    pub(crate) accounts: Vec<Account>,
}

/// The outcome for one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Unchanged,
    Activate,
    Disable(Reason),
    NeedsApproval(Approval),
    Kept(KeptReason),
    Deactivate,
    Skipped(ActionKind),
}

/// The template's localpart for a user.
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
    /// In milliseconds.
    pub(crate) deactivate_after: Option<u64>,
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
    /// The template's name for the user; none if MAS would not accept it.
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
    /// Keycloak answers from its cache for a user whose directory has deleted the user.
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
    pub(crate) locked_since: Option<i64>,
    pub(crate) look: Answering,
}

/// The homeserver in the account's user ID.
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

/// A disable by this program that is still in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) mode: DisableMode,
    pub(crate) progress: Progress,
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
    /// Returns an ordinary user.
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

    /// Returns whether MAS accepts the template's name.
    pub(crate) fn is_named(&self) -> bool {
        !self.localpart.contains('\'')
    }
}

impl Account {
    /// Returns an ordinary account.
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
            locked_since: None,
            look: Answering::Answers,
        }
    }

    /// Returns whether the owner of an account in this state cannot log in.
    pub(crate) fn is_shut(&self, state: AccountState) -> bool {
        !state.is_active() || self.deactivated_in_mas
    }

    /// Returns since when the account is shut, by MAS or by this program's last disable.
    pub(crate) fn shut_at(&self) -> Option<i64> {
        self.disabled_at.or(self.own.map(|own| own.at))
    }

    /// Returns whether an account in this state is locked and no more.
    pub(crate) fn is_only_locked(&self, state: AccountState) -> bool {
        state.locked && !state.deactivated && !self.deactivated_in_mas
    }

    /// Returns whether the account is shut, and an action of this program may have stopped halfway.
    pub(crate) fn is_half_shut(&self, wanted: DisableMode) -> bool {
        self.has_half_done(wanted) && !self.listed.is_active()
    }

    /// Returns the remembered user, unless from a restored state file.
    pub(crate) fn remembered(&self) -> Option<(usize, Tie)> {
        self.memory.filter(|(_, tie)| *tie != Tie::Restored)
    }

    /// Returns whether memory, which a link replaces, names a user.
    pub(crate) fn remembers(&self, user: usize) -> bool {
        self.links.is_empty() && self.memory.is_some_and(|(owner, _)| owner == user)
    }

    /// Returns whether an action of this program may have locked the account and not done the rest.
    pub(crate) fn has_half_done(&self, wanted: DisableMode) -> bool {
        self.own.is_some_and(|own| match wanted {
            DisableMode::Deactivate => {
                own.mode == DisableMode::Deactivate && own.progress != Progress::Done
            }
            DisableMode::Lock => own.progress == Progress::Begun,
        })
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
            server_clock: rarely(&mut rng, 2, &[NOW, NOW - 1500, NOW + 5000]),
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

    /// Returns what Keycloak says about a user when it is asked.
    pub(crate) fn now(&self, user: usize) -> Standing {
        self.users.get(user).map_or(Standing::Gone, |user| user.now)
    }

    /// Returns whether a user may use Matrix by the list and when Keycloak is asked.
    pub(crate) fn stays(&self, user: usize) -> bool {
        self.is_listed(user) && self.counts(self.now(user))
    }

    /// Returns a user that Keycloak knows when it is asked.
    pub(crate) fn known(&self, user: usize) -> Option<&User> {
        self.users.get(user).filter(|user| user.now.is_known())
    }

    /// Returns whether Keycloak knows a user who is a member in the list or when it is asked.
    pub(crate) fn shows_member(&self, user: usize) -> bool {
        self.known(user).is_some_and(|user| self.counts(user.listed) || self.counts(user.now))
    }

    /// Returns whether Keycloak knows a user when it is asked.
    pub(crate) fn is_known(&self, user: usize) -> bool {
        self.users.get(user).is_some_and(|user| user.now.is_known())
    }

    /// Returns the members in the list whose localpart is an account's.
    pub(crate) fn members(&self, account: &Account) -> Vec<usize> {
        self.named(account.localpart, |user| user.listed.is_member())
    }

    /// Returns the users who may own an account by its name, as the list or Keycloak's answers show
    /// them.
    pub(crate) fn all_named(&self, account: &Account) -> Vec<usize> {
        let known = self.named(account.localpart, |user| user.now.is_known()).into_iter();
        let all: BTreeSet<_> = known.chain(self.claimants(account)).collect();
        all.into_iter().collect()
    }

    /// Returns whether a link, an external ID or memory ties an account to any user.
    pub(crate) fn has_owner(&self, account: &Account) -> bool {
        !account.links.is_empty()
            || !self.external(account).is_empty()
            || account.remembered().is_some()
    }

    /// Returns whether a link or memory ties a user to another account.
    pub(crate) fn has_tied(&self, account: &Account, user: usize) -> bool {
        let owner = |other: &Account| {
            other.links.first().copied().or(other.remembered().map(|(owner, _)| owner))
        };
        self.others(account).any(|other| owner(other) == Some(user))
    }

    /// Returns the members of an account's name; of several, those that nothing ties to another
    /// account.
    pub(crate) fn claimants(&self, account: &Account) -> Vec<usize> {
        let (tied, free): (Vec<_>, Vec<_>) =
            self.members(account).iter().partition(|user| self.has_tied(account, **user));
        if free.is_empty() { tied } else { free }
    }

    /// Returns whether only the case distinguishes two accounts, and no member has exactly this
    /// name.
    pub(crate) fn is_twin(&self, account: &Account) -> bool {
        let is_exact = self
            .members(account)
            .iter()
            .any(|user| self.users[*user].localpart == account.localpart);
        !is_exact && self.is_free(account) && self.twins(account).next().is_some()
    }

    /// Returns whether a user has another account by name, one that is in use, or was until this
    /// program disabled it.
    pub(crate) fn has_named(&self, account: &Account, user: usize) -> bool {
        let is_lost = |other: &Account| other.own.is_some() && !self.is_listed(user);
        let mut others = self.others(account).filter(|other| {
            (!other.is_shut(other.listed) || is_lost(other)) && self.is_free(other)
        });
        others.any(|other| self.members(other) == [user] && !self.is_twin(other))
    }

    /// Returns whether a remembered name is replaced by the lists: members have the name, and its
    /// user another account.
    pub(crate) fn is_replaced(&self, account: &Account, (user, tie): (usize, Tie)) -> bool {
        let members = self.members(account);
        let has_another = self.has_tied(account, user) || self.has_named(account, user);
        tie == Tie::Name && !members.is_empty() && !members.contains(&user) && has_another
    }

    /// Returns whether members have the name of an account that another user is remembered for, by
    /// a name that stays.
    pub(crate) fn is_contested(&self, account: &Account) -> bool {
        let stays = |owner| !self.is_replaced(account, owner);
        account.remembered().is_some_and(stays) && !self.members(account).is_empty()
    }

    /// Returns the other accounts of this homeserver.
    pub(crate) fn others(&self, account: &Account) -> impl Iterator<Item = &Account> {
        let name = account.localpart;
        self.accounts
            .iter()
            .filter(move |other| other.localpart != name && other.server == Server::Ours)
    }

    /// Returns the other accounts whose names differ from an account's only in case.
    pub(crate) fn twins(&self, account: &Account) -> impl Iterator<Item = &Account> {
        let name = account.localpart;
        self.others(account).filter(move |other| other.localpart.eq_ignore_ascii_case(name))
    }

    /// Returns the users that links, external IDs and memory name; links of MAS replace memory.
    pub(crate) fn evidence(&self, account: &Account) -> BTreeSet<usize> {
        let counts = account.links.is_empty() || self.rules.matching == Matching::Localpart;
        let memory = account.memory.map(|(user, _)| user).filter(|_| counts);
        account.links.iter().copied().chain(self.external(account)).chain(memory).collect()
    }

    /// Returns the users that Keycloak shows for an account's name: by username, or from the list
    /// of users.
    ///
    /// The list is read only if it has to be, and names no one if an ID is known.
    pub(crate) fn shown_by_name(&self, account: &Account) -> Option<Vec<usize>> {
        let has_to = match self.rules.matching {
            Matching::Localpart => true,
            Matching::UpstreamLink => account.links.is_empty(),
            Matching::Auto => {
                let is_replaced = |owner| self.is_replaced(account, owner);
                account.links.is_empty() && account.remembered().is_none_or(is_replaced)
            }
        };
        let knows_any = self.evidence(account).iter().any(|user| self.is_known(*user));
        let named = self.named(account.localpart, |user| user.now != Standing::Gone);
        match self.template {
            Template::Username => (has_to || !knows_any).then_some(named),
            Template::Shared if has_to => {
                Some(named).filter(|named| !named.is_empty() || !knows_any)
            }
            Template::Shared => (!knows_any).then(Vec::new),
        }
    }

    /// Returns the accounts that MAS may change in place of one: mas-cli finds users without regard
    /// to case.
    pub(crate) fn mixed_up(&self, account: &Account) -> impl Iterator<Item = &Account> {
        let is_by_name = account.mas == Mas::NotAsked && account.server == Server::Ours;
        self.twins(account).filter(move |twin| is_by_name && twin.mas == Mas::NotAsked)
    }

    /// Returns whether an account is disabled or active, if it is one of these in the list.
    pub(crate) fn is_disabled(&self, account: &Account) -> Option<bool> {
        let AccountState { deactivated, locked, .. } = account.listed;
        let is_disabled = deactivated || (locked && self.rules.disable == DisableMode::Lock);
        (is_disabled || !account.is_shut(account.listed)).then_some(is_disabled)
    }

    /// Returns the time by the clock that is furthest behind. Servers show whole seconds.
    fn earliest_clock(&self) -> i64 {
        self.server_clock.map_or(NOW, |clock| (clock + 999).min(NOW))
    }

    /// Returns for how long an account's owner has been out of the group; times in the future count as
    /// now.
    pub(crate) fn absence(&self, account: &Account) -> u64 {
        let now = self.earliest_clock();
        account.absent_since.map_or(0, |since| (now - since).max(0).cast_unsigned())
    }

    /// Returns whether an account in this state is locked by this program, was so for long enough
    /// since a time, and is nothing more.
    pub(crate) fn is_due(&self, account: &Account, state: AccountState, since: i64) -> bool {
        let Some(after) = self.rules.deactivate_after.map(u64::cast_signed) else { return false };
        let is_ours = account
            .own
            .is_some_and(|own| own.mode == DisableMode::Lock || own.progress != Progress::Done);
        let clock = self.earliest_clock();
        self.rules.disable == DisableMode::Lock
            && is_ours
            && account.is_only_locked(state)
            && account.locked_since.is_some_and(|locked| locked.max(since) + after <= clock)
    }

    /// Returns whether an account in this state can still be disabled: also if MAS or we stopped
    /// half way.
    pub(crate) fn can_be_disabled(&self, account: &Account, state: AccountState) -> bool {
        let wanted = self.rules.disable;
        let has_lost_its_job = account.deactivated_in_mas && wanted == DisableMode::Deactivate;
        state.is_active()
            || (!state.deactivated && (has_lost_its_job || account.has_half_done(wanted)))
    }

    /// Returns whether a name can say whose account it is, as nothing stronger is there.
    pub(crate) fn is_free(&self, account: &Account) -> bool {
        let is_unlinked = account.links.is_empty() || self.rules.matching == Matching::Localpart;
        is_unlinked && (account.remembered().is_none() || self.rules.matching != Matching::Auto)
    }

    /// Returns whether the list has an enabled member of an account's name.
    pub(crate) fn has_namesake(&self, account: &Account) -> bool {
        self.members(account).iter().any(|user| self.is_listed(*user))
    }

    /// Returns the users that the strongest evidence names: a link, an external ID in the look, or
    /// memory.
    ///
    /// With names alone it may be known that subjects are no IDs of users.
    pub(crate) fn ties(&self, account: &Account, looks: bool) -> Vec<usize> {
        let is_id =
            self.rules.matching != Matching::Localpart || self.subjects != Subjects::NoUsers;
        let external = self.external(account);
        match (account.links.first().filter(|_| is_id), account.memory) {
            (Some(newest), _) => vec![*newest],
            (None, _) if looks && !external.is_empty() => external,
            (None, Some((user, tie))) if is_id || tie != Tie::Link => vec![user],
            _ => Vec::new(),
        }
    }

    /// Returns the users that Keycloak is asked about: of the evidence, and of the name if it may
    /// decide.
    pub(crate) fn asked(&self, account: &Account) -> BTreeSet<usize> {
        let members = self.members(account);
        let may_leave = |(user, tie): (usize, Tie)| {
            let is_contested = tie == Tie::Name && !members.is_empty() && !members.contains(&user);
            is_contested && (!self.is_member(user) || self.is_replaced(account, (user, tie)))
        };
        let may_decide = match self.rules.matching {
            Matching::Localpart => true,
            Matching::UpstreamLink => account.links.is_empty(),
            Matching::Auto => {
                account.links.is_empty() && account.remembered().is_none_or(may_leave)
            }
        };
        let members = self.claimants(account).into_iter().filter(|_| may_decide);
        let named = self.shown_by_name(account).unwrap_or_default();
        self.evidence(account).into_iter().chain(members).chain(named).collect()
    }

    /// Returns whether the members are listed a second time, after the looks.
    pub(crate) fn reads_again(&self) -> bool {
        self.users.iter().any(|user| user.listed.is_member() && user.provider.is_some())
    }

    /// Returns whether look or second list show a user in the group, or more so than the first
    /// list.
    pub(crate) fn differs(&self, user: usize) -> bool {
        self.users.get(user).is_some_and(|user| {
            let is_in = self.counts(user.now) || (self.reads_again() && self.counts(user.after));
            let differs = user.now.is_known() && user.listed.is_member() != user.now.is_member();
            let is_gone = user.now == Standing::Gone && self.counts(user.listed);
            differs || is_gone || (is_in && !self.counts(user.listed))
        })
    }

    /// Returns whether both lists show an enabled member of a storage provider.
    pub(crate) fn is_alive(&self, provider: &str) -> bool {
        let users = || self.users.iter().filter(|user| user.provider == Some(provider));
        users().any(|user| user.listed == Standing::In)
            && users().any(|user| user.after == Standing::In)
    }

    /// Returns whether the policy protects an account; MAS ignores case.
    pub(crate) fn is_protected(&self, account: &Account) -> bool {
        let mut others =
            self.accounts.iter().filter(|other| other.marks.contains(&Mark::Protected));
        others.any(|other| other.localpart.eq_ignore_ascii_case(account.localpart))
    }

    /// Returns the users of the realm that Synapse has as external IDs; they count only without a
    /// link.
    pub(crate) fn external(&self, account: &Account) -> Vec<usize> {
        let ids = account.external_ids.iter().copied().filter(|_| account.links.is_empty());
        ids.filter(|user| self.is_known(*user)).collect()
    }

    /// Returns whether a weak sign points to an enabled member.
    pub(crate) fn has_sign(&self, account: &Account) -> bool {
        let listed = |user: &&User| user.listed.is_member();
        let shown = |user: &User| user.full_name.map(|(first, last)| format!("{first} {last}"));
        let is_named = |user: &&User| {
            account.display_name.is_some() && shown(user).as_deref() == account.display_name
        };
        let is_one = self.users.iter().filter(listed).filter(is_named).count() == 1;
        let enabled = |user: &&User| self.counts(user.listed) && user.now != Standing::Gone;
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
                account.marks_now.retain(|mark| *mark != Mark::TokenOwner);
            }
            is_taken |= account.marks.contains(&Mark::TokenOwner);
        }
    }

    /// Without a state file nothing is remembered, and what needs one is a configuration error.
    fn forget(&mut self) {
        self.remembered_providers.clear();
        self.rules.grace = 0;
        self.rules.deactivate_after = None;
        if self.rules.reactivate == Reactivate::Own {
            self.rules.reactivate = Reactivate::Any;
        }
        for account in &mut self.accounts {
            account.memory = None;
            account.own = None;
            account.absent_since = None;
            account.locked_since = None;
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
        matching: one_of(
            rng,
            &[Matching::Auto, Matching::Auto, Matching::Localpart, Matching::UpstreamLink],
        ),
        disable: either(rng, DisableMode::Deactivate, DisableMode::Lock),
        reactivate: one_of(
            rng,
            &[Reactivate::Any, Reactivate::Any, Reactivate::Own, Reactivate::None],
        ),
        deactivate_after: rarely(rng, 2, &[2000, 4000]),
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
    let now = if forgotten {
        Standing::OnlyRemembered
    } else {
        rarely(rng, 8, &standings).unwrap_or(listed)
    };
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
        after: rarely(rng, 10, &standings).unwrap_or(if now.is_known() {
            now
        } else {
            Standing::Gone
        }),
    }
}

fn random_accounts(rng: &mut Rng, users: usize) -> Vec<Account> {
    let mut localparts = LOCALPARTS;
    rng.shuffle(&mut localparts);
    let count = rng.usize(1..=4);
    localparts
        .into_iter()
        .take(count)
        .map(|localpart| random_account(rng, users, localpart))
        .collect()
}

fn random_account(rng: &mut Rng, users: usize, localpart: &'static str) -> Account {
    let listed = random_state(rng);
    let now = if rng.u8(..16) == 0 { random_state(rng) } else { listed };
    let marks = Vec::from_iter(rarely(
        rng,
        6,
        &[Mark::TokenOwner, Mark::Protected, Mark::Admin, Mark::Bot],
    ));
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
        let tie = one_of(rng, &[Tie::Link, Tie::ExternalId, Tie::Name, Tie::Name, Tie::Restored]);
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
        display_name: rarely(rng, 4, &["Ada Byron", "Joan Clarke", "Mary Smith"]),
        own: (rng.u8(..3) == 0).then(|| random_own(rng)).flatten(),
        absent_since: rarely(rng, 2, &[5000, 9000, 9500, 20_000]),
        locked_since: rarely(rng, 2, &[3000, 5000, 6000, 9000]),
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

/// A disable of the program, or none, if an activation has reversed it.
fn random_own(rng: &mut Rng) -> Option<Own> {
    let holds = rng.bool();
    let own = Own {
        mode: either(rng, DisableMode::Deactivate, DisableMode::Lock),
        progress: one_of(rng, &[Progress::Begun, Progress::Requested, Progress::Done]),
        at: one_of(rng, &[2000, 7000]),
    };
    holds.then_some(own)
}
