//! Part of the model: what Keycloak shows when it is asked about one account.

use std::collections::BTreeSet;

use matrix_keycloak_sync::model::Tie;
use matrix_keycloak_sync::plan::Reason;
use matrix_keycloak_sync::planner::{Federation, Matching};

use crate::claims::{Owner, is_tied_elsewhere, members_of_name, tie};
use crate::world::{Account, Standing, Template, User, World};

/// What Keycloak shows.
pub(crate) struct Answers<'w> {
    world: &'w World,
    /// The users that are asked for by ID.
    by_id: Vec<usize>,
    /// The users of the realm that Synapse has as external IDs.
    pub(crate) external: Vec<usize>,
    /// The users who are found by the account's name.
    pub(crate) by_name: Vec<usize>,
    /// Keycloak was asked for the name, and has nobody.
    finds_nobody: bool,
    external_id_decides: bool,
    /// The users whose account it is, more than one only if it cannot be told.
    pub(crate) owners: Vec<usize>,
    /// Whether the lists say something else about these users or the name.
    pub(crate) contradict: bool,
}

/// What list and look show of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Member,
    Contradiction,
    Out(Reason),
    Gone,
}

impl Seen {
    /// Returns why a user's account is disabled.
    pub(crate) fn reason(self) -> Option<Reason> {
        match self {
            Self::Out(reason) => Some(reason),
            Self::Member | Self::Contradiction | Self::Gone => None,
        }
    }
}

/// Returns the remembered user, unless a newer link has replaced them.
pub(crate) fn memory_in_force(world: &World, account: &Account) -> Option<usize> {
    let acts_on_links = world.rules.matching != Matching::Localpart;
    let memory = account.memory.filter(|_| !acts_on_links || account.links.is_empty());
    memory.map(|(user, _)| user)
}

impl<'w> Answers<'w> {
    /// Asks about the users who may own an account.
    pub(crate) fn new(world: &'w World, account: &Account, owner: &Owner) -> Self {
        let links = account.links.iter().copied();
        let ties = links.chain(memory_in_force(world, account));
        let named = match owner {
            Owner::Contested(_) => members_of_name(world, account),
            _ => owner.users(),
        };
        let by_id: Vec<usize> = ties.chain(named).collect();
        let external = world.external(account);
        let ids = || by_id.iter().chain(&external);
        let is_any_known = ids().any(|user| world.is_known(*user));
        let asks_list = !owner.is_tied() && world.template == Template::Shared;
        let asks_username = world.template == Template::Username && (!owner.is_tied() || !is_any_known);
        let mut by_name = world.named(account.localpart, |user| user.now != Standing::Gone);
        let finds_nobody = !is_any_known && by_name.is_empty() || asks_username && by_name.is_empty();
        by_name.retain(|user| !(world.is_member(*user) && ids().any(|known| known == user)));
        by_name.retain(|_| asks_list || asks_username);
        let external_id_decides =
            world.rules.matching != Matching::Localpart && !matches!(owner, Owner::Linked(_)) && !external.is_empty();
        let mut answers = Self {
            world,
            by_id,
            external,
            by_name,
            finds_nobody,
            external_id_decides,
            owners: Vec::new(),
            contradict: false,
        };
        answers.owners = answers.owners(account, owner);
        answers.contradict = answers.contradict(account);
        answers
    }

    fn owners(&self, account: &Account, owner: &Owner) -> Vec<usize> {
        let found = self.by_name.iter().copied().filter(|user| self.world.is_known(*user));
        match owner {
            Owner::Linked(_) => account.links.clone(),
            _ if self.external_id_decides => self.external.clone(),
            Owner::Remembered(user) | Owner::Contested(user) if self.world.is_known(*user) => {
                vec![*user]
            }
            Owner::Contested(_) => members_of_name(self.world, account),
            Owner::Remembered(user) => {
                let gives_way = account.memory.is_some_and(|(_, tie)| tie == Tie::Name);
                let found: Vec<usize> = found.filter(|_| gives_way).collect();
                if found.is_empty() { vec![*user] } else { found }
            }
            Owner::Named(users) => {
                let all: BTreeSet<usize> = users.iter().copied().chain(found).collect();
                all.into_iter().collect()
            }
            Owner::Nobody => found.collect(),
        }
    }

    /// Returns what list and look show of an owner.
    pub(crate) fn seen(&self, user: usize) -> Seen {
        let Some(user) = self.known(user) else { return Seen::Gone };
        match (user.now.is_member(), user.listed.is_member()) {
            (false, false) => Seen::Out(Reason::NotInGroup),
            (true, true) if self.world.counts(user.listed) => Seen::Member,
            (true, true) if !user.now.is_enabled() => Seen::Out(Reason::DisabledInKeycloak),
            _ => Seen::Contradiction,
        }
    }

    /// Returns the user if Keycloak knows them.
    pub(crate) fn known(&self, user: usize) -> Option<&'w User> {
        self.world.users.get(user).filter(|user| user.now.is_known())
    }

    fn contradict(&self, account: &Account) -> bool {
        let world = self.world;
        let is_elsewhere = |user: &usize| is_tied_elsewhere(world, account, *user);
        let joined = |user: &&usize| {
            let user = &world.users[**user];
            user.now.is_member() && !user.listed.is_member()
        };
        let joined_after = |user: &User| user.after == Standing::In && !world.counts(user.listed);
        let mut members = world.users.iter().filter(|user| user.listed.is_member());
        let reads_again = members.any(|user| user.provider.is_some());
        let mut strangers = self.by_name.iter().filter(|user| !self.owners.contains(user));
        let mut owners_after = self.owners.iter().filter_map(|user| world.users.get(*user));
        let namesakes = world.named(account.localpart, joined_after);
        self.owners.iter().any(|user| self.seen(*user) == Seen::Contradiction)
            || strangers.any(|user| joined(&user) && !is_elsewhere(user))
            || (reads_again && owners_after.any(joined_after))
            || (reads_again && !namesakes.iter().all(is_elsewhere))
    }

    /// Returns whether anything has ever tied the account to a user.
    pub(crate) fn ever_tied(&self, account: &Account) -> bool {
        tie(account).is_some() || !self.by_name.is_empty() || !self.external.is_empty()
    }

    /// Returns whether something that does not decide points to a member.
    pub(crate) fn point_to_member(&self, account: &Account, owner: &Owner) -> bool {
        let world = self.world;
        let deciding = owner.users().into_iter().next().filter(|_| owner.is_tied());
        let memory = memory_in_force(world, account);
        let ties = account.links.iter().chain(&memory).filter(|user| Some(**user) != deciding);
        let by_name_alone = world.rules.matching == Matching::Localpart;
        let external = self.external.iter().filter(|_| by_name_alone);
        let exists = |user: &&User| user.now != Standing::Gone;
        let may_use = |user: &User| world.counts(user.listed) || world.counts(user.now);
        let mut users = ties.chain(external).filter_map(|user| world.users.get(*user));
        let is_unclaimed = *owner == Owner::Nobody && !self.ever_tied(account);
        users.any(|user| exists(&user) && may_use(user)) || (is_unclaimed && world.has_sign(account))
    }

    /// Returns whether a user who may own the account may be in one of these directories, which may
    /// be down.
    pub(crate) fn doubted(&self, directories: &BTreeSet<&str>) -> bool {
        let is_in_doubt = |user: &usize| match self.known(*user) {
            Some(user) => user.provider.is_some_and(|provider| directories.contains(provider)),
            None => !directories.is_empty(),
        };
        let by_name = self.by_name.iter().any(is_in_doubt) || (self.finds_nobody && !directories.is_empty());
        self.by_id.iter().chain(&self.external).any(is_in_doubt) || (by_name && !self.external_id_decides)
    }
}

/// Returns the storage providers that do not prove that they are up, if all of this was asked for.
pub(crate) fn doubtful<'w>(world: &'w World, asked: impl Iterator<Item = Answers<'w>>) -> BTreeSet<&'static str> {
    if world.rules.federation == Federation::Trust {
        return BTreeSet::new();
    }
    let all = || world.users.iter();
    let before = providers(all().filter(|user| user.listed == Standing::In));
    let after = providers(all().filter(|user| user.after == Standing::In));
    let alive: BTreeSet<_> = before.intersection(&after).copied().collect();
    let realm = world.providers.as_ref().unwrap_or(&world.remembered_providers);
    let mut doubtful = providers(all().filter(|user| user.listed.is_member()));
    doubtful.extend(realm);
    doubtful.retain(|provider| !alive.contains(provider));
    for answers in asked {
        let users = answers.by_id.iter().chain(&answers.external).chain(&answers.by_name);
        let mut seen = providers(users.filter_map(|user| answers.known(*user)));
        seen.retain(|provider| answers.contradict || !alive.contains(provider));
        doubtful.extend(seen);
    }
    doubtful
}

fn providers<'u>(users: impl Iterator<Item = &'u User>) -> BTreeSet<&'static str> {
    users.filter_map(|user| user.provider).collect()
}
