//! Collects the evidence for the owner of an account, and which of it decides, for `explain`.

use std::collections::BTreeSet;

use super::Rechecks;
use super::draft::Draft;
use super::identity::{Holder, TiedBy};
use super::policy::Matching;
use super::second_look::SecondLook;
use crate::model::{Account, Evidence, KeycloakId, Sign, Tie, UserId};

/// All evidence for the owner of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountEvidence {
    /// The users that the account belongs to; several only if nothing distinguishes them.
    pub owners: Vec<KeycloakId>,
    /// Each piece of evidence, the strongest first.
    pub lines: Vec<EvidenceLine>,
    /// Other accounts whose names differ only in case.
    pub twins: Vec<UserId>,
    pub ruling: Ruling,
}

/// One piece of evidence about an account, and the user that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceLine {
    pub clue: Clue,
    pub user: KeycloakId,
    pub side: Side,
}

/// A kind of evidence, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clue {
    /// The newest upstream link in MAS.
    NewestLink,
    /// A link in MAS that a newer one has replaced.
    OlderLink,
    ExternalId,
    /// The state file, with the evidence at that time.
    Memory(Tie),
    /// The user's name by the template.
    Name,
    Sign(Sign),
}

/// Whether evidence supports the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It names an owner.
    For,
    /// It names another user than the owner.
    Against,
    /// It names a user, but decides nothing.
    Hint,
}

/// Which evidence decides about the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// The account belongs to another homeserver.
    OtherServer,
    /// The newest link.
    Link,
    ExternalId,
    /// The state file.
    Memory(Tie),
    /// The state file, unless Keycloak has deleted the remembered user.
    MemoryUnlessGone,
    Name,
    /// The name, because Keycloak has deleted the remembered user.
    NameAfterDeletion,
    /// The name, because the remembered user has another account.
    NameAfterMove,
    /// Nothing: several users have the name.
    SharedName,
    /// Nothing: another account has the same name in another spelling.
    Twin,
    /// Nothing names a user, or only weak signs do.
    Nothing,
}

impl<'f> Draft<'f> {
    /// Returns all evidence for the owner of an account from lists and second look.
    #[must_use]
    pub fn evidence(&self, account: &'f Account, rechecks: &Rechecks) -> AccountEvidence {
        let holder = self.identity.holder(account);
        let seen = rechecks.evidence(&account.user_id);
        let owners = self.owners(account, &holder, seen, rechecks);
        let lines = self.clues(account, seen).into_iter();
        let lines = lines.map(|(clue, user)| {
            let side = side(clue, &user, &owners, self.table.policy.matching);
            EvidenceLine { clue, user, side }
        });
        AccountEvidence {
            ruling: self.ruling(account, &holder, seen, &owners),
            lines: lines.collect(),
            twins: self.twins_of(account),
            owners,
        }
    }

    /// Returns the users that an account belongs to by the lists alone.
    pub(super) fn listed_owners(&self, account: &'f Account) -> Vec<KeycloakId> {
        owners_in_lists(&self.identity.holder(account))
    }

    fn owners(
        &self,
        account: &'f Account,
        holder: &Holder<'f>,
        seen: Option<&Evidence>,
        rechecks: &Rechecks,
    ) -> Vec<KeycloakId> {
        match (holder, seen) {
            (Holder::Tied { by: TiedBy::Link, .. }, _) | (_, None) => owners_in_lists(holder),
            (_, Some(seen)) => {
                SecondLook::new(&self.table, &self.identity, rechecks).owners(account, holder, seen)
            }
        }
    }

    /// Returns every piece of evidence, in order of strength.
    fn clues(&self, account: &'f Account, seen: Option<&Evidence>) -> Vec<(Clue, KeycloakId)> {
        let mut clues = Vec::new();
        for (place, id) in account.links.iter().enumerate() {
            let clue = if place == 0 { Clue::NewestLink } else { Clue::OlderLink };
            clues.push((clue, id.clone()));
        }
        let by_external_id = seen.into_iter().flat_map(Evidence::by_external_id);
        clues.extend(by_external_id.map(|(id, _)| (Clue::ExternalId, id.clone())));
        if let Some((id, tie)) = account.remembered_owner() {
            clues.push((Clue::Memory(tie), id.clone()));
        }
        if account.is_on(&self.table.facts.server_name) {
            let listed = self.identity.named(account);
            let mut named: BTreeSet<_> = listed.iter().map(|member| member.id.clone()).collect();
            let known =
                seen.into_iter().flat_map(Evidence::by_name).filter(|person| !person.is_unknown());
            named.extend(known.filter_map(|person| Some(person.user()?.id.clone())));
            clues.extend(named.into_iter().map(|id| (Clue::Name, id)));
        }
        for sign in seen.iter().flat_map(|seen| &seen.signs) {
            clues.push((Clue::Sign(sign.sign), sign.user.id.clone()));
        }
        clues
    }

    fn twins_of(&self, account: &Account) -> Vec<UserId> {
        let key = account.localpart().key();
        let accounts = self.table.facts.accounts.iter();
        let twins = accounts.filter(|other| {
            other.user_id != account.user_id
                && other.user_id.server_name() == account.user_id.server_name()
                && other.localpart().key() == key
        });
        twins.map(|twin| twin.user_id.clone()).collect()
    }

    fn ruling(
        &self,
        account: &Account,
        holder: &Holder<'f>,
        seen: Option<&Evidence>,
        owners: &[KeycloakId],
    ) -> Ruling {
        let acts_on_ties = self.table.policy.matching != Matching::Localpart;
        let has_external_id = || seen.is_some_and(|seen| seen.by_external_id().next().is_some());
        if !account.is_on(&self.table.facts.server_name) {
            return Ruling::OtherServer;
        }
        match holder {
            Holder::Tied { by: TiedBy::Link, .. } => Ruling::Link,
            _ if acts_on_ties && has_external_id() => Ruling::ExternalId,
            Holder::Tied { id, .. } | Holder::Contested { remembered: id, .. }
                if !owners.contains(id) =>
            {
                Ruling::NameAfterDeletion
            }
            Holder::Tied { by: TiedBy::Memory(tie), .. } => Ruling::Memory(*tie),
            Holder::Contested { .. } if seen.is_none() => Ruling::MemoryUnlessGone,
            Holder::Contested { .. } => Ruling::Memory(Tie::Name),
            Holder::Named(_) if self.identity.is_twin(account) => Ruling::Twin,
            _ if owners.len() > 1 => Ruling::SharedName,
            _ if owners.is_empty() => Ruling::Nothing,
            _ => self.ruling_by_name(account, owners),
        }
    }

    fn ruling_by_name(&self, account: &Account, owners: &[KeycloakId]) -> Ruling {
        let remembered = account.tied_by_memory();
        let is_replaced = remembered.is_some_and(|(id, _)| !owners.contains(id));
        if self.table.policy.matching == Matching::Auto && is_replaced {
            Ruling::NameAfterMove
        } else {
            Ruling::Name
        }
    }
}

fn owners_in_lists(holder: &Holder<'_>) -> Vec<KeycloakId> {
    match holder {
        Holder::Tied { id, .. } | Holder::Contested { remembered: id, .. } => vec![(*id).clone()],
        Holder::Named(named) => named.iter().map(|member| member.id.clone()).collect(),
        Holder::Unclaimed => Vec::new(),
    }
}

fn side(clue: Clue, user: &KeycloakId, owners: &[KeycloakId], matching: Matching) -> Side {
    match clue {
        Clue::Sign(_) | Clue::Memory(Tie::Restored) => Side::Hint,
        _ if owners.contains(user) => Side::For,
        _ if owners.is_empty() && matching == Matching::Localpart => Side::Hint,
        _ => Side::Against,
    }
}
