//! Which members an account belongs to: by the tie that MAS keeps, where there is one, else by name.
//!
//! Members and accounts come by the million, so what is kept of them here is their row numbers.

use std::borrow::Cow;
use std::cell::Cell;
use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::Facts;
use super::policy::Matching;
use crate::model::{Account, KeycloakId, Member};

/// Members and accounts of one reading, by what they meet by.
#[derive(Debug)]
pub(super) struct Meetings<'f> {
    facts: &'f Facts,
    matching: Matching,
    /// Members by name.
    by_name: Rows,
    /// Members by ID; empty where they meet by name.
    by_id: Rows,
    /// The accounts of each name that several of this homeserver share.
    shared: Rows,
    /// The names of accounts that are tied to nobody, where others are tied.
    free_names: Rows,
    /// Everyone to whom some account is tied: the account, and which of its ties.
    tied: Rows<(u32, u32)>,
    /// The members, by row, of whose name there is an account; complete once every account was asked about.
    met: Vec<Cell<bool>>,
}

/// Row numbers, found by what stands in the row.
#[derive(Debug)]
struct Rows<T = u32> {
    hasher: DefaultHashBuilder,
    table: HashTable<T>,
}

impl<T: Copy> Rows<T> {
    fn for_about(rows: usize) -> Self {
        Self { hasher: DefaultHashBuilder::default(), table: HashTable::with_capacity(rows) }
    }

    fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Adds a row whatever stands there already.
    fn add<K: Hash>(&mut self, row: T, key: K, key_of: impl Fn(T) -> K) {
        let hash = self.hasher.hash_one(key);
        self.table.insert_unique(hash, row, |row| self.hasher.hash_one(key_of(*row)));
    }

    fn find<K: Hash + Eq>(&self, key: &K, key_of: impl Fn(T) -> K) -> Option<T> {
        self.table.find(self.hasher.hash_one(key), |row| key_of(*row) == *key).copied()
    }

    fn find_all<K: Hash + Eq>(&self, key: &K, key_of: impl Fn(T) -> K) -> impl Iterator<Item = T> {
        let rows = self.table.iter_hash(self.hasher.hash_one(key)).copied();
        rows.filter(move |row| key_of(*row) == *key)
    }
}

/// Who meets at one account.
#[derive(Debug, Default)]
pub(super) struct Meeting<'f> {
    /// The members whose account this is, or may be.
    pub(super) people: Vec<&'f Member>,
    /// Whether it cannot be told whose account this is.
    pub(super) ambiguous: bool,
    /// A member who has its name, and may or may not be its owner: the one is tied, and not to the other.
    pub(super) namesake: Option<&'f Member>,
}

/// The members whose account this is, or may be; for those who explain.
#[must_use]
pub fn people_of<'f>(account: &'f Account, facts: &'f Facts, matching: Matching) -> Vec<&'f Member> {
    let Meeting { mut people, namesake, .. } = Meetings::new(facts, matching).at(account);
    people.extend(namesake);
    people
}

impl<'f> Meetings<'f> {
    pub(super) fn new(facts: &'f Facts, matching: Matching) -> Self {
        let by_ties = matching == Matching::UpstreamLink;
        let (members, accounts) = (facts.members.len(), facts.accounts.len());
        let name_of = |row| facts.account_name(row);
        let some = |rows: usize| if by_ties { rows } else { 0 };
        let mut meetings = Self {
            facts,
            matching,
            by_name: Rows::for_about(members),
            by_id: Rows::for_about(some(members)),
            shared: Rows::for_about(0),
            free_names: Rows::for_about(0),
            tied: Rows::for_about(some(accounts)),
            met: vec![Cell::new(false); members],
        };
        for (row, member) in (0..).zip(&facts.members) {
            meetings.by_name.add(row, member.localpart.key(), |row| facts.member_name(row));
            if by_ties {
                meetings.by_id.add(row, &member.id, |row| facts.member_id(row));
            }
        }
        for (row, account) in (0..).zip(&facts.accounts) {
            if by_ties {
                for (tie, id) in (0..).zip(&account.links) {
                    meetings.tied.add((row, tie), id, |at| facts.tie(at));
                }
            }
            if by_ties && account.links.is_empty() && account.is_on(&facts.server_name) {
                meetings.free_names.add(row, name_of(row), name_of);
            }
        }
        for row in facts.namesakes() {
            meetings.shared.add(row, name_of(row), name_of);
        }
        meetings
    }

    /// Who meets at this account.
    pub(super) fn at(&self, account: &'f Account) -> Meeting<'f> {
        if !account.is_on(&self.facts.server_name) {
            return Meeting::default();
        }
        let key = account.localpart().key();
        let of_name = || {
            let rows = self.by_name.find_all(&key, |row| self.facts.member_name(row));
            rows.map(|row| {
                self.met[row as usize].set(true);
                &self.facts.members[row as usize]
            })
        };
        let shared = !self.shared.is_empty() && self.shared.find(&key, |row| self.facts.account_name(row)).is_some();
        let (people, namesake): (Vec<_>, _) = if self.matching == Matching::Localpart {
            (of_name().collect(), None)
        } else if account.links.is_empty() {
            // A member of this name whom MAS has tied to another account has that one.
            (of_name().filter(|member| !self.is_tied(member)).collect(), of_name().find(|member| self.is_tied(member)))
        } else {
            let member =
                |id| Some(&self.facts.members[self.by_id.find(&id, |row| self.facts.member_id(row))? as usize]);
            let people: Vec<_> = account.links.iter().filter_map(member).collect();
            let stranger = of_name().find(|member| people.is_empty() && !self.is_tied(member));
            (people, stranger)
        };
        Meeting { ambiguous: shared || people.len() > 1 || namesake.is_some(), people, namesake }
    }

    /// The people to whom the account is tied, where that counts.
    pub(super) fn links(&self, account: &'f Account) -> &'f [KeycloakId] {
        match self.matching {
            Matching::Localpart => &[],
            Matching::UpstreamLink => &account.links,
        }
    }

    /// The members without an account, once every account was asked about: without one that is tied to them, and without
    /// one of their name that is not tied to anybody else.
    pub(super) fn without_account(&self) -> impl Iterator<Item = &'f Member> {
        let has_account = |member: &Member, met: &Cell<bool>| match self.matching {
            Matching::Localpart => met.get(),
            Matching::UpstreamLink => {
                let name = member.localpart.key();
                self.is_tied(member) || self.free_names.find(&name, |row| self.facts.account_name(row)).is_some()
            }
        };
        let members = self.facts.members.iter().zip(&self.met);
        members.filter(move |(member, met)| !has_account(member, met)).map(|(member, _)| member)
    }

    fn is_tied(&self, member: &Member) -> bool {
        self.is_tied_to(&member.id)
    }

    /// Whether some account is tied to this user of Keycloak.
    pub(super) fn is_tied_to(&self, id: &KeycloakId) -> bool {
        self.matching == Matching::UpstreamLink && self.tied.find(&id, |at| self.facts.tie(at)).is_some()
    }
}

impl Facts {
    /// The accounts of this homeserver that share their name with another one. Sorting hashes goes through memory from
    /// one end to the other, which by the million is several times faster than looking each name up.
    fn namesakes(&self) -> Vec<u32> {
        let hash_of = DefaultHashBuilder::default();
        let ours = (0..).zip(&self.accounts).filter(|(_, account)| account.is_on(&self.server_name));
        let mut hashes: Vec<(u64, u32)> =
            ours.map(|(row, account)| (hash_of.hash_one(account.localpart().key()), row)).collect();
        hashes.sort_unstable();
        let mut namesakes = Vec::new();
        for of_hash in hashes.chunk_by(|(one, _), (other, _)| one == other).filter(|rows| rows.len() > 1) {
            let has_namesake = |row: u32| {
                let others = of_hash.iter().map(|(_, other)| *other).filter(|other| *other != row);
                others.into_iter().any(|other| self.account_name(other) == self.account_name(row))
            };
            namesakes.extend(of_hash.iter().map(|(_, row)| *row).filter(|row| has_namesake(*row)));
        }
        namesakes
    }

    fn member_name(&self, row: u32) -> Cow<'_, str> {
        self.members[row as usize].localpart.key()
    }

    fn member_id(&self, row: u32) -> &KeycloakId {
        &self.members[row as usize].id
    }

    fn account_name(&self, row: u32) -> Cow<'_, str> {
        self.accounts[row as usize].localpart().key()
    }

    fn tie(&self, (row, tie): (u32, u32)) -> &KeycloakId {
        &self.accounts[row as usize].links[tie as usize]
    }
}
