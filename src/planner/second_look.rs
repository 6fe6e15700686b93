//! Decides with the second look about accounts that the lists alone would change.

use std::collections::{BTreeSet, HashSet};

use super::decision_table::DecisionTable;
use super::directory::Directories;
use super::identity::{Holder, Identity, TiedBy};
use super::memory::Recall;
use super::policy::{DisabledMembers, Federation, Matching, UnknownAccounts};
use super::{Facts, Rechecks, Verdict};
use crate::model::{
    Account, Answer, Evidence, KeycloakId, KeycloakPerson, KeycloakUser, Member, Question, Sign, SignSeen, Tie,
    Timestamp,
};
use crate::plan::{Approval, KeptReason, Reason};

/// The second look, with everything that it is compared with.
#[derive(Debug)]
pub(super) struct SecondLook<'l, 'f> {
    table: &'l DecisionTable<'f>,
    identity: &'l Identity<'f>,
    after: After<'l>,
}

/// The second look's result about one possible owner of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PossibleOwner {
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
struct Candidate<'e> {
    id: &'e KeycloakId,
    person: &'e KeycloakPerson,
}

impl<'l, 'f> SecondLook<'l, 'f> {
    pub(super) fn new(table: &'l DecisionTable<'f>, identity: &'l Identity<'f>, rechecks: &'l Rechecks) -> Self {
        Self { table, identity, after: After::new(table, rechecks) }
    }

    /// Returns the members read after the look, if they were.
    pub(super) fn members_after(&self) -> Option<&'l [Member]> {
        self.after.members
    }

    fn facts(&self) -> &'f Facts {
        self.table.facts
    }

    /// Returns whether list and look contradict each other about the users an account may belong to.
    pub(super) fn contradicts(&self, account: &Account, holder: &Holder<'f>, seen: &Evidence) -> bool {
        let owners = self.candidates(account, holder, seen);
        let is_owner = |id: &KeycloakId| owners.iter().any(|owner| owner.id == id);
        let by_owner = owners.iter().any(|owner| self.standing(*owner) == PossibleOwner::Contradiction);
        // A user of this name may have been re-created with a new ID; one with another account means nothing.
        let by_name = seen.by_name().any(|person| match person {
            KeycloakPerson::Known { user, in_group: true, .. } => {
                !is_owner(&user.id)
                    && self.identity.member(&user.id).is_none()
                    && !self.identity.is_tied_elsewhere(&user.id, account)
            }
            _ => false,
        });
        by_owner || by_name || self.is_listed_by_now(account, &owners)
    }

    /// Returns whether the list after the look has an owner, or a user of the same name, that it did not have
    /// before.
    fn is_listed_by_now(&self, account: &Account, owners: &[Candidate<'_>]) -> bool {
        let newly_in = |id: &KeycloakId| {
            let before = self.identity.member(id);
            self.after.ids.contains(id) && !before.is_some_and(|member| self.table.may_use(member))
        };
        let namesake = self
            .after
            .named(account)
            .any(|member| newly_in(&member.id) && !self.identity.is_tied_elsewhere(&member.id, account));
        namesake || owners.iter().any(|owner| newly_in(owner.id))
    }

    /// Returns the owners of an account by the evidence.
    pub(super) fn owners(&self, account: &Account, holder: &Holder<'f>, seen: &Evidence) -> Vec<KeycloakId> {
        let owners = self.candidates(account, holder, seen);
        owners.into_iter().map(|owner| owner.id.clone()).collect()
    }

    /// Returns the members that own an account by the look.
    pub(super) fn members_found(&self, account: &Account, holder: &Holder<'f>, seen: &Evidence) -> Vec<&'f KeycloakId> {
        let owners = self.candidates(account, holder, seen);
        let members = owners.into_iter().filter(|owner| self.standing(*owner) == PossibleOwner::Member);
        members.filter_map(|owner| self.identity.member(owner.id).map(|member| &member.id)).collect()
    }

    /// Decides about an account that would be disabled.
    pub(super) fn on_disable(
        &self,
        account: &'f Account,
        holder: &Holder<'f>,
        seen: &Evidence,
        directories: &Directories<'_>,
    ) -> Verdict {
        if let Some(verdict) = self.table.outside_in_state(account, seen.account.seen()) {
            return verdict;
        }
        let owners = self.candidates(account, holder, seen);
        let standings: Vec<_> = owners.iter().map(|owner| self.standing(*owner)).collect();
        let members = standings.iter().filter(|standing| **standing == PossibleOwner::Member).count();
        if members > 0 && members == standings.len() {
            return Verdict::MemberActive;
        }
        if members > 0 {
            return Verdict::Kept(KeptReason::Ambiguous);
        }
        // A newer link replaces an older one.
        let deciding = match holder {
            Holder::Tied { by: TiedBy::Link, .. } => 1,
            _ => owners.len(),
        };
        let reason = reason_of(&standings[..deciding], holder);
        match self.kept(account, holder, seen, directories, reason) {
            Some(verdict) => verdict,
            None => match self.grace_of(account, reason, &owners[..deciding]) {
                Some(until) => Verdict::InGrace(until),
                None => self.unless_approval_is_needed(account, seen, reason),
            },
        }
    }

    fn kept(
        &self,
        account: &'f Account,
        holder: &Holder<'f>,
        seen: &Evidence,
        directories: &Directories<'_>,
        reason: Reason,
    ) -> Option<Verdict> {
        let policy = self.table.policy;
        let by_account = if seen.account.admin && policy.protect_admins {
            Some(KeptReason::Admin)
        } else if seen.account.bot {
            Some(KeptReason::Bot)
        } else if seen.account.appservice.is_some() {
            Some(KeptReason::Appservice)
        } else if self.table.is_not_in_mas(account) {
            Some(KeptReason::NotInMas)
        } else {
            None
        };
        if let Some(reason) = by_account {
            return Some(Verdict::Kept(reason));
        }
        let signs = self.signs(account, holder, seen);
        if !signs.is_empty() {
            return Some(Verdict::MayBeMember(signs));
        }
        // If an external ID decides, it does not matter who has the name.
        let decides =
            |answer: &&Answer| answer.asked != Question::Name || !self.is_decided_by_external_id(holder, seen);
        let in_doubt = policy.federation == Federation::Verify
            && seen.keycloak.iter().filter(decides).any(|answer| directories.doubts(&answer.user));
        if in_doubt {
            Some(Verdict::Kept(KeptReason::FederationInDoubt))
        } else if self.contradicts(account, holder, seen) {
            Some(Verdict::Kept(KeptReason::InGroupAtSecondLook))
        } else if reason == Reason::NotInKeycloak && policy.unknown_accounts == UnknownAccounts::Keep {
            Some(Verdict::Kept(KeptReason::UnknownAccount))
        } else {
            None
        }
    }

    /// Returns the signs that an account may be a member's: links and memory that do not decide, and weak
    /// signs if nothing ties it to a user.
    fn signs(&self, account: &'f Account, holder: &Holder<'f>, seen: &Evidence) -> Vec<SignSeen> {
        let mut signs = Vec::new();
        // A tie to the user of the deciding external ID adds nothing.
        let decides = |id: &KeycloakId| {
            self.table.policy.matching == Matching::Auto
                && self.is_decided_by_external_id(holder, seen)
                && has_external_id(seen, id)
        };
        for (id, by) in Identity::unused_ties(account, holder).filter(|(id, _)| !decides(id)) {
            let sign = if by == TiedBy::Link { Sign::Link } else { Sign::Memory };
            let member = find(seen, id).and_then(|person| self.user_if_member(person));
            signs.extend(member.map(|user| SignSeen { sign, user: user.clone() }));
        }
        // With `match = "localpart"` an external ID decides nothing, but protects like a link.
        for person in externals(seen).filter(|_| self.table.policy.matching == Matching::Localpart) {
            let member = self.user_if_member(person);
            signs.extend(member.map(|user| SignSeen { sign: Sign::Link, user: user.clone() }));
        }
        if !self.is_tied(account, seen) {
            let is_of_member =
                |seen: &&SignSeen| self.identity.member(&seen.user.id).is_some_and(|it| self.table.may_use(it));
            signs.extend(seen.signs.iter().filter(is_of_member).cloned());
        }
        signs.sort_by(|one, other| (one.sign, &one.user.id).cmp(&(other.sign, &other.user.id)));
        signs.dedup();
        signs
    }

    /// Returns the user if the list or the look shows a member who may use Matrix.
    fn user_if_member<'e>(&self, person: &'e KeycloakPerson) -> Option<&'e KeycloakUser> {
        let user = person.user()?;
        let listed = self.identity.member(&user.id);
        let is_member = listed.is_some_and(|member| self.table.may_use(member));
        (is_member || self.may_use_now(person)).then_some(user)
    }

    /// Returns whether the look shows a member who may use Matrix.
    fn may_use_now(&self, person: &KeycloakPerson) -> bool {
        let keeps_disabled = self.table.policy.disabled_members == DisabledMembers::Keep;
        match person {
            KeycloakPerson::Known { enabled, in_group, .. } => *in_group && (*enabled || keeps_disabled),
            KeycloakPerson::Unknown | KeycloakPerson::OnlyRemembered { .. } => false,
        }
    }

    fn unless_approval_is_needed(&self, account: &'f Account, seen: &Evidence, reason: Reason) -> Verdict {
        let may_use = |member: &Member| self.table.may_use(member);
        let approval = if reason != Reason::NotInKeycloak || self.facts().memory.recall == Recall::Off {
            None
        } else if !self.is_tied(account, seen) {
            Some(Approval::NeverTied)
        } else if self.identity.named(account).iter().any(may_use) {
            Some(Approval::NameOfMember)
        } else if self.remembered_member(account).is_some_and(may_use) {
            Some(Approval::MemoryOfMember)
        } else {
            None
        };
        match approval {
            Some(approval) => Verdict::NeedsApproval(reason, approval),
            None => Verdict::Disable(reason),
        }
    }

    /// Returns the listed member that the state file remembers for an account, regardless of links.
    fn remembered_member(&self, account: &Account) -> Option<&'f Member> {
        account.remembered_owner().and_then(|(id, _)| self.identity.member(id))
    }

    /// Returns the end of an account's grace period, if it is in the future.
    fn grace_of(&self, account: &Account, reason: Reason, owners: &[Candidate<'_>]) -> Option<Timestamp> {
        let Facts { now, memory, .. } = self.facts();
        // Keycloak itself disables users after failed logins, and federated users if their directory did.
        let may_pass = owners.iter().any(|owner| match owner.person {
            KeycloakPerson::Known { locked_out, federation_link, .. } => *locked_out || federation_link.is_some(),
            KeycloakPerson::Unknown | KeycloakPerson::OnlyRemembered { .. } => false,
        });
        let waits = (reason != Reason::DisabledInKeycloak || may_pass)
            && !memory.left_half_done(&account.user_id, account.state, self.table.policy.disable);
        let since = memory.absent_since.get(&account.user_id).unwrap_or(now);
        let until = (*since.min(now)).after(self.table.policy.grace);
        (waits && *now < until).then_some(until)
    }

    /// Decides about an account that would be activated.
    pub(super) fn on_activate(&self, account: &'f Account, member: &'f Member, by: TiedBy, seen: &Evidence) -> Verdict {
        let state = seen.account.state;
        if seen.account.seen().is_active() {
            return Verdict::MemberActive;
        }
        let members = self.identity.would_get(account, member, by);
        let is_confirmed = |member: &&Member| find(seen, &member.id).is_some_and(|person| self.may_use_now(person));
        if !state.erased && !members.iter().any(is_confirmed) {
            return Verdict::ActivationNotConfirmed;
        }
        if by == TiedBy::Name && self.shares_name(account, seen) {
            return Verdict::Kept(KeptReason::Ambiguous);
        }
        if let Some(reason) =
            self.table.not_activated(account, seen.account.seen()).filter(|reason| *reason < KeptReason::AnotherPerson)
        {
            return Verdict::Kept(reason);
        }
        let is_external_id = |member: &Member| has_external_id(seen, &member.id);
        let is_by_external_id = externals(seen).next().is_some() && by != TiedBy::Link;
        let is_anothers = is_by_external_id && !members.iter().all(|member| is_external_id(member));
        let is_newer = |member: &Member| {
            by == TiedBy::Name && !is_external_id(member) && self.is_newer(account, seen, find(seen, &member.id))
        };
        if is_anothers || members.iter().any(|member| is_newer(member)) {
            return Verdict::Kept(KeptReason::AnotherPerson);
        }
        match self.table.not_activated(account, seen.account.seen()) {
            Some(reason) => Verdict::Kept(reason),
            None => Verdict::Activate(Reason::InGroup),
        }
    }

    /// Decides about an account that `undo` would activate, for any owner.
    pub(super) fn on_reopen(&self, account: &Account, seen: &Evidence) -> Verdict {
        if seen.account.seen().is_active() {
            return Verdict::MemberActive;
        }
        self.table.never_activated(account, seen.account.state).map_or(Verdict::Activate(Reason::Undone), Verdict::Kept)
    }

    /// Returns whether Keycloak knows a user of the account's name who is out.
    fn shares_name(&self, account: &'f Account, seen: &Evidence) -> bool {
        let is_out = |person: &KeycloakPerson| person.user().is_some() && !self.may_use_now(person);
        let is_stranger = |person: &KeycloakPerson| {
            let listed = person.user().and_then(|user| self.identity.member(&user.id));
            person.user().is_some() && !listed.is_some_and(|member| self.table.may_use(member))
        };
        let listed = self.identity.named(account);
        let mut listed = listed.iter().filter_map(|member| find(seen, &member.id));
        listed.any(is_out) || seen.by_name().any(is_stranger)
    }

    /// Returns whether a user was created in Keycloak after the account was disabled. The time when a
    /// federated user was imported means nothing.
    fn is_newer(&self, account: &Account, seen: &Evidence, user: Option<&KeycloakPerson>) -> bool {
        let Some(KeycloakPerson::Known { created: Some(created), federation_link: None, .. }) = user else {
            return false;
        };
        let own = || self.facts().memory.disabled_at(&account.user_id);
        seen.account.disabled_at.or_else(own).is_some_and(|disabled| disabled < *created)
    }

    /// Returns the owners of an account by the evidence; several only if it cannot distinguish them.
    fn candidates<'e>(&self, account: &'e Account, holder: &'e Holder<'f>, seen: &'e Evidence) -> Vec<Candidate<'e>> {
        let externals = || -> Vec<Candidate<'e>> {
            externals(seen).filter_map(|person| Some(Candidate { id: &person.user()?.id, person })).collect()
        };
        match holder {
            Holder::Tied { by: TiedBy::Link, .. } => account.links.iter().map(|id| candidate(seen, id)).collect(),
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
                let mut owners: Vec<_> = members.iter().map(|member| candidate(seen, &member.id)).collect();
                // This includes users with another account: the name alone does not show that this one is not
                // theirs.
                let listed = self.identity.named(account);
                let known = listed.iter().filter(|member| find(seen, &member.id).is_some_and(|it| !it.is_unknown()));
                owners.extend(known.map(|member| candidate(seen, &member.id)));
                owners.extend(named(seen));
                owners.sort_by(|one, other| one.id.cmp(other.id));
                owners.dedup_by(|one, other| one.id == other.id);
                owners
            }
            Holder::Unclaimed => named(seen),
        }
    }

    /// Returns whether anything has ever tied an account to a Keycloak user. A name of two users ties it to
    /// neither.
    fn is_tied(&self, account: &'f Account, seen: &Evidence) -> bool {
        let listed = self.identity.named(account);
        let mut namesakes: BTreeSet<_> = listed.iter().map(|member| &member.id).collect();
        namesakes.retain(|id| find(seen, id).is_some_and(|person| person.user().is_some()));
        namesakes.extend(seen.by_name().filter_map(|person| person.user().map(|user| &user.id)));
        account.tied_to().is_some() || externals(seen).next().is_some() || namesakes.len() == 1
    }

    fn is_decided_by_external_id(&self, holder: &Holder<'_>, seen: &Evidence) -> bool {
        self.table.policy.matching != Matching::Localpart
            && !matches!(holder, Holder::Tied { by: TiedBy::Link, .. })
            && externals(seen).next().is_some()
    }

    fn standing(&self, Candidate { id, person }: Candidate<'_>) -> PossibleOwner {
        let listed = self.identity.member(id);
        match (person, listed) {
            (KeycloakPerson::Unknown, Some(member)) if self.table.may_use(member) => PossibleOwner::Contradiction,
            (KeycloakPerson::Unknown | KeycloakPerson::OnlyRemembered { .. }, _) => PossibleOwner::Gone,
            (KeycloakPerson::Known { in_group: false, .. }, Some(_))
            | (KeycloakPerson::Known { in_group: true, .. }, None) => PossibleOwner::Contradiction,
            (KeycloakPerson::Known { in_group: false, .. }, None) => PossibleOwner::Out(Reason::NotInGroup),
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
fn reason_of(standings: &[PossibleOwner], holder: &Holder<'_>) -> Reason {
    let known = standings.iter().find_map(|standing| match standing {
        PossibleOwner::Out(reason) => Some(*reason),
        _ => None,
    });
    let is_gone = standings.iter().all(|standing| *standing == PossibleOwner::Gone);
    match (known, holder) {
        (Some(reason), _) => reason,
        (None, _) if is_gone => Reason::NotInKeycloak,
        (None, Holder::Named(_) | Holder::Tied { member: Some(_), .. }) => Reason::DisabledInKeycloak,
        (None, _) => Reason::NotInGroup,
    }
}

const NOBODY: KeycloakPerson = KeycloakPerson::Unknown;

fn candidate<'e>(seen: &'e Evidence, id: &'e KeycloakId) -> Candidate<'e> {
    Candidate { id, person: find(seen, id).unwrap_or(&NOBODY) }
}

/// Returns Keycloak's answer about the user of an ID.
fn find<'e>(seen: &'e Evidence, id: &KeycloakId) -> Option<&'e KeycloakPerson> {
    let is_it = |answer: &&Answer| match &answer.asked {
        Question::Id(asked) | Question::ExternalId(asked) => asked == id,
        Question::Name => answer.user.user().is_some_and(|user| user.id == *id),
    };
    seen.keycloak.iter().find(is_it).map(|answer| &answer.user)
}

/// Returns the users of the realm that Synapse's external IDs name.
fn externals(seen: &Evidence) -> impl Iterator<Item = &KeycloakPerson> {
    seen.by_external_id().map(|(_, person)| person)
}

/// Returns whether one of Synapse's external IDs names this user.
fn has_external_id(seen: &Evidence, id: &KeycloakId) -> bool {
    externals(seen).any(|person| person.user().is_some_and(|user| user.id == *id))
}

/// Returns the users whose localpart is the account's.
fn named(seen: &Evidence) -> Vec<Candidate<'_>> {
    let known = seen.by_name().filter(|person| !person.is_unknown());
    known.filter_map(|person| Some(Candidate { id: &person.user()?.id, person })).collect()
}

/// The members in the list after the look.
#[derive(Debug)]
struct After<'l> {
    /// The list that was read after the look, if it was.
    members: Option<&'l [Member]>,
    /// Its members who may use Matrix.
    may_use: Vec<&'l Member>,
    ids: HashSet<&'l KeycloakId>,
}

impl<'l> After<'l> {
    fn new(table: &DecisionTable<'_>, rechecks: &'l Rechecks) -> Self {
        let members = match rechecks {
            Rechecks::Taken { members_after, .. } => members_after.as_deref(),
            Rechecks::TooMany { .. } => None,
        };
        let may_use: Vec<_> = members.into_iter().flatten().filter(|member| table.may_use(member)).collect();
        Self { members, ids: may_use.iter().map(|member| &member.id).collect(), may_use }
    }

    fn named(&self, account: &Account) -> impl Iterator<Item = &'l Member> {
        let key = account.localpart().key().into_owned();
        let may_use = self.may_use.iter().copied();
        may_use.filter(move |member| member.localpart.as_ref().is_some_and(|localpart| localpart.key() == key))
    }
}
