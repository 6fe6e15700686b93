//! Makes the plan in two steps: without the second look, then with it.

use std::collections::BTreeMap;

use super::decision_table::{DecisionTable, Opinion};
use super::directory::Directories;
use super::identity::{Holder, Identity, TiedBy};
use super::mapping::{Mapped, Mapping, SecondLookFindings};
use super::plan_scope::PlanScope;
use super::policy::{Federation, Policy};
use super::presence::{Presence, Reach};
use super::second_look::SecondLook;
use super::{Facts, Rechecks, Verdict};
use crate::model::{Account, Evidence, InMas, KeycloakId, Links, Localpart, MasUserId, Member, Recheck, UserId};
use crate::plan::{Action, ActionKind, Kept, KeptReason, Mark, Plan, ReadCounts, Reason, Skip, Unverified};

/// The plan before the second look.
#[derive(Debug)]
pub struct Draft<'f> {
    pub(super) table: DecisionTable<'f>,
    pub(super) identity: Identity<'f>,
    /// The accounts it is about, if it is not about all.
    scope: Option<&'f PlanScope>,
    /// The accounts to decide about or to report, sorted by localpart, then by the whole ID.
    notable: Vec<(&'f Account, Opinion<'f>)>,
    /// How many of the other accounts are members' and active.
    active_as_they_should_be: usize,
    /// How many of the other accounts are disabled.
    disabled_as_they_should_be: usize,
    /// Active accounts that this program has changed before.
    pub(super) settled: Vec<&'f UserId>,
    /// Active members who were out of the group when it was last read.
    pub(super) returned: Vec<&'f UserId>,
    /// Accounts outside the group that only Synapse is known to have shut out.
    unverified: Vec<&'f Account>,
    mapping: Mapping<'f>,
}

/// The decisions about accounts that are not simply as they should be, in order of localpart.
#[derive(Debug)]
pub struct Verdicts<'f> {
    /// The accounts that the rule would act on, with its decision.
    pub of_accounts: Vec<(&'f Account, Verdict)>,
    /// How often the list and the second look disagreed.
    pub contradictions: usize,
    /// The unverified storage providers, if that matters.
    doubtful: Vec<Box<str>>,
    /// How members and accounts match.
    pub(super) mapped: Mapped<'f>,
}

/// An account to recheck before it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToRecheck {
    /// What would be done to it.
    pub kind: ActionKind,
    pub user_id: UserId,
    pub mas_id: Option<MasUserId>,
    /// The Keycloak users of its links.
    pub links: Links,
    /// Whether a link or the memory ties it to a user.
    pub is_tied: bool,
    /// The Keycloak users to request by ID, the likeliest owner first.
    pub ids: Vec<KeycloakId>,
    /// When to request the users whose localpart is the account's.
    pub by_name: AskByName,
    pub ask: AskFirst,
}

/// Which server is asked first about an account. A bridge may have more accounts than there are members,
/// and Keycloak knows none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskFirst {
    /// Both at the same time: the account does not belong to a bridge.
    Both,
    /// Synapse. If the account is a bridge's, Keycloak is not asked.
    Synapse,
    /// Only Synapse: MAS does not know the account, so it stays as it is.
    SynapseAlone,
}

/// When to request the users whose localpart is an account's from Keycloak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskByName {
    /// Always: the name ties the account, and several users may have it.
    Always,
    /// If Keycloak knows none of the IDs: the user may have been created again.
    IfUnknown,
}

impl Verdicts<'_> {
    /// Returns whether users may be missing because their directory is down.
    pub(super) fn is_a_directory_in_doubt(&self) -> bool {
        !self.doubtful.is_empty()
    }
}

impl<'f> Draft<'f> {
    /// Applies the table to everything that was read.
    #[must_use]
    pub fn new(facts: &'f Facts, policy: &'f Policy) -> Self {
        Self::about(facts, policy, None)
    }

    /// Applies the table to the accounts a run is about. All others only count.
    #[must_use]
    pub fn about(facts: &'f Facts, policy: &'f Policy, scope: Option<&'f PlanScope>) -> Self {
        let mut draft = Self::empty(facts, policy, scope);
        for account in &facts.accounts {
            draft.add(account);
        }
        draft.notable.sort_by_key(|(account, _)| &account.user_id);
        draft.unverified.sort_by_key(|account| &account.user_id);
        draft
    }

    /// Reverses what was done to some accounts of `scope`, without the table. All others only count.
    pub(super) fn reversing(
        facts: &'f Facts,
        policy: &'f Policy,
        scope: &'f PlanScope,
        kinds: &BTreeMap<&UserId, ActionKind>,
    ) -> Self {
        let mut draft = Self::empty(facts, policy, Some(scope));
        for account in &facts.accounts {
            let holder = draft.identity.holder(account);
            match kinds.get(&account.user_id) {
                Some(kind) => draft.notable.push((account, draft.table.reversed(account, holder, *kind))),
                None => draft.only_count(&draft.table.opinion(account, holder, &draft.identity)),
            }
        }
        draft.notable.sort_by_key(|(account, _)| &account.user_id);
        draft
    }

    fn empty(facts: &'f Facts, policy: &'f Policy, scope: Option<&'f PlanScope>) -> Self {
        Self {
            table: DecisionTable { facts, policy },
            identity: Identity::new(facts, policy.matching),
            scope,
            notable: Vec::new(),
            active_as_they_should_be: 0,
            disabled_as_they_should_be: 0,
            settled: Vec::new(),
            returned: Vec::new(),
            unverified: Vec::new(),
            mapping: Mapping::default(),
        }
    }

    fn add(&mut self, account: &'f Account) {
        let holder = self.identity.holder(account);
        self.mapping.note_holder(account, &holder);
        let is_members = holder.is_members();
        let opinion = self.table.opinion(account, holder, &self.identity);
        self.mapping.note_opinion(&opinion, is_members);
        if self.scope.is_some_and(|scope| !scope.covers(&account.user_id)) {
            return self.only_count(&opinion);
        }
        let Facts { memory, .. } = self.table.facts;
        if account.can_log_in() && memory.own.contains_key(&account.user_id) {
            self.settled.push(&account.user_id);
        }
        match opinion {
            Opinion::Settled(Verdict::MemberActive) => {
                self.active_as_they_should_be += 1;
                if memory.absent_since.contains_key(&account.user_id) {
                    self.returned.push(&account.user_id);
                }
            }
            Opinion::Settled(Verdict::OutsideDisabled | Verdict::OutsideLocked) => {
                self.disabled_as_they_should_be += 1;
                if self.table.is_shut_out_by_synapse_alone(account) {
                    self.unverified.push(account);
                }
            }
            opinion => self.notable.push((account, opinion)),
        }
    }

    fn only_count(&mut self, opinion: &Opinion<'f>) {
        let counts_as_active = match opinion {
            Opinion::Settled(verdict) => verdict.counts_as_active(),
            Opinion::WouldDisable(_) => true,
            Opinion::WouldActivate { .. } | Opinion::WouldReopen(_) => false,
        };
        let count =
            if counts_as_active { &mut self.active_as_they_should_be } else { &mut self.disabled_as_they_should_be };
        *count += 1;
    }

    /// Returns the decision about one account, changed or not.
    #[must_use]
    pub fn verdict(&self, account: &'f Account, verdicts: &Verdicts<'f>) -> Verdict {
        let of_accounts = &verdicts.of_accounts;
        match of_accounts.binary_search_by_key(&&account.user_id, |(other, _)| &other.user_id) {
            Ok(at) => of_accounts[at].1.clone(),
            Err(_) => match self.opinion(account) {
                Opinion::Settled(verdict) => verdict,
                Opinion::WouldDisable(_) | Opinion::WouldActivate { .. } | Opinion::WouldReopen(_) => {
                    unreachable!("an account that would be changed is notable")
                }
            },
        }
    }

    fn opinion(&self, account: &'f Account) -> Opinion<'f> {
        self.table.opinion(account, self.identity.holder(account), &self.identity)
    }

    /// Returns the accounts to recheck, in order of localpart: all that would be changed.
    pub fn to_recheck(&self) -> impl Iterator<Item = ToRecheck> {
        self.notable.iter().filter_map(|(account, opinion)| match opinion {
            Opinion::WouldDisable(holder) => Some(self.recheck_before_disable(account, holder)),
            Opinion::WouldReopen(holder) => {
                let recheck = self.recheck_before_disable(account, holder);
                Some(ToRecheck { kind: ActionKind::Activate, ask: AskFirst::Both, ..recheck })
            }
            Opinion::WouldActivate { member, by } => {
                let members = self.identity.would_get(account, member, *by);
                Some(recheck_before_activate(account, &members, *by))
            }
            Opinion::Settled(_) => None,
        })
    }

    fn recheck_before_disable(&self, account: &'f Account, holder: &Holder<'f>) -> ToRecheck {
        let mut ids: Vec<&KeycloakId> = match holder {
            Holder::Tied { id, .. } => vec![id],
            Holder::Contested { remembered, named } => {
                std::iter::once(*remembered).chain(named.iter().map(|member| &member.id)).collect()
            }
            Holder::Named(named) => named.iter().map(|member| &member.id).collect(),
            Holder::Unclaimed => Vec::new(),
        };
        for (id, _) in Identity::unused_ties(account, holder) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ToRecheck {
            kind: ActionKind::Disable,
            user_id: account.user_id.clone(),
            mas_id: account.mas.id().cloned(),
            links: account.links.clone(),
            is_tied: account.tied_to().is_some(),
            ids: ids.into_iter().cloned().collect(),
            by_name: match holder {
                Holder::Tied { .. } | Holder::Contested { .. } => AskByName::IfUnknown,
                Holder::Named(_) | Holder::Unclaimed => AskByName::Always,
            },
            ask: self.ask_first(account),
        }
    }

    /// Returns which server is asked first before an account is disabled.
    fn ask_first(&self, account: &Account) -> AskFirst {
        if account.tied_to().is_some() {
            AskFirst::Both
        } else if self.table.is_not_in_mas(account) {
            AskFirst::SynapseAlone
        } else if account.mas == InMas::NotAsked {
            AskFirst::Synapse
        } else {
            AskFirst::Both
        }
    }

    /// Returns the decision about each account, and how often list and look disagreed.
    #[must_use]
    pub fn verdicts(&self, rechecks: &Rechecks) -> Verdicts<'f> {
        let second = SecondLook::new(&self.table, &self.identity, rechecks);
        let directories = self.directories(rechecks, &second);
        let mut contradictions = 0;
        let mut of_accounts = Vec::with_capacity(self.notable.len());
        for (account, opinion) in &self.notable {
            let verdict = match opinion {
                Opinion::Settled(verdict) => verdict.clone(),
                Opinion::WouldDisable(holder) => match rechecks.recheck(&account.user_id) {
                    Some(Ok(seen)) => {
                        contradictions += usize::from(second.contradicts(account, holder, seen));
                        second.on_disable(account, holder, seen, &directories)
                    }
                    failed => Verdict::DisableSkipped(by_the_list(holder), why_not(failed, rechecks)),
                },
                Opinion::WouldActivate { member, by } => match rechecks.recheck(&account.user_id) {
                    Some(Ok(seen)) => second.on_activate(account, member, *by, seen),
                    failed => Verdict::ActivateSkipped(Reason::InGroup, why_not(failed, rechecks)),
                },
                Opinion::WouldReopen(_) => match rechecks.recheck(&account.user_id) {
                    Some(Ok(seen)) => second.on_reopen(account, seen),
                    failed => Verdict::ActivateSkipped(Reason::Undone, why_not(failed, rechecks)),
                },
            };
            contradictions += usize::from(verdict == Verdict::ActivationNotConfirmed);
            of_accounts.push((*account, verdict));
        }
        self.keep_what_mas_may_mix_up(&mut of_accounts);
        let mapped = self.mapped(&of_accounts, &second, rechecks);
        let verifies = self.table.policy.federation == Federation::Verify;
        let doubtful = directories.in_doubt().filter(|_| verifies).map(Box::from).collect();
        Verdicts { of_accounts, contradictions, doubtful, mapped }
    }

    /// Keeps accounts whose names differ only in case, unless the change is right for both: mas-cli finds
    /// users without regard to case, and may change the other one.
    fn keep_what_mas_may_mix_up(&self, of_accounts: &mut [(&'f Account, Verdict)]) {
        let policy = self.table.policy;
        let becomes_disabled = |other: &'f Account| {
            let at = of_accounts.binary_search_by_key(&&other.user_id, |(account, _)| &account.user_id);
            match at.ok().map(|at| &of_accounts[at].1) {
                Some(Verdict::Disable(_) | Verdict::NeedsApproval(..)) => Some(true),
                Some(Verdict::Activate(_)) => Some(false),
                _ if policy.counts_as_disabled(other.state) => Some(true),
                _ => other.can_log_in().then_some(false),
            }
        };
        let mixed_up = of_accounts.iter().enumerate().filter(|(_, (account, verdict))| {
            let disables = match verdict {
                Verdict::Disable(_) | Verdict::NeedsApproval(..) => true,
                Verdict::Activate(_) => false,
                _ => return false,
            };
            let others = self.identity.same_name(account).into_iter();
            let mut others = others.filter(|other| account.mas.may_be(&other.mas));
            others.any(|other| becomes_disabled(other) != Some(disables))
        });
        let mixed_up: Vec<_> = mixed_up.map(|(at, _)| at).collect();
        for at in mixed_up {
            of_accounts[at].1 = Verdict::Kept(KeptReason::Ambiguous);
        }
    }

    fn directories<'l>(&'l self, rechecks: &'l Rechecks, second: &SecondLook<'l, 'f>) -> Directories<'l> {
        let Facts { providers, members, memory, .. } = self.table.facts;
        let remembered = memory.directories.iter().filter(|_| providers.is_none());
        let known = providers.iter().flatten().chain(remembered).map(|provider| &**provider);
        let mut directories = Directories::new(known, members);
        directories.and_after(second.members_after());
        if self.scope.is_some() {
            directories.and_before(self.table.facts.doubtful.iter().map(|provider| &**provider));
        }
        for (account, opinion) in &self.notable {
            if let (Opinion::WouldDisable(holder), Some(seen)) = (opinion, rechecks.evidence(&account.user_id)) {
                let contradicts = second.contradicts(account, holder, seen);
                for answer in &seen.keycloak {
                    directories.see(&answer.user, contradicts);
                }
            }
        }
        directories
    }

    /// Returns the plan, once every account that would be changed was rechecked.
    #[must_use]
    pub fn decide(&self, rechecks: &Rechecks) -> Plan {
        self.plan(self.verdicts(rechecks), rechecks)
    }

    /// Returns the plan of these verdicts.
    #[must_use]
    pub fn plan(&self, verdicts: Verdicts<'f>, rechecks: &Rechecks) -> Plan {
        let DecisionTable { facts, policy } = &self.table;
        let Verdicts { of_accounts, contradictions, doubtful, mapped } = verdicts;
        let mut plan = Plan {
            server_name: facts.server_name.clone(),
            writer: policy.writer,
            disable: policy.disable,
            read: ReadCounts { members: facts.members.len(), accounts: facts.accounts.len() },
            actions: Vec::new(),
            unchanged: self.active_as_they_should_be + self.disabled_as_they_should_be,
            active: self.active_as_they_should_be,
            not_registered: mapped.not_registered(&facts.unnamed),
            unnamed: mapped.unnamed(&facts.unnamed),
            kept: Vec::new(),
            contradictions,
            doubtful,
            not_rechecked: matches!(rechecks, Rechecks::TooMany { .. }).then(|| self.left_to_recheck(rechecks)),
            unverified: self.unverified(),
            mapping: mapped.into_summary(),
        };
        for (account, verdict) in of_accounts {
            plan.active += usize::from(verdict.counts_as_active());
            let evidence = rechecks.evidence(&account.user_id);
            let mark = self.mark(account, &verdict, evidence);
            add_to_plan(&mut plan, account, verdict, evidence, mark);
        }
        plan
    }

    fn left_to_recheck(&self, rechecks: &Rechecks) -> usize {
        self.to_recheck().filter(|account| rechecks.recheck(&account.user_id).is_none()).count()
    }

    fn unverified(&self) -> Unverified {
        let accounts = self.unverified.iter().map(|account| (account.localpart().clone(), account.state));
        Unverified { accounts: accounts.collect(), mas_cli: self.table.policy.mas_cli.clone() }
    }

    /// Returns a note for the administrator about the change of an account.
    #[must_use]
    pub fn mark(&self, account: &Account, verdict: &Verdict, evidence: Option<&Evidence>) -> Option<Mark> {
        let seen = evidence.map_or(account.seen(), |seen| seen.account.seen());
        let is_by_others = self.table.is_deactivated_by_others(account, seen);
        (*verdict == Verdict::Activate(Reason::InGroup) && is_by_others).then_some(Mark::DeactivatedByOthers)
    }

    fn mapped(
        &self,
        verdicts: &[(&'f Account, Verdict)],
        second: &SecondLook<'_, 'f>,
        rechecks: &Rechecks,
    ) -> Mapped<'f> {
        let mut found = SecondLookFindings::default();
        for (account, opinion) in &self.notable {
            if let (Opinion::WouldDisable(holder), Some(seen)) = (opinion, rechecks.evidence(&account.user_id)) {
                let by_external_id = seen.by_external_id().next().is_some();
                let members = second.members_found(account, holder, seen);
                found.by_external_id += usize::from(by_external_id && !members.is_empty());
                found.members.extend(members);
            }
        }
        self.mapping.finish(&self.identity, &self.table, verdicts, &found)
    }

    /// Returns what to remember of this reading.
    #[must_use]
    pub fn presence<'s>(&'s self, verdicts: &Verdicts<'f>, rechecks: &'s Rechecks) -> Presence<'s> {
        let mut presence = Presence::new(self, verdicts, rechecks);
        if !verdicts.mapped.is_in_doubt() {
            presence.note_owners(self, verdicts, rechecks);
        }
        presence
    }

    /// Returns how much of the reading this draft is about.
    pub(super) fn reach(&self) -> Reach {
        if self.scope.is_some() { Reach::Some } else { Reach::Everything }
    }

    /// Returns the accounts of the reading that this draft is about.
    pub(super) fn in_focus(&self) -> impl Iterator<Item = &'f Account> {
        let accounts = self.table.facts.accounts.iter();
        accounts.filter(|account| self.scope.is_none_or(|scope| scope.covers(&account.user_id)))
    }
}

fn recheck_before_activate(account: &Account, members: &[&Member], by: TiedBy) -> ToRecheck {
    ToRecheck {
        kind: ActionKind::Activate,
        user_id: account.user_id.clone(),
        mas_id: account.mas.id().cloned(),
        links: account.links.clone(),
        is_tied: account.tied_to().is_some(),
        ids: members.iter().map(|member| member.id.clone()).collect(),
        by_name: if by == TiedBy::Name { AskByName::Always } else { AskByName::IfUnknown },
        ask: AskFirst::Both,
    }
}

fn add_to_plan(plan: &mut Plan, account: &Account, verdict: Verdict, evidence: Option<&Evidence>, mark: Option<Mark>) {
    let localpart: &Localpart = account.localpart();
    let kept = |reason| Kept::new(localpart.clone(), reason);
    let action = |kind, reason| Action {
        kind,
        user_id: account.user_id.clone(),
        mas_id: account.mas.id().cloned(),
        reason,
        before: account.state,
        evidence: evidence.cloned(),
        approval: None,
        mark,
        skipped: None,
    };
    match verdict {
        Verdict::MemberActive | Verdict::OutsideDisabled | Verdict::OutsideLocked | Verdict::ActivationNotConfirmed => {
            plan.unchanged += 1;
        }
        Verdict::Activate(reason) => plan.actions.push(action(ActionKind::Activate, reason)),
        Verdict::Disable(reason) => plan.actions.push(action(ActionKind::Disable, reason)),
        Verdict::NeedsApproval(reason, approval) => {
            plan.actions.push(Action { approval: Some(approval), ..action(ActionKind::Disable, reason) });
        }
        Verdict::DisableSkipped(reason, error) => {
            plan.actions.push(Action { skipped: Some(Skip::NotSeen(error)), ..action(ActionKind::Disable, reason) });
        }
        Verdict::ActivateSkipped(reason, error) => {
            plan.actions.push(Action { skipped: Some(Skip::NotSeen(error)), ..action(ActionKind::Activate, reason) });
        }
        Verdict::Kept(reason) => plan.kept.push(kept(reason)),
        Verdict::MayBeMember(signs) => plan.kept.push(Kept { signs, ..kept(KeptReason::MayBeMember) }),
        Verdict::InGrace(until) => plan.kept.push(Kept { until: Some(until), ..kept(KeptReason::InGrace) }),
    }
}

/// Returns the reason by the lists alone.
fn by_the_list(holder: &Holder<'_>) -> Reason {
    match holder {
        Holder::Named(_) | Holder::Tied { member: Some(_), .. } => Reason::DisabledInKeycloak,
        Holder::Tied { .. } | Holder::Contested { .. } | Holder::Unclaimed => Reason::NotInGroup,
    }
}

/// Why an account was not rechecked although nothing is wrong with it.
pub const SERVER_GIVEN_UP: &str = "not rechecked, because a server had stopped answering";

/// Returns why an account has no second look.
fn why_not(recheck: Option<&Recheck>, rechecks: &Rechecks) -> String {
    match (recheck, rechecks) {
        (Some(Err(error)), _) => error.clone(),
        (_, Rechecks::TooMany { .. }) => "more accounts than limits.max_look".to_owned(),
        (_, Rechecks::Taken { .. }) => SERVER_GIVEN_UP.to_owned(),
    }
}
