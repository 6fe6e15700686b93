//! Part of the model: whose account it is, as far as the lists say.

use matrix_keycloak_sync::model::Tie;
use matrix_keycloak_sync::planner::Matching;

use crate::world::{Account, Server, User, World};

/// Whose account it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    Linked(usize),
    Remembered(usize),
    /// Remembered by name, which members have by now.
    Contested(usize),
    /// Users who have the account's name.
    Named(Vec<usize>),
    Nobody,
}

impl Owner {
    /// Returns the users; more than one only by name.
    pub(crate) fn users(&self) -> Vec<usize> {
        match self {
            Self::Linked(user) | Self::Remembered(user) | Self::Contested(user) => vec![*user],
            Self::Named(users) => users.clone(),
            Self::Nobody => Vec::new(),
        }
    }

    /// Returns the first of them that the list shows as a member who may use Matrix.
    pub(crate) fn member(&self, world: &World) -> Option<usize> {
        let is_open = matches!(self, Self::Contested(_));
        self.users().into_iter().find(|user| !is_open && world.is_listed(*user))
    }

    /// Returns whether a link or memory says so.
    pub(crate) fn is_tied(&self) -> bool {
        !matches!(self, Self::Named(_) | Self::Nobody)
    }

    /// Finds out whose account it is: by link, by memory, by name.
    pub(crate) fn by_lists(world: &World, account: &Account) -> Self {
        let matching = world.rules.matching;
        if account.server == Server::Other {
            return Self::Nobody;
        }
        if let Some(user) = account.links.first().filter(|_| matching != Matching::Localpart) {
            return Self::Linked(*user);
        }
        let named = members_of_name(world, account);
        if let Some((user, tie)) = account.memory.filter(|_| matching == Matching::Auto) {
            let others_have_name = !named.is_empty() && !named.contains(&user);
            if tie != Tie::Name || !others_have_name {
                return Self::Remembered(user);
            }
            if !has_other_account(world, account, user) {
                let is_member = world.is_member(user);
                return if is_member { Self::Remembered(user) } else { Self::Contested(user) };
            }
        }
        let free = |user: &usize| !is_tied_elsewhere(world, account, *user);
        let free: Vec<usize> = named.iter().copied().filter(free).collect();
        match named.len() {
            0 => Self::Nobody,
            1 => Self::Named(named),
            _ if free.is_empty() => Self::Named(named),
            _ => Self::Named(free),
        }
    }
}

/// Returns the listed members whose localpart is the account's.
pub(crate) fn members_of_name(world: &World, account: &Account) -> Vec<usize> {
    world.named(account.localpart, |user| user.listed.is_member())
}

/// Returns the user that the newest link ties an account to, or else memory.
pub(crate) fn tie(account: &Account) -> Option<usize> {
    account.links.first().copied().or(account.memory.map(|(user, _)| user))
}

/// Returns whether links or memory tie a user to another account than this one.
pub(crate) fn is_tied_elsewhere(world: &World, account: &Account, user: usize) -> bool {
    let ours = world.accounts.iter().filter(|other| other.server == Server::Ours);
    let mut others = ours.filter(|other| other.localpart != account.localpart);
    others.any(|other| tie(other) == Some(user))
}

fn has_other_account(world: &World, account: &Account, user: usize) -> bool {
    let is_theirs = |other: &Account| members_of_name(world, other).contains(&user);
    let mut free = world.accounts.iter().filter(|other| is_for_a_name(world, other));
    is_tied_elsewhere(world, account, user) || free.any(is_theirs)
}

/// Returns whether only a name can say whose account it is.
fn is_for_a_name(world: &World, account: &Account) -> bool {
    let is_tied = match world.rules.matching {
        Matching::Localpart => false,
        Matching::UpstreamLink => !account.links.is_empty(),
        Matching::Auto => tie(account).is_some(),
    };
    account.server == Server::Ours && !is_tied
}

/// Returns whether an account differs only in case from another one, and is not spelled as a
/// member's name.
pub(crate) fn is_twin(world: &World, account: &Account) -> bool {
    let free = world.accounts.iter().filter(|other| is_for_a_name(world, other));
    let same = free.filter(|other| other.localpart.eq_ignore_ascii_case(account.localpart));
    let exact = |user: &User| user.listed.is_member() && user.localpart == account.localpart;
    let is_exact = !world.named(account.localpart, exact).is_empty();
    is_for_a_name(world, account) && same.count() > 1 && !is_exact
}

/// Returns whether link or memory tie an account to another user than those of its name, or one of
/// these to another account. With names alone, subjects may be no IDs unless one is a member's.
pub(crate) fn is_anothers(world: &World, account: &Account, owner: &Owner) -> bool {
    let mut subjects = world.accounts.iter().flat_map(|other| &other.links);
    let by_name_alone = world.rules.matching == Matching::Localpart;
    let subjects_count = !by_name_alone || subjects.any(|user| world.is_member(*user));
    let link = account.links.first().copied().filter(|_| subjects_count);
    let counts = |tie| tie != Tie::Link || subjects_count || account.links.is_empty();
    let memory = account.memory.filter(|(_, tie)| counts(*tie));
    let tied = link.or(memory.map(|(user, _)| user));
    let is_bound = |user: &usize| tied.is_some_and(|tied| tied != *user) || is_tied_elsewhere(world, account, *user);
    !owner.is_tied() && owner.users().iter().any(is_bound)
}
