//! Decides which Keycloak user each account belongs to, and by which evidence. The rest of the
//! planner compares no names.
//!
//! The strongest evidence decides: MAS's upstream link, then an external ID in Synapse (only seen
//! in the second look), then the state file's memory, then the name. A name ties nothing if
//! stronger evidence names another user.

mod holder;
mod remembered_owners;
mod row_index;

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::HashSet;

use super::policy::{DisabledMembers, Matching, Policy};
use super::{Facts, Subjects};
use crate::model::{Account, KeycloakId, Localpart, Member, Tie, UserId};
use holder::Listed;
pub(super) use holder::{Holder, Namesakes, TiedBy};
pub use remembered_owners::AccountsByLocalpart;
use row_index::RowIndex;

/// What ties accounts to members, as far as the lists show it.
#[derive(Debug)]
pub(super) struct Identity<'f> {
    facts: &'f Facts,
    matching: Matching,
    disabled_members: DisabledMembers,
    /// Members by the name of their account.
    named: RowIndex,
    /// Members by ID; created on first use, because names alone do not need it.
    members: OnceCell<RowIndex>,
    /// Accounts by the user of their newest link, or else of their memory.
    tied: RowIndex,
    /// Accounts by name.
    accounts: RowIndex,
    /// Accounts whose name differs from another one only in case.
    same_name: HashSet<&'f UserId>,
    /// Accounts of these whose owner only a name decides, and that are not spelled like a member's
    /// name.
    twins: HashSet<&'f UserId>,
    /// Whether each member has an account, by row; complete once every account was requested.
    has_account: Vec<Cell<bool>>,
}

impl<'f> Identity<'f> {
    pub(super) fn new(facts: &'f Facts, policy: &Policy) -> Self {
        let mut identity = Self {
            facts,
            matching: policy.matching,
            disabled_members: policy.disabled_members,
            named: RowIndex::with_capacity(facts.members.len()),
            members: OnceCell::new(),
            tied: RowIndex::with_capacity(0),
            accounts: RowIndex::with_capacity(facts.accounts.len()),
            same_name: HashSet::new(),
            twins: HashSet::new(),
            has_account: vec![Cell::new(false); facts.members.len()],
        };
        identity.index_members();
        identity.index_accounts();
        identity
    }

    fn index_members(&mut self) {
        let facts = self.facts;
        for (row, member) in (0..).zip(&facts.members) {
            if member.localpart.is_some() {
                self.named.add(row, facts.member_name(row), |row| facts.member_name(row));
            }
        }
    }

    fn index_accounts(&mut self) {
        let facts = self.facts;
        // A growing table would read every key again.
        self.tied = RowIndex::with_capacity(
            facts.accounts.iter().filter(|account| account.tied_to().is_some()).count(),
        );
        let account_at = |row: u32| &facts.accounts[row as usize];
        for (row, account) in (0..).zip(&facts.accounts) {
            if !account.is_on(&facts.server_name) {
                continue;
            }
            if let Some(id) = account.tied_to() {
                self.tied.add(row, id, |row| facts.tied_to(row));
            }
            let other = self
                .accounts
                .add_beside(row, &facts.account_name(row), |row| facts.account_name(row));
            self.same_name.extend(
                other.into_iter().chain(other.map(|_| row)).map(|row| &account_at(row).user_id),
            );
        }
        let shared =
            facts.accounts.iter().filter(|account| self.same_name.contains(&account.user_id));
        let undecided =
            shared.filter(|account| !self.ties_decide(account) && !self.is_exact(account));
        self.twins = undecided.map(|account| &account.user_id).collect();
    }

    /// Returns the other accounts of this homeserver that have an account's name, without regard to
    /// case.
    pub(super) fn same_name(&self, account: &Account) -> Vec<&'f Account> {
        if !self.same_name.contains(&account.user_id) {
            return Vec::new();
        }
        let name = account.localpart().key();
        let rows =
            self.accounts.candidates(&name).filter(|row| self.facts.account_name(*row) == name);
        let accounts = rows.map(|row| &self.facts.accounts[row as usize]);
        accounts.filter(|other| other.user_id != account.user_id).collect()
    }

    /// Returns whether links or memory decide about the owner, so that no name does.
    fn ties_decide(&self, account: &Account) -> bool {
        match self.matching {
            Matching::Localpart => false,
            Matching::UpstreamLink => !account.links.is_empty(),
            Matching::Auto => account.tied_to().is_some(),
        }
    }

    fn is_exact(&self, account: &Account) -> bool {
        let named = self.named(account);
        named.iter().any(|member| member.localpart.as_ref() == Some(account.localpart()))
    }

    /// Returns whether an account shares its name with another one, and is not the one that counts
    /// as the member's.
    pub(super) fn is_twin(&self, account: &Account) -> bool {
        self.twins.contains(&account.user_id)
    }

    /// Returns the owner of an account by the lists; accounts of other homeservers have none.
    pub(super) fn holder(&self, account: &'f Account) -> Holder<'f> {
        if !account.is_on(&self.facts.server_name) {
            return Holder::Unclaimed;
        }
        let newest_link = account.links.first().filter(|_| self.matching != Matching::Localpart);
        if let Some(id) = newest_link {
            return self.tied(id, TiedBy::Link);
        }
        let named = self.named(account);
        if self.matching == Matching::Auto
            && let Some((id, tie)) = account.tied_by_memory()
        {
            self.remembered_holder(account, id, tie, named)
        } else {
            self.named_holder(account, named)
        }
    }

    fn tied(&self, id: &'f KeycloakId, by: TiedBy) -> Holder<'f> {
        let listed = self.listed(id);
        if let Some(listed) = listed {
            self.note_account_of(listed);
        }
        Holder::Tied { id, member: listed.map(|listed| listed.member), by }
    }

    /// Returns the owner by memory. A new name replaces memory by name if its user has another
    /// account, or is gone, which only the second look shows.
    fn remembered_holder(
        &self,
        account: &Account,
        id: &'f KeycloakId,
        tie: Tie,
        named: Namesakes<'f>,
    ) -> Holder<'f> {
        if tie != Tie::Name || named.is_empty() || named.contains(id) {
            self.tied(id, TiedBy::Memory(tie))
        } else if self.has_another_account(id, account) {
            self.named_holder(account, named)
        } else if self.member(id).is_some() {
            self.tied(id, TiedBy::Memory(tie))
        } else {
            Holder::Contested {
                remembered: id,
                named: self.without_those_settled_elsewhere(named, account),
            }
        }
    }

    fn named_holder(&self, account: &Account, named: Namesakes<'f>) -> Holder<'f> {
        if named.is_empty() {
            return Holder::Unclaimed;
        }
        let named = self.without_those_settled_elsewhere(named, account);
        for listed in named.listed() {
            self.note_account_of(listed);
        }
        Holder::Named(named)
    }

    /// Drops members with an account of their own, if several members have one name.
    fn without_those_settled_elsewhere(
        &self,
        named: Namesakes<'f>,
        account: &Account,
    ) -> Namesakes<'f> {
        if named.others.is_empty() {
            return named;
        }
        let mut left = Namesakes::default();
        for listed in
            named.listed().filter(|listed| !self.is_tied_elsewhere(&listed.member.id, account))
        {
            left.push(listed);
        }
        if left.is_empty() { named } else { left }
    }

    fn note_account_of(&self, listed: Listed<'f>) {
        self.has_account[listed.row as usize].set(true);
    }

    /// Returns whether each member has an account, by row; complete once every account was
    /// requested.
    pub(super) fn have_account(&self) -> impl Iterator<Item = bool> {
        self.has_account.iter().map(Cell::get)
    }

    fn listed(&self, id: &KeycloakId) -> Option<Listed<'f>> {
        let facts = self.facts;
        let members = self.members.get_or_init(|| {
            let mut members = RowIndex::with_capacity(facts.members.len());
            for (row, member) in (0..).zip(&facts.members) {
                members.add(row, &member.id, |row| facts.member_id(row));
            }
            members
        });
        let row = members.find(&id, |row| facts.member_id(row))?;
        Some(Listed { row, member: &self.facts.members[row as usize] })
    }

    /// Returns the members whose account has this account's name, without regard to case, in order
    /// of ID.
    pub(super) fn named(&self, account: &Account) -> Namesakes<'f> {
        let key = account.localpart().key();
        let mut named = Namesakes::default();
        for row in self.named.candidates(&key) {
            if self.facts.member_name(row) == key {
                named.push(Listed { row, member: &self.facts.members[row as usize] });
            }
        }
        named.sort();
        named
    }

    /// Returns whether a member is the only one of a name, without regard to case.
    pub(super) fn is_only_member_called(&self, name: &Localpart, id: &KeycloakId) -> bool {
        let key = name.key();
        let rows = self.named.candidates(&key);
        let mut called = rows.filter(|row| self.facts.member_name(*row) == key);
        called.all(|row| self.facts.member_id(row) == id)
    }

    /// Returns whether an account of this homeserver has a name, without regard to case.
    pub(super) fn has_account_called(&self, name: &Localpart) -> bool {
        let key = name.key();
        self.accounts.candidates(&key).any(|row| self.facts.account_name(row) == key)
    }

    /// Returns the member of this ID.
    pub(super) fn member(&self, id: &KeycloakId) -> Option<&'f Member> {
        self.listed(id).map(|listed| listed.member)
    }

    /// Returns whether links or memory tie a user to another account than this one.
    pub(super) fn is_tied_elsewhere(&self, id: &KeycloakId, account: &Account) -> bool {
        let rows = self.tied.candidates(&id);
        let mut others = rows.map(|row| &self.facts.accounts[row as usize]);
        others.any(|other| other.user_id != account.user_id && other.tied_to() == Some(id))
    }

    /// Returns the members that an account would be activated for: one, unless several have its
    /// name.
    pub(super) fn would_get(
        &self,
        account: &'f Account,
        member: &'f Member,
        by: TiedBy,
    ) -> Vec<&'f Member> {
        match self.holder(account) {
            Holder::Named(named) if by == TiedBy::Name => named.iter().collect(),
            _ => vec![member],
        }
    }

    /// Returns whether a user has another account than this one, even if only by name.
    fn has_another_account(&self, id: &KeycloakId, account: &Account) -> bool {
        self.is_tied_elsewhere(id, account) || self.has_account_by_name(id)
    }

    /// Returns whether a user has an account by name alone, one in use. A disabled one belonged to
    /// another user, because this one had the account that is remembered; unless this program has
    /// disabled it because the user may not use Matrix any more.
    fn has_account_by_name(&self, id: &KeycloakId) -> bool {
        let Some((member, name)) =
            self.member(id).and_then(|member| Some((member, member.localpart.as_ref()?)))
        else {
            return false;
        };
        let keeps_disabled = self.disabled_members == DisabledMembers::Keep;
        let is_out = !member.enabled && !keeps_disabled;
        let is_lost =
            |account: &Account| is_out && self.facts.memory.own.contains_key(&account.user_id);
        let key = name.key();
        let mut rows =
            self.accounts.candidates(&key).filter(|row| self.facts.account_name(*row) == key);
        rows.any(|row| {
            let account = &self.facts.accounts[row as usize];
            let is_free = !self.ties_decide(account) && !self.is_twin(account);
            let was_in_use = account.can_log_in() || is_lost(account);
            is_free && was_in_use && self.named(account).is_only(id)
        })
    }

    /// Returns whether links or memory tie an account to another user than this one, so that its
    /// name does not count.
    pub(super) fn is_tied_to_another(&self, account: &'f Account, id: &KeycloakId) -> bool {
        let link = account.links.newest().filter(|_| self.subjects_count());
        let remembered = || self.remembered(account).map(|(owner, _)| owner);
        link.or_else(remembered).is_some_and(|owner| owner != id)
    }

    /// Returns the owner that the state file remembers, unless it is a subject that is not an ID.
    pub(super) fn remembered(&self, account: &'f Account) -> Option<(&'f KeycloakId, Tie)> {
        account.remembered_owner().filter(|(_, tie)| *tie != Tie::Link || self.subjects_count())
    }

    /// Returns whether subjects count: with `match = "localpart"`, those that are not IDs (trap 52)
    /// mean nothing.
    pub(super) fn subjects_count(&self) -> bool {
        self.matching != Matching::Localpart || self.facts.subjects == Subjects::Users
    }

    /// Returns the users that links and memory tie an account to and that do not decide about it.
    pub(super) fn unused_ties(
        account: &'f Account,
        holder: &Holder<'f>,
    ) -> impl Iterator<Item = (&'f KeycloakId, TiedBy)> + use<'f> {
        let used = match holder {
            Holder::Tied { id, .. } => Some(*id),
            Holder::Contested { remembered, .. } => Some(*remembered),
            Holder::Named(_) | Holder::Unclaimed => None,
        };
        // A newer link replaces what was remembered.
        let has_newer_link = matches!(holder, Holder::Tied { by: TiedBy::Link, .. });
        let links = account.links.iter().map(|id| (id, TiedBy::Link));
        let memory = account.remembered_owner().filter(|_| !has_newer_link);
        let memory = memory.map(|(id, tie)| (id, TiedBy::Memory(tie)));
        links.chain(memory).filter(move |(id, _)| Some(*id) != used)
    }
}

impl Facts {
    fn member_name(&self, row: u32) -> Cow<'_, str> {
        let localpart = self.members[row as usize].localpart.as_ref();
        localpart.map_or(Cow::Borrowed(""), |localpart| localpart.key())
    }

    fn member_id(&self, row: u32) -> &KeycloakId {
        &self.members[row as usize].id
    }

    fn account_name(&self, row: u32) -> Cow<'_, str> {
        self.accounts[row as usize].localpart().key()
    }

    fn tied_to(&self, row: u32) -> &KeycloakId {
        self.accounts[row as usize]
            .tied_to()
            .expect("only tied accounts are looked up by their tie")
    }
}
