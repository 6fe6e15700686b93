//! Makes the plan in two steps: without the second look, then with it.

mod plan;
mod recheck_list;
mod verdicts;

use std::collections::BTreeMap;

use super::creation::{Candidate, candidates, half_made};
use super::decision_table::{DecisionTable, Opinion};
use super::identity::{Holder, Identity};
use super::mapping::Mapping;
use super::plan_scope::PlanScope;
use super::policy::Policy;
use super::presence::{Presence, Reach};
use super::{Facts, Rechecks, Verdict};
use crate::model::{Account, Timestamp, UserId};
use crate::plan::{ActionKind, NextStage, Reason};

pub use recheck_list::{AskByName, AskFirst, ToRecheck};
pub use verdicts::Verdicts;
pub(super) use verdicts::{by_the_list, why_not};

/// The plan before the second look.
#[derive(Debug)]
pub struct Draft<'f> {
    pub(super) table: DecisionTable<'f>,
    pub(super) identity: Identity<'f>,
    /// The accounts it is about, if it is not about all.
    scope: Option<&'f PlanScope>,
    /// The accounts to decide about or to report, sorted by localpart, then by the whole ID.
    notable: Vec<(&'f Account, Opinion<'f>)>,
    /// How many of the other accounts are surely in use.
    others_active: usize,
    /// How many of the other accounts are disabled, or may be kept without being in use.
    others_inactive: usize,
    /// Active accounts that this program has changed before.
    pub(super) settled: Vec<&'f UserId>,
    /// Accounts that show what this program requested and could not confirm.
    pub(super) shown: Vec<&'f UserId>,
    /// Active members who were out of the group when it was last read.
    pub(super) returned: Vec<&'f UserId>,
    /// Accounts outside the group that this program has locked, as the lists show them.
    pub(super) locked: Vec<&'f UserId>,
    /// The accounts that will be deactivated later.
    next_stage: NextStage,
    /// The members that may get an account.
    pub(super) candidates: Vec<Candidate<'f>>,
    /// Accounts outside the group that only Synapse is known to have shut out.
    unverified: Vec<&'f Account>,
    mapping: Mapping<'f>,
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
        if scope.is_none() {
            draft.candidates.extend(candidates(facts, &draft.identity, policy.provision));
        }
        draft.let_stages_wait();
        draft.notable.sort_by_key(|(account, _)| &account.user_id);
        draft.unverified.sort_by_key(|account| &account.user_id);
        draft
    }

    /// Reverses what was done to some accounts of `scope`, without the table. All others only
    /// count.
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
                Some(kind) => draft.notable.push((account, draft.reversed(account, holder, *kind))),
                None => draft.only_count(&draft.table.opinion(account, holder, &draft.identity)),
            }
        }
        draft.notable.sort_by_key(|(account, _)| &account.user_id);
        draft
    }

    fn reversed(&self, account: &'f Account, holder: Holder<'f>, kind: ActionKind) -> Opinion<'f> {
        self.table.reversed(account, holder, kind, &self.identity)
    }

    fn empty(facts: &'f Facts, policy: &'f Policy, scope: Option<&'f PlanScope>) -> Self {
        Self {
            table: DecisionTable { facts, policy },
            identity: Identity::new(facts, policy),
            scope,
            notable: Vec::new(),
            others_active: 0,
            others_inactive: 0,
            settled: Vec::new(),
            shown: Vec::new(),
            returned: Vec::new(),
            locked: Vec::new(),
            next_stage: NextStage::default(),
            candidates: Vec::new(),
            unverified: Vec::new(),
            mapping: Mapping::default(),
        }
    }

    fn add(&mut self, account: &'f Account) {
        let holder = self.identity.holder(account);
        self.mapping.note_holder(account, &holder);
        let is_members = holder.is_members();
        let half_made = half_made(self.table.facts, self.table.policy.provision, account, &holder);
        let opinion = self.table.opinion(account, holder, &self.identity);
        self.mapping.note_opinion(&opinion, is_members);
        if self.scope.is_some_and(|scope| !scope.covers(&account.user_id)) {
            return self.only_count(&opinion);
        }
        let Facts { memory, .. } = self.table.facts;
        if account.can_log_in() && memory.own.contains_key(&account.user_id) {
            self.settled.push(&account.user_id);
        }
        if memory.own.get(&account.user_id).is_some_and(|own| own.is_shown_by(account.state)) {
            self.shown.push(&account.user_id);
        }
        match opinion {
            Opinion::Settled(Verdict::MemberActive) => {
                self.candidates.extend(half_made);
                self.others_active += 1;
                if memory.absent_since.contains_key(&account.user_id) {
                    self.returned.push(&account.user_id);
                }
            }
            Opinion::Settled(Verdict::OutsideDisabled | Verdict::OutsideLocked) => {
                self.others_inactive += 1;
                self.note_lock(account);
                if self.table.is_shut_out_by_synapse_alone(account) {
                    self.unverified.push(account);
                }
            }
            opinion => self.notable.push((account, opinion)),
        }
    }

    /// Leaves second stages to a later run that this one has no room for: those locked longest go
    /// first.
    fn let_stages_wait(&mut self) {
        let Policy { most_stages, most_rechecks, .. } = self.table.policy;
        let is_stage = |one: &ToRecheck| one.kind == ActionKind::Deactivate;
        // What Synapse alone sets aside needs no recheck by Keycloak.
        let is_set_aside = |one: &ToRecheck| one.ask == AskFirst::SynapseAlone;
        // A second stage never refuses a plan.
        let room = most_rechecks.map(|most| {
            let others = self.to_recheck().filter(|one| !is_stage(one) && !is_set_aside(one));
            most.saturating_sub(others.count())
        });
        let Some(most) = most_stages.iter().copied().chain(room).min() else { return };
        let due =
            self.notable.iter().enumerate().filter_map(|(at, (account, opinion))| match opinion {
                Opinion::WouldDeactivate { since, .. } => Some((*since, &account.user_id, at)),
                _ => None,
            });
        let mut due: Vec<_> = due.collect();
        due.sort();
        let waiting: Vec<_> = due.into_iter().skip(most).map(|(_, _, at)| at).collect();
        self.next_stage.waiting += waiting.len();
        for at in waiting {
            self.notable[at].1 = Opinion::Settled(Verdict::OutsideDisabled);
        }
    }

    /// Notes an account outside the group that this program has locked, and when its second stage
    /// comes.
    fn note_lock(&mut self, account: &'f Account) {
        if self.table.is_own_lock(account, account.seen(), None) {
            self.locked.push(&account.user_id);
        }
        if let Some((_, at)) = self.table.stage(account) {
            let NextStage { accounts, first, .. } = &mut self.next_stage;
            *accounts += 1;
            *first = Some(first.map_or(at, |first| first.min(at)));
        }
    }

    /// Returns whether only Synapse is known to have shut an account out.
    pub(super) fn is_unverified(&self, account: &Account) -> bool {
        self.unverified.binary_search_by_key(&&account.user_id, |other| &other.user_id).is_ok()
    }

    /// Returns when an account that this program has locked will be deactivated.
    #[must_use]
    pub fn next_stage_of(&self, account: &Account) -> Option<Timestamp> {
        self.table.stage(account).map(|(_, at)| at)
    }

    /// Returns whether an account is locked by this program, and its time starts with the next complete
    /// reading that is recorded.
    #[must_use]
    pub fn is_before_its_time(&self, account: &Account) -> bool {
        self.table.policy.deactivate_after.is_some()
            && self.table.stage(account).is_none()
            && self.table.is_own_lock(account, account.seen(), None)
    }

    /// Returns why an account is not a member's, by the lists alone.
    #[must_use]
    pub fn reason_by_list(&self, account: &'f Account) -> Reason {
        by_the_list(&self.identity.holder(account))
    }

    fn only_count(&mut self, opinion: &Opinion<'f>) {
        let counts_as_active = match opinion {
            Opinion::Settled(verdict) => verdict.counts_as_active(),
            // Many that the lists alone would disable are kept after a second look, which these do
            // not get. They must not make room for others.
            Opinion::WouldDisable(_)
            | Opinion::WouldClose(_)
            | Opinion::WouldActivate { .. }
            | Opinion::WouldDeactivate { .. }
            | Opinion::WouldReopen(_) => false,
        };
        let count =
            if counts_as_active { &mut self.others_active } else { &mut self.others_inactive };
        *count += 1;
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
    pub(super) fn in_scope(&self) -> impl Iterator<Item = &'f Account> {
        let accounts = self.table.facts.accounts.iter();
        accounts.filter(|account| self.covers(&account.user_id))
    }

    /// Returns whether this draft is about an account.
    pub(super) fn covers(&self, user_id: &UserId) -> bool {
        self.scope.is_none_or(|scope| scope.covers(user_id))
    }
}
