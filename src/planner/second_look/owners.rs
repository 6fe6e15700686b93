//! Finds the Keycloak users that an account may belong to, by the second look.

use std::collections::BTreeSet;

use super::SecondLook;
use crate::model::{Account, Answer, Evidence, KeycloakId, KeycloakPerson, Question, Tie};
use crate::plan::Reason;
use crate::planner::identity::{Holder, TiedBy};
use crate::planner::policy::Matching;

/// The second look's result about one possible owner of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PossibleOwner {
    /// A member who may use Matrix, by the list and by the recheck.
    Member,
    /// Out by the list and in by the recheck, or the reverse.
    Contradiction,
    /// Known to Keycloak, and out.
    Out(Reason),
    /// No longer known to Keycloak.
    Gone,
}

/// A possible owner of an account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'e> {
    pub(super) id: &'e KeycloakId,
    pub(super) person: &'e KeycloakPerson,
}

impl<'f> SecondLook<'_, 'f> {
    /// Returns the owners of an account by the evidence; several only if it cannot distinguish
    /// them.
    pub(super) fn candidates<'e>(
        &self,
        account: &'e Account,
        holder: &'e Holder<'f>,
        seen: &'e Evidence,
    ) -> Vec<Candidate<'e>> {
        let externals = || -> Vec<Candidate<'e>> {
            externals(seen)
                .filter_map(|person| Some(Candidate { id: &person.user()?.id, person }))
                .collect()
        };
        match holder {
            Holder::Tied { by: TiedBy::Link, .. } => {
                account.links.iter().map(|id| candidate(seen, id)).collect()
            }
            _ if self.is_decided_by_external_id(holder, seen) => externals(),
            Holder::Tied { id, by, .. } => {
                let remembered = candidate(seen, id);
                if *by == TiedBy::Memory(Tie::Name) && remembered.person.is_unknown() {
                    let named = named(seen);
                    if named.is_empty() { vec![remembered] } else { named }
                } else {
                    vec![remembered]
                }
            }
            Holder::Contested { remembered, named } => {
                let remembered = candidate(seen, remembered);
                if remembered.person.is_unknown() {
                    named.iter().map(|member| candidate(seen, &member.id)).collect()
                } else {
                    vec![remembered]
                }
            }
            Holder::Named(members) => {
                let mut owners: Vec<_> =
                    members.iter().map(|member| candidate(seen, &member.id)).collect();
                // This includes users with another account: the name alone does not show that this
                // one is not theirs.
                let listed = self.identity.named(account);
                let known = listed
                    .iter()
                    .filter(|member| find(seen, &member.id).is_some_and(|it| !it.is_unknown()));
                owners.extend(known.map(|member| candidate(seen, &member.id)));
                owners.extend(named(seen));
                owners.sort_by(|one, other| one.id.cmp(other.id));
                owners.dedup_by(|one, other| one.id == other.id);
                owners
            }
            Holder::Unclaimed => named(seen),
        }
    }

    /// Returns whether anything has ever tied an account to a Keycloak user. A name of two users
    /// ties it to neither.
    pub(super) fn is_tied(&self, account: &'f Account, seen: &Evidence) -> bool {
        let listed = self.identity.named(account);
        let mut namesakes: BTreeSet<_> = listed.iter().map(|member| &member.id).collect();
        namesakes.retain(|id| find(seen, id).is_some_and(|person| person.user().is_some()));
        namesakes.extend(seen.by_name().filter_map(|person| person.user().map(|user| &user.id)));
        account.tied_to().is_some() || externals(seen).next().is_some() || namesakes.len() == 1
    }

    pub(super) fn is_decided_by_external_id(&self, holder: &Holder<'_>, seen: &Evidence) -> bool {
        self.table.policy.matching != Matching::Localpart
            && !matches!(holder, Holder::Tied { by: TiedBy::Link, .. })
            && externals(seen).next().is_some()
    }

    pub(super) fn standing(&self, Candidate { id, person }: Candidate<'_>) -> PossibleOwner {
        let listed = self.identity.member(id);
        match (person, listed) {
            (KeycloakPerson::Unknown, Some(member)) if self.table.may_use(member) => {
                PossibleOwner::Contradiction
            }
            (KeycloakPerson::Unknown | KeycloakPerson::OnlyRemembered { .. }, _) => {
                PossibleOwner::Gone
            }
            (KeycloakPerson::Known { in_group: false, .. }, Some(_))
            | (KeycloakPerson::Known { in_group: true, .. }, None) => PossibleOwner::Contradiction,
            (KeycloakPerson::Known { in_group: false, .. }, None) => {
                PossibleOwner::Out(Reason::NotInGroup)
            }
            (KeycloakPerson::Known { enabled, .. }, Some(member)) => {
                if self.table.may_use(member) {
                    PossibleOwner::Member
                } else if *enabled {
                    PossibleOwner::Contradiction
                } else {
                    PossibleOwner::Out(Reason::DisabledInKeycloak)
                }
            }
        }
    }
}

/// Returns why an account is disabled, by its first owner that Keycloak knows, if there is one.
pub(super) fn reason_of(standings: &[PossibleOwner], holder: &Holder<'_>) -> Reason {
    let known = standings.iter().find_map(|standing| match standing {
        PossibleOwner::Out(reason) => Some(*reason),
        _ => None,
    });
    let is_gone = standings.iter().all(|standing| *standing == PossibleOwner::Gone);
    match (known, holder) {
        (Some(reason), _) => reason,
        (None, _) if is_gone => Reason::NotInKeycloak,
        (None, Holder::Named(_) | Holder::Tied { member: Some(_), .. }) => {
            Reason::DisabledInKeycloak
        }
        (None, _) => Reason::NotInGroup,
    }
}

const NOBODY: KeycloakPerson = KeycloakPerson::Unknown;

fn candidate<'e>(seen: &'e Evidence, id: &'e KeycloakId) -> Candidate<'e> {
    Candidate { id, person: find(seen, id).unwrap_or(&NOBODY) }
}

/// Returns Keycloak's answer about the user of an ID.
pub(super) fn find<'e>(seen: &'e Evidence, id: &KeycloakId) -> Option<&'e KeycloakPerson> {
    let is_it = |answer: &&Answer| match &answer.asked {
        Question::Id(asked) | Question::ExternalId(asked) => asked == id,
        Question::Name => answer.user.user().is_some_and(|user| user.id == *id),
    };
    seen.keycloak.iter().find(is_it).map(|answer| &answer.user)
}

/// Returns the users of the realm that Synapse's external IDs name.
pub(super) fn externals(seen: &Evidence) -> impl Iterator<Item = &KeycloakPerson> {
    seen.by_external_id().map(|(_, person)| person)
}

/// Returns whether one of Synapse's external IDs names this user.
pub(super) fn has_external_id(seen: &Evidence, id: &KeycloakId) -> bool {
    externals(seen).any(|person| person.user().is_some_and(|user| user.id == *id))
}

/// Returns the users whose localpart is the account's.
fn named(seen: &Evidence) -> Vec<Candidate<'_>> {
    let known = seen.by_name().filter(|person| !person.is_unknown());
    known.filter_map(|person| Some(Candidate { id: &person.user()?.id, person })).collect()
}
