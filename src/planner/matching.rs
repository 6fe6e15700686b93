//! Which members an account belongs to: by the tie that MAS keeps, where there is one, else by name.

use std::collections::{BTreeMap, BTreeSet};

use super::Facts;
use super::policy::Matching;
use crate::model::{Account, KeycloakId, Member};

/// Members and accounts of one reading, by what they meet by.
pub(super) struct Meetings<'f> {
    facts: &'f Facts,
    matching: Matching,
    by_name: BTreeMap<String, Vec<&'f Member>>,
    by_id: BTreeMap<&'f KeycloakId, &'f Member>,
    /// How many accounts of this homeserver share each name.
    namesakes: BTreeMap<String, usize>,
    /// The names of accounts that are tied to nobody.
    free_names: BTreeSet<String>,
    /// Everyone to whom some account is tied.
    tied: BTreeSet<&'f KeycloakId>,
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
        let mut by_name: BTreeMap<String, Vec<&Member>> = BTreeMap::new();
        for member in &facts.members {
            by_name.entry(member.localpart.key()).or_default().push(member);
        }
        let mut namesakes: BTreeMap<String, usize> = BTreeMap::new();
        let mut free_names = BTreeSet::new();
        for account in facts.accounts.iter().filter(|account| account.is_on(&facts.server_name)) {
            *namesakes.entry(account.localpart().key()).or_default() += 1;
            if matching == Matching::Localpart || account.links.is_empty() {
                free_names.insert(account.localpart().key());
            }
        }
        let (mut by_id, mut tied) = (BTreeMap::new(), BTreeSet::new());
        if matching == Matching::UpstreamLink {
            by_id = facts.members.iter().map(|member| (&member.id, member)).collect();
            tied = facts.accounts.iter().flat_map(|account| &account.links).collect();
        }
        Self { facts, matching, by_name, by_id, namesakes, free_names, tied }
    }

    /// Who meets at this account.
    pub(super) fn at(&self, account: &'f Account) -> Meeting<'f> {
        if !account.is_on(&self.facts.server_name) {
            return Meeting::default();
        }
        let key = account.localpart().key();
        let of_name = self.by_name.get(&key).map_or(&[][..], Vec::as_slice);
        let shared = self.namesakes[&key] > 1;
        let is_tied = |member: &&&Member| self.tied.contains(&member.id);
        let (people, namesake): (Vec<_>, _) = if self.links(account).is_empty() {
            // A member of this name whom MAS has tied to another account has that one.
            let free = of_name.iter().filter(|member| !is_tied(member)).copied();
            (free.collect(), of_name.iter().find(is_tied))
        } else {
            let people: Vec<_> = account.links.iter().filter_map(|id| self.by_id.get(id).copied()).collect();
            let stranger = of_name.iter().find(|member| people.is_empty() && !is_tied(member));
            (people, stranger)
        };
        Meeting { ambiguous: shared || people.len() > 1 || namesake.is_some(), people, namesake: namesake.copied() }
    }

    /// The people to whom the account is tied, where that counts.
    pub(super) fn links(&self, account: &'f Account) -> &'f [KeycloakId] {
        match self.matching {
            Matching::Localpart => &[],
            Matching::UpstreamLink => &account.links,
        }
    }

    /// Whether a member has an account: one that is tied to them, or one of their name that is not tied to anybody else.
    pub(super) fn has_account(&self, member: &Member) -> bool {
        self.tied.contains(&member.id) || self.free_names.contains(&member.localpart.key())
    }

    /// Everyone to whom some account is tied.
    pub(super) fn into_tied(self) -> BTreeSet<KeycloakId> {
        self.tied.into_iter().cloned().collect()
    }
}
