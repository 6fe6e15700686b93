//! The plan in two steps: first without, then with the second look.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use super::directory::Directories;
use super::focus::Focus;
use super::matching::Meetings;
use super::policy::{Federation, Policy, UnknownAccounts};
use super::table::{Opinion, Rule};
use super::{Facts, Looks, Verdict};
use crate::model::{
    Account, AccountState, Evidence, InMas, KeycloakId, KeycloakPerson, Localpart, MasUserId, Member, Moment, Owner,
    UserId,
};
use crate::plan::{Action, ActionKind, Kept, KeptReason, Plan, ReadCounts, Reason, Skip};

/// The plan before anyone was looked at twice.
#[derive(Debug)]
pub struct Draft<'f> {
    rule: Rule<'f>,
    meetings: Meetings<'f>,
    /// Whom it is about, where it is not about everyone.
    focus: Option<&'f Focus>,
    /// The accounts about which something is to be decided or told, sorted by localpart, then by the whole ID.
    notable: Vec<(&'f Account, Opinion<'f>)>,
    /// How many of the others are members' and active, and how many are as disabled as they should be.
    as_it_should_be: (usize, usize),
    /// Active accounts that this program has changed some time.
    settled: Vec<&'f UserId>,
    /// Active members who were out of the group when it was last read.
    returned: Vec<&'f UserId>,
    not_registered: Vec<Localpart>,
    newcomers: Vec<Localpart>,
}

/// What becomes of the accounts that are not simply as they should be, in order of localpart.
#[derive(Debug)]
pub struct Verdicts<'f> {
    /// Everyone whom the rule would act on, and what becomes of them.
    pub of_accounts: Vec<(&'f Account, Verdict)>,
    /// How often list and person disagreed.
    pub contradictions: usize,
}

/// Someone to look at a second time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookAt {
    /// Their account.
    pub user_id: UserId,
    /// What MAS calls it, where it was asked.
    pub mas_id: Option<MasUserId>,
    /// Whom of Keycloak the list tied it to.
    pub links: Vec<KeycloakId>,
    /// Whose account it is, where member list or links told it; else they are asked for by exact username.
    pub keycloak_ids: Vec<KeycloakId>,
}

impl<'f> Draft<'f> {
    /// Applies the table to everything that was read.
    #[must_use]
    pub fn new(facts: &'f Facts, policy: &'f Policy) -> Self {
        Self::about(facts, policy, None)
    }

    /// Applies the table to those of a reading whom a run is about. All others count as they did, and are left alone.
    #[must_use]
    pub fn about(facts: &'f Facts, policy: &'f Policy, focus: Option<&'f Focus>) -> Self {
        let mut draft = Self {
            rule: Rule { facts, policy },
            meetings: Meetings::new(facts, policy.matching),
            focus,
            notable: Vec::new(),
            as_it_should_be: (0, 0),
            settled: Vec::new(),
            returned: Vec::new(),
            not_registered: Vec::new(),
            newcomers: Vec::new(),
        };
        for account in &facts.accounts {
            draft.add(account);
        }
        draft.notable.sort_by_key(|(account, _)| &account.user_id);
        draft.newcomers.sort();
        let lonely = draft.meetings.without_account().filter(|member| member.enabled);
        draft.not_registered = lonely.map(|member| member.localpart.clone()).collect();
        draft.not_registered.sort();
        draft
    }

    fn add(&mut self, account: &'f Account) {
        if self.focus.is_some_and(|focus| !focus.covers(&account.user_id)) {
            return self.only_count(account);
        }
        let is_active = account.state == AccountState::default() && !account.deactivated_in_mas;
        if is_active && self.rule.facts.memory.own.contains_key(&account.user_id) {
            self.settled.push(&account.user_id);
        }
        let meeting = self.meetings.at(account);
        let links = self.meetings.links(account);
        match self.rule.opinion(account, &meeting, links) {
            Opinion::Settled(Verdict::MemberActive) => {
                self.as_it_should_be.0 += 1;
                if self.rule.facts.memory.absent_since.contains_key(&account.user_id) {
                    self.returned.push(&account.user_id);
                }
            }
            Opinion::Settled(Verdict::OutsideDisabled | Verdict::OutsideLocked) => self.as_it_should_be.1 += 1,
            opinion => {
                let ambiguous = matches!(opinion, Opinion::Settled(Verdict::Kept(KeptReason::Ambiguous)));
                if ambiguous && meeting.namesake.is_some() && !links.is_empty() {
                    self.newcomers.push(account.localpart().clone());
                }
                self.notable.push((account, opinion));
            }
        }
    }

    fn only_count(&mut self, account: &'f Account) {
        let counts_as_active =
            match self.rule.opinion(account, &self.meetings.at(account), self.meetings.links(account)) {
                Opinion::Settled(verdict) => verdict.counts_as_active(),
                Opinion::WouldDisable { .. } => true,
            };
        let count = if counts_as_active { &mut self.as_it_should_be.0 } else { &mut self.as_it_should_be.1 };
        *count += 1;
    }

    /// What becomes of one account, whatever it is.
    #[must_use]
    pub fn verdict(&self, account: &'f Account, verdicts: &Verdicts<'f>) -> Verdict {
        let notable = verdicts.of_accounts.binary_search_by_key(&&account.user_id, |(other, _)| &other.user_id);
        let settled = || match self.rule.opinion(account, &self.meetings.at(account), self.meetings.links(account)) {
            Opinion::Settled(verdict) => verdict,
            Opinion::WouldDisable { .. } => unreachable!("whoever would be disabled is notable"),
        };
        notable.map_or_else(|_| settled(), |at| verdicts.of_accounts[at].1.clone())
    }

    /// The accounts that carry the name of a member and are tied to somebody else, who is no member: the person may have
    /// been deleted in Keycloak and made anew.
    #[must_use]
    pub fn newcomers(&self) -> &[Localpart] {
        &self.newcomers
    }

    /// Whom to look at a second time: everyone who would be disabled, in order of localpart.
    pub fn to_look_at(&self) -> impl Iterator<Item = LookAt> {
        self.notable.iter().filter_map(|(account, opinion)| match opinion {
            Opinion::WouldDisable { member, links } => Some(LookAt {
                user_id: account.user_id.clone(),
                mas_id: account.mas.id().cloned(),
                links: account.links.clone(),
                keycloak_ids: match member {
                    Some(member) if !links.contains(&member.id) => vec![member.id.clone()],
                    _ => links.to_vec(),
                },
            }),
            Opinion::Settled(_) => None,
        })
    }

    /// What becomes of each account, and how often list and person disagreed.
    #[must_use]
    pub fn verdicts(&self, looks: &Looks) -> Verdicts<'f> {
        let providers = self.rule.facts.providers.as_deref();
        let remembered = self.rule.facts.memory.directories.iter().filter(|_| providers.is_none());
        let known = providers.into_iter().flatten().chain(remembered).map(|provider| &**provider);
        let mut directories = Directories::of(known, &self.rule.facts.members);
        let after = After::of(looks, &self.meetings);
        directories.and_after(after.members);
        let mut contradicted = BTreeSet::new();
        for (account, opinion) in &self.notable {
            if let (Opinion::WouldDisable { member, links }, Some(Ok(evidence))) = (opinion, look(looks, account)) {
                let contradicts = after.contradicts(*member, links, account, &evidence.keycloak);
                if contradicts {
                    contradicted.insert(&account.user_id);
                }
                for person in &evidence.keycloak {
                    directories.see(person, contradicts);
                }
            }
        }
        let of_accounts = self
            .notable
            .iter()
            .map(|(account, opinion)| {
                let verdict = match (opinion, look(looks, account), looks) {
                    (Opinion::Settled(verdict), ..) => verdict.clone(),
                    (Opinion::WouldDisable { member, .. }, Some(Ok(evidence)), _) => {
                        let contradicts = contradicted.contains(&account.user_id);
                        self.second_opinion(account, *member, evidence, contradicts, &directories)
                    }
                    (Opinion::WouldDisable { member, .. }, Some(Err(error)), _) => {
                        Verdict::Skipped(by_the_list(*member), error.clone())
                    }
                    (Opinion::WouldDisable { member, .. }, None, Looks::TooMany) => {
                        Verdict::Skipped(by_the_list(*member), "more people than limits.max_look".to_owned())
                    }
                    (Opinion::WouldDisable { member, .. }, None, Looks::Taken { .. }) => {
                        let why = "not looked at a second time, because a server had stopped answering";
                        Verdict::Skipped(by_the_list(*member), why.to_owned())
                    }
                };
                (*account, verdict)
            })
            .collect();
        Verdicts { of_accounts, contradictions: contradicted.len() }
    }

    /// The plan, once everyone who would be disabled was looked at.
    #[must_use]
    pub fn decide(&self, looks: &Looks) -> Plan {
        self.plan(self.verdicts(looks), looks)
    }

    /// The plan that these verdicts make.
    #[must_use]
    pub fn plan(&self, Verdicts { of_accounts, contradictions }: Verdicts<'_>, looks: &Looks) -> Plan {
        let mut plan = Plan {
            server_name: self.rule.facts.server_name.clone(),
            writer: self.rule.policy.writer,
            disable: self.rule.policy.disable,
            read: ReadCounts { members: self.rule.facts.members.len(), accounts: self.rule.facts.accounts.len() },
            actions: Vec::new(),
            unchanged: self.as_it_should_be.0 + self.as_it_should_be.1,
            active: self.as_it_should_be.0,
            not_registered: self.not_registered.clone(),
            kept: Vec::new(),
            contradictions,
            not_looked: matches!(looks, Looks::TooMany).then(|| self.to_look_at().count()),
        };
        for (account, verdict) in of_accounts {
            plan.active += usize::from(verdict.counts_as_active());
            let mut act = |kind, reason, skipped| {
                let evidence = look(looks, account).and_then(|look| look.as_ref().ok()).cloned();
                plan.actions.push(Action {
                    kind,
                    user_id: account.user_id.clone(),
                    mas_id: account.mas.id().cloned(),
                    reason,
                    before: account.state,
                    evidence,
                    skipped,
                });
            };
            match verdict {
                Verdict::MemberActive | Verdict::OutsideDisabled | Verdict::OutsideLocked => plan.unchanged += 1,
                Verdict::Activate(reason) => act(ActionKind::Activate, reason, None),
                Verdict::Disable(reason) => act(ActionKind::Disable, reason, None),
                Verdict::Skipped(reason, error) => act(ActionKind::Disable, reason, Some(Skip::NotSeen(error))),
                Verdict::Kept(reason) => {
                    plan.kept.push(Kept { localpart: account.localpart().clone(), reason, until: None });
                }
                Verdict::InGrace(until) => plan.kept.push(Kept {
                    localpart: account.localpart().clone(),
                    reason: KeptReason::InGrace,
                    until: Some(until),
                }),
            }
        }
        plan
    }

    /// What is to be remembered of this reading.
    #[must_use]
    pub fn presence<'s>(&'s self, verdicts: &Verdicts<'f>) -> Presence<'s> {
        let mut presence = Presence {
            reach: if self.focus.is_some() { Reach::Some } else { Reach::Everything },
            present: self.returned.clone(),
            settled: self.settled.clone(),
            ..Presence::default()
        };
        for (account, verdict) in &verdicts.of_accounts {
            match verdict {
                Verdict::Disable(Reason::NotInGroup | Reason::NotInKeycloak) | Verdict::InGrace(_) => {
                    presence.absent.push(&account.user_id);
                }
                Verdict::MemberActive
                | Verdict::Activate(_)
                | Verdict::Kept(
                    KeptReason::InGroupAtSecondLook
                    | KeptReason::Erased
                    | KeptReason::LockedByHand
                    | KeptReason::NotOurs,
                ) => presence.present.push(&account.user_id),
                _ => {}
            }
        }
        let facts = self.rule.facts;
        let alive = facts.members.iter().filter(|member| member.enabled);
        let alive: BTreeSet<&str> = alive.filter_map(|member| member.federation_link.as_deref()).collect();
        let listed = facts.members.iter().filter_map(|member| member.federation_link.as_deref());
        let providers = facts.providers.iter().flatten().map(|provider| &**provider);
        let seen: BTreeSet<&str> = listed.chain(providers).filter(|link| !alive.contains(link)).collect();
        presence.directories.extend(alive);
        presence.directories_seen.extend(seen);
        presence
    }

    /// Until when someone has time to come back, if that is not over. Who is disabled in Keycloak has none.
    fn grace_of(&self, account: &Account, reason: Reason) -> Option<Moment> {
        let Facts { now, memory, .. } = self.rule.facts;
        let waits = matches!(reason, Reason::NotInGroup | Reason::NotInKeycloak)
            && !memory.left_half_done(&account.user_id, account.state);
        let since = memory.absent_since.get(&account.user_id).unwrap_or(now);
        let until = since.after(self.rule.policy.grace);
        (waits && *now < until).then_some(until)
    }

    fn second_opinion(
        &self,
        account: &Account,
        member: Option<&Member>,
        evidence: &Evidence,
        contradicts: bool,
        directories: &Directories<'_>,
    ) -> Verdict {
        if self.rule.policy.counts_as_disabled(evidence.account.state) {
            return Verdict::OutsideDisabled;
        }
        if evidence.account.state.locked
            && !self.rule.facts.memory.left_half_done(&account.user_id, evidence.account.state)
        {
            return Verdict::OutsideLocked;
        }
        let kept = if evidence.account.admin && self.rule.policy.protect_admins {
            Some(KeptReason::Admin)
        } else if evidence.account.bot {
            Some(KeptReason::Bot)
        } else if evidence.account.appservice.is_some() {
            Some(KeptReason::Appservice)
        } else if account.mas == InMas::Unknown {
            Some(KeptReason::NotInMas)
        } else if self.rule.policy.federation == Federation::Verify
            && evidence.keycloak.iter().any(|person| directories.doubts(person))
        {
            Some(KeptReason::FederationInDoubt)
        } else if contradicts {
            Some(KeptReason::InGroupAtSecondLook)
        } else if evidence.is_unknown_to_keycloak(&account.links)
            && self.rule.policy.unknown_accounts == UnknownAccounts::Keep
        {
            Some(KeptReason::UnknownAccount)
        } else {
            None
        };
        let reason =
            if evidence.is_unknown_to_keycloak(&account.links) { Reason::NotInKeycloak } else { by_the_list(member) };
        match kept {
            Some(reason) => Verdict::Kept(reason),
            None => match self.grace_of(account, reason) {
                Some(until) => Verdict::InGrace(until),
                None => Verdict::Disable(reason),
            },
        }
    }
}

/// How much a reading covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// Every member and every account.
    #[default]
    Everything,
    /// The users that a partial run of `watch` is about.
    Some,
}

/// What one complete reading shows of who is in the group and who is not; nothing where it is in doubt.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Presence<'f> {
    /// How much was read.
    pub reach: Reach,
    /// Active accounts of people out of the group.
    pub absent: Vec<&'f UserId>,
    /// Accounts of people in it, as far as they may have been out of it before.
    pub present: Vec<&'f UserId>,
    /// Accounts that are active, whatever this program did to them before.
    pub settled: Vec<&'f UserId>,
    /// The storage providers that showed signs of life.
    pub directories: Vec<&'f str>,
    /// The storage providers that are there and showed none.
    pub directories_seen: Vec<&'f str>,
    /// The accounts whose owner is new or has changed.
    pub owners: Vec<(&'f UserId, Owner)>,
}

/// The reason that the member list alone gives.
fn by_the_list(member: Option<&Member>) -> Reason {
    if member.is_some() { Reason::DisabledInKeycloak } else { Reason::NotInGroup }
}

/// The enabled members of the second list, where it was read.
struct After<'l, 'f> {
    members: Option<&'l [Member]>,
    ids: HashSet<&'l KeycloakId>,
    names: HashSet<Cow<'l, str>>,
    /// The names of those who have no account that is tied to them.
    free_names: HashSet<Cow<'l, str>>,
    meetings: &'l Meetings<'f>,
}

impl<'l, 'f> After<'l, 'f> {
    fn of(looks: &'l Looks, meetings: &'l Meetings<'f>) -> Self {
        let members = match looks {
            Looks::Taken { members_after, .. } => members_after.as_deref(),
            Looks::TooMany => None,
        };
        let enabled = || members.into_iter().flatten().filter(|member| member.enabled);
        let ids = enabled().map(|member| &member.id).collect();
        let names = enabled().map(|member| member.localpart.key()).collect();
        let free = enabled().filter(|member| !meetings.is_tied_to(&member.id));
        let free_names = free.map(|member| member.localpart.key()).collect();
        Self { members, ids, names, free_names, meetings }
    }

    /// In the group by the one and not by the other, or disabled by the list and enabled by the person; or listed and
    /// enabled by now.
    fn contradicts(
        &self,
        member: Option<&Member>,
        links: &[KeycloakId],
        account: &Account,
        people: &[KeycloakPerson],
    ) -> bool {
        // A namesake with an account of their own says nothing of this one.
        let is_other = |id: &KeycloakId| !links.is_empty() && !links.contains(id) && self.meetings.is_tied_to(id);
        let by_person = people.iter().any(|person| match (member, person) {
            (_, KeycloakPerson::Unknown | KeycloakPerson::OnlyRemembered { .. }) => false,
            (_, KeycloakPerson::Known { id, .. }) if is_other(id) => false,
            (Some(member), KeycloakPerson::Known { id, in_group, enabled, .. })
                if people.len() == 1 || member.id == *id =>
            {
                !in_group || *enabled
            }
            (_, KeycloakPerson::Known { in_group, enabled, .. }) => *in_group && (member.is_none() || *enabled),
        });
        let by_now = match member {
            Some(member) => self.ids.contains(&member.id),
            None if links.is_empty() => self.names.contains(&account.localpart().key()),
            None => self.free_names.contains(&account.localpart().key()),
        };
        by_person || by_now || links.iter().any(|id| self.ids.contains(id))
    }
}

fn look<'l>(looks: &'l Looks, account: &Account) -> Option<&'l Result<Evidence, String>> {
    match looks {
        Looks::Taken { answers, .. } => answers.get(&account.user_id),
        Looks::TooMany => None,
    }
}
