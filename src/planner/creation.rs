//! Decides which members get an account before their first login (`accounts.provision`).

use std::collections::HashSet;

use super::draft::Draft;
use super::identity::{Holder, Identity, TiedBy};
use super::policy::Provision;
use super::{AskByName, AskFirst, Facts, Rechecks, Subjects, ToRecheck};
use crate::model::{
    Account, Evidence, Existence, InMas, KeycloakId, KeycloakPerson, KeycloakUser, Links,
    Localpart, MasUserId, Member, UserId,
};
use crate::plan::{Action, ActionKind, NewAccount, NotRechecked, Plan, Reason, Skip};

/// A member who gets an account unless the second look says otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'f> {
    member: &'f Member,
    name: &'f Localpart,
    /// The account, if an earlier run has begun to create it and it has no link yet.
    half_made: Option<&'f Account>,
    /// Whether an earlier run has begun to create an account of this name for this member.
    is_begun: bool,
}

/// The decision about a member without an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Creation {
    /// For this user; with the ID in MAS if the account is to be finished.
    Create(KeycloakUser, Option<MasUserId>),
    /// Keycloak does not confirm the member, or there is an account meanwhile.
    NotConfirmed,
    /// The second look failed.
    Skipped(NotRechecked),
}

/// Returns the members that may get an account, in order of name.
///
/// MAS links a subject to one account only, so who has any link gets none, even if a newer link has
/// replaced it.
/// MAS never gives a name twice. So a member gets none if another user has the
/// name, by Keycloak or by the memory of an account that is gone.
pub(super) fn candidates<'f>(
    facts: &'f Facts,
    identity: &Identity<'f>,
    provision: Provision,
) -> Vec<Candidate<'f>> {
    // A link to a subject that is no user ID would keep the user out.
    let has_ids = facts.subjects == Subjects::Users;
    if provision == Provision::None || facts.provider.is_none() || !has_ids {
        return Vec::new();
    }
    let unnamed: HashSet<_> = facts.unnamed.iter().map(|unnamed| &unnamed.id).collect();
    let is_unnamed = |member: &Member| unnamed.contains(&member.id);
    let without_account = facts.members.iter().zip(identity.have_account());
    let without_account = without_account
        .filter(|(member, has_account)| member.enabled && !has_account && !is_unnamed(member));
    let mut candidates: Vec<_> = without_account
        .filter_map(|(member, _)| Some((member, member.localpart.as_ref()?)))
        .filter(|(member, name)| {
            let former = facts.memory.former_owners.get(&*name.key());
            identity.is_only_member_called(name, &member.id)
                && !identity.has_account_called(name)
                && former.is_none_or(|owner| *owner == member.id)
        })
        .map(|(member, name)| {
            let user_id = name.clone().on(&facts.server_name);
            let is_begun = is_begun(facts, &user_id, &member.id);
            Candidate { member, name, half_made: None, is_begun }
        })
        .collect();
    let of_candidates: HashSet<_> = candidates.iter().map(|it| &it.member.id).collect();
    let ours = facts.accounts.iter().filter(|account| account.is_on(&facts.server_name));
    let links = ours.flat_map(|account| account.links.iter());
    let linked: HashSet<_> = links.filter(|id| of_candidates.contains(id)).collect();
    candidates.retain(|candidate| !linked.contains(&candidate.member.id));
    candidates.sort_by_key(|candidate| candidate.name);
    candidates
}

/// Returns a member whose account an earlier run has begun to create, if it is theirs by name, or
/// because a reading since then has remembered it, and has no link yet.
pub(super) fn half_made<'f>(
    facts: &'f Facts,
    provision: Provision,
    account: &'f Account,
    holder: &Holder<'f>,
) -> Option<Candidate<'f>> {
    if provision == Provision::None {
        return None;
    }
    let member = match holder {
        Holder::Named(named) => named.iter().next().filter(|member| named.is_only(&member.id))?,
        Holder::Tied { member: Some(member), by: TiedBy::Memory(_), .. } => member,
        Holder::Tied { .. } | Holder::Contested { .. } | Holder::Unclaimed => return None,
    };
    let is_ours = is_begun(facts, &account.user_id, &member.id);
    let can_be_finished = matches!(account.mas, InMas::Known(_))
        && account.links.is_empty()
        && facts.provider.is_some();
    (is_ours && can_be_finished).then_some(Candidate {
        member,
        name: account.localpart(),
        half_made: Some(account),
        is_begun: true,
    })
}

/// Returns whether an earlier run has begun to create this account for this user.
fn is_begun(facts: &Facts, user_id: &UserId, user: &KeycloakId) -> bool {
    facts.memory.creations.get(user_id).is_some_and(|begun| begun.user == *user)
}

impl Candidate<'_> {
    fn user_id(&self, facts: &Facts) -> UserId {
        match self.half_made {
            Some(account) => account.user_id.clone(),
            None => self.name.clone().on(&facts.server_name),
        }
    }

    /// Returns what to ask before the account is created.
    pub(super) fn to_recheck(self, facts: &Facts) -> ToRecheck {
        ToRecheck {
            kind: ActionKind::Create,
            user_id: self.user_id(facts),
            mas_id: self.half_made.and_then(|account| account.mas.id().cloned()),
            links: Links::default(),
            is_tied: true,
            ids: vec![self.member.id.clone()],
            by_name: AskByName::Always,
            ask: AskFirst::Both,
        }
    }

    fn decide(self, seen: &Evidence) -> Creation {
        let (is_as_listed, to_finish) = match (self.half_made, &seen.account.existence) {
            (Some(account), _) => (seen.account.seen().is_active(), account.mas.id().cloned()),
            (None, Existence::WithoutLink(id)) => {
                (self.is_begun && seen.account.seen().is_active(), Some(id.clone()))
            }
            (None, existence) => (*existence == Existence::Missing, None),
        };
        let is_another =
            |person: &KeycloakPerson| person.user().is_some_and(|user| user.id != self.member.id);
        let is_member = |person: &KeycloakPerson| {
            matches!(person, KeycloakPerson::Known { user, enabled: true, in_group: true, .. }
                if user.id == self.member.id)
        };
        let mut people = seen.keycloak.iter().map(|answer| &answer.user);
        if !is_as_listed || people.clone().any(is_another) {
            return Creation::NotConfirmed;
        }
        match people.find(|person| is_member(person)).and_then(KeycloakPerson::user) {
            Some(user) => Creation::Create(user.clone(), to_finish),
            None => Creation::NotConfirmed,
        }
    }
}

impl<'f> Draft<'f> {
    /// Returns the decision about every member that may get an account. While a directory is in
    /// doubt, no member gets one, and neither do `found`, who may have an account already.
    pub(super) fn creations(
        &self,
        rechecks: &Rechecks,
        is_in_doubt: DirectoryInDoubt,
        found: &HashSet<&KeycloakId>,
    ) -> Vec<(Candidate<'f>, Creation)> {
        if is_in_doubt == DirectoryInDoubt::Yes {
            return Vec::new();
        }
        let facts = self.table.facts;
        let decide = |candidate: &Candidate<'f>| {
            let decision = match rechecks.recheck(&candidate.user_id(facts)) {
                Some(Ok(seen)) => candidate.decide(seen),
                Some(Err(error)) => Creation::Skipped(NotRechecked::Failed(error.clone())),
                None if matches!(rechecks, Rechecks::TooMany { .. }) => {
                    Creation::Skipped(NotRechecked::TooMany)
                }
                None => Creation::Skipped(NotRechecked::ServerGivenUp),
            };
            (*candidate, decision)
        };
        let candidates = self.candidates.iter();
        candidates.filter(|candidate| !found.contains(&candidate.member.id)).map(decide).collect()
    }

    /// Adds the accounts to create to a plan.
    pub(super) fn add_creations(
        &self,
        plan: &mut Plan,
        creations: Vec<(Candidate<'f>, Creation)>,
        rechecks: &Rechecks,
    ) {
        let facts = self.table.facts;
        for (candidate, creation) in creations {
            let user_id = candidate.user_id(facts);
            let evidence = rechecks.evidence(&user_id).cloned();
            let (new, mas_id, skipped) = match creation {
                Creation::NotConfirmed => continue,
                Creation::Skipped(why) => (None, None, Some(Skip::NotSeen(why))),
                Creation::Create(user, mas_id) => {
                    let begun = facts.memory.creations.get(&user_id);
                    let begun = begun.filter(|begun| begun.user == user.id);
                    let (attempts, emails) = begun
                        .map(|begun| (begun.attempts.clone(), begun.emails.clone()))
                        .unwrap_or_default();
                    let new = facts.provider.clone();
                    let new = new.map(|provider| NewAccount { user, provider, attempts, emails });
                    (new, mas_id, None)
                }
            };
            plan.actions.push(Action {
                kind: ActionKind::Create,
                mas_id,
                user_id,
                reason: Reason::InGroup,
                since: None,
                new,
                before: candidate.half_made.map(|account| account.state).unwrap_or_default(),
                evidence,
                approval: None,
                mark: None,
                skipped,
            });
        }
        plan.actions.sort_by(|one, other| one.user_id.cmp(&other.user_id));
    }
}

/// Whether users may be missing because their directory is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DirectoryInDoubt {
    Yes,
    No,
}
