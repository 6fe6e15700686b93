//! Applies the table of the rule to one account, by the lists alone.

use super::identity::{Holder, Identity, Namesakes, TiedBy};
use super::memory::SecondStage;
use super::policy::{DisabledMembers, LockedMembers, Policy, Reactivate};
use super::{Facts, Verdict};
use crate::model::{Account, AccountState, InMas, Member, SeenState, Timestamp};
use crate::plan::{ActionKind, DisableMode, KeptReason};

/// What the lists alone say about an account.
#[derive(Debug)]
pub(super) enum Opinion<'f> {
    /// It needs no second look.
    Settled(Verdict),
    /// To be disabled unless the second look says otherwise.
    WouldDisable(Holder<'f>),
    /// Locked by this program for long enough since then: to be deactivated unless the second look
    /// says otherwise.
    WouldDeactivate { holder: Holder<'f>, since: Timestamp },
    /// To be activated unless the second look says otherwise.
    WouldActivate { member: &'f Member, by: TiedBy },
    /// To be disabled for any owner, because `undo` reverses an activation.
    WouldClose(Holder<'f>),
    /// To be activated for any owner, because `undo` reverses a disable.
    WouldReopen(Holder<'f>),
}

/// The table, with what it depends on.
#[derive(Debug)]
pub(super) struct DecisionTable<'f> {
    pub(super) facts: &'f Facts,
    pub(super) policy: &'f Policy,
}

impl<'f> DecisionTable<'f> {
    /// Returns what the lists alone say about an account.
    pub(super) fn opinion(
        &self,
        account: &'f Account,
        holder: Holder<'f>,
        identity: &Identity<'f>,
    ) -> Opinion<'f> {
        let opinion = match holder {
            Holder::Tied { member: Some(member), by, .. } if self.may_use(member) => {
                self.inside(account, member, by)
            }
            Holder::Named(ref named) if named.iter().any(|member| self.may_use(member)) => {
                self.named(account, named, identity)
            }
            holder => self.outside_or_another_person(account, holder, identity),
        };
        // MAS has several users of this name, and it is unknown which one is meant.
        let is_ours = account.is_on(&self.facts.server_name);
        if account.mas == InMas::Ambiguous && is_ours && opinion.would_act() {
            return Opinion::Settled(Verdict::Kept(KeptReason::Ambiguous));
        }
        opinion
    }

    /// Returns what the lists alone say about an account whose change is undone.
    pub(super) fn reversed(
        &self,
        account: &'f Account,
        holder: Holder<'f>,
        kind: ActionKind,
        identity: &Identity<'f>,
    ) -> Opinion<'f> {
        if !account.is_on(&self.facts.server_name) {
            return Opinion::Settled(Verdict::Kept(KeptReason::OtherServer));
        }
        if account.mas == InMas::Ambiguous {
            return Opinion::Settled(Verdict::Kept(KeptReason::Ambiguous));
        }
        if kind == ActionKind::Activate {
            let kept = self.never_activated(account, account.state);
            return kept.map_or(Opinion::WouldReopen(holder), |reason| {
                Opinion::Settled(Verdict::Kept(reason))
            });
        }
        if let Some(verdict) = self.outside_in_state(account, account.seen()) {
            return Opinion::Settled(verdict);
        }
        let is_ambiguous =
            matches!(&holder, Holder::Named(named) if self.is_ambiguous(account, named, identity));
        match self.protects(account) {
            _ if is_ambiguous => Opinion::Settled(Verdict::Kept(KeptReason::Ambiguous)),
            Some(reason) => Opinion::Settled(Verdict::Kept(reason)),
            None => Opinion::WouldClose(holder),
        }
    }

    /// Returns whether a member may use Matrix.
    pub(super) fn may_use(&self, member: &Member) -> bool {
        member.enabled || self.policy.disabled_members == DisabledMembers::Keep
    }

    /// Returns whether the table would treat the members or accounts of an account's name
    /// differently.
    fn is_ambiguous(
        &self,
        account: &Account,
        named: &Namesakes<'f>,
        identity: &Identity<'f>,
    ) -> bool {
        let (ins, outs): (Vec<_>, Vec<_>) = named.iter().partition(|member| self.may_use(member));
        !ins.is_empty() && (!outs.is_empty() || identity.is_twin(account))
    }

    /// Decides about an account that has the name of a member who may use Matrix.
    fn named(
        &self,
        account: &'f Account,
        named: &Namesakes<'f>,
        identity: &Identity<'f>,
    ) -> Opinion<'f> {
        if self.is_ambiguous(account, named, identity) {
            return Opinion::Settled(Verdict::Kept(KeptReason::Ambiguous));
        }
        let is_anothers = |member: &Member| {
            identity.is_tied_to_another(account, &member.id)
                || identity.is_tied_elsewhere(&member.id, account)
        };
        let Some(member) = named.iter().next() else {
            return self.outside(account, Holder::Unclaimed);
        };
        match self.inside(account, member, TiedBy::Name) {
            Opinion::WouldActivate { .. } if named.iter().any(is_anothers) => {
                Opinion::Settled(Verdict::Kept(KeptReason::AnotherPerson))
            }
            Opinion::Settled(Verdict::Kept(reason)) if named.iter().any(is_anothers) => {
                Opinion::Settled(Verdict::Kept(reason.min(KeptReason::AnotherPerson)))
            }
            opinion => opinion,
        }
    }

    /// Decides about a member's account.
    fn inside(&self, account: &'f Account, member: &'f Member, by: TiedBy) -> Opinion<'f> {
        // MAS reactivates on the homeserver first: a member that only MAS has deactivated cannot
        // log in.
        if account.can_log_in() {
            return Opinion::Settled(Verdict::MemberActive);
        }
        match self.not_activated(account, account.seen(), None) {
            Some(reason) => Opinion::Settled(Verdict::Kept(reason)),
            None => Opinion::WouldActivate { member, by },
        }
    }

    /// Returns the first reason not to activate a member's account in this state.
    pub(super) fn not_activated(
        &self,
        account: &Account,
        seen: SeenState,
        last_disabled_at: Option<Timestamp>,
    ) -> Option<KeptReason> {
        let ours = self.facts.memory.is_own(&account.user_id, seen, last_disabled_at);
        let by_hand =
            seen.is_only_locked() && self.policy.disable == DisableMode::Deactivate && !ours;
        let not_ours = match self.policy.reactivate {
            Reactivate::Any => false,
            Reactivate::Own => !ours,
            Reactivate::None => true,
        };
        if let Some(reason) = self.never_activated(account, seen.state) {
            Some(reason)
        } else if by_hand && self.policy.locked_members == LockedMembers::Keep {
            Some(KeptReason::LockedByHand)
        } else if not_ours {
            Some(KeptReason::NotOurs)
        } else {
            None
        }
    }

    /// Returns why an account in this state is never activated, for any owner.
    pub(super) fn never_activated(
        &self,
        account: &Account,
        state: AccountState,
    ) -> Option<KeptReason> {
        if self.is_not_in_mas(account) {
            Some(KeptReason::NotInMas)
        } else {
            state.erased.then_some(KeptReason::Erased)
        }
    }

    /// Decides about an account that belongs to no member. If a member has its name and it is
    /// disabled, the plan reports `another_person`.
    fn outside_or_another_person(
        &self,
        account: &'f Account,
        holder: Holder<'f>,
        identity: &Identity<'f>,
    ) -> Opinion<'f> {
        let is_tied = matches!(holder, Holder::Tied { .. } | Holder::Contested { .. });
        let opinion = self.outside(account, holder);
        let is_shut = self.outside_in_state(account, account.seen()).is_some();
        let has_name_of_member =
            || identity.named(account).iter().any(|member| self.may_use(member));
        if is_tied && is_shut && has_name_of_member() {
            let reason = self.not_activated(account, account.seen(), None);
            let reason = reason
                .map_or(KeptReason::AnotherPerson, |reason| reason.min(KeptReason::AnotherPerson));
            return Opinion::Settled(Verdict::Kept(reason));
        }
        opinion
    }

    fn outside(&self, account: &'f Account, holder: Holder<'f>) -> Opinion<'f> {
        let verdict = self.outside_in_state(account, account.seen());
        let due = self.due(account).filter(|_| verdict == Some(Verdict::OutsideDisabled));
        match (verdict, due) {
            (Some(verdict), None) => Opinion::Settled(verdict),
            (_, due) => match (self.protects(account), due) {
                (Some(reason), _) => Opinion::Settled(Verdict::Kept(reason)),
                (None, Some(since)) => Opinion::WouldDeactivate { holder, since },
                (None, None) => Opinion::WouldDisable(holder),
            },
        }
    }

    /// Returns whether an account is locked by this program and nothing else. MAS shows at the
    /// second look when it was last locked.
    pub(super) fn is_own_lock(
        &self,
        account: &Account,
        seen: SeenState,
        last_disabled_at: Option<Timestamp>,
    ) -> bool {
        self.policy.disable == DisableMode::Lock
            && seen.is_only_locked()
            && self.facts.memory.is_own(&account.user_id, seen, last_disabled_at)
    }

    /// Returns since when this program has had an account locked, and when the second stage comes.
    pub(super) fn stage(&self, account: &Account) -> Option<(Timestamp, Timestamp)> {
        let after = self.policy.deactivate_after?;
        let since = self.facts.memory.locked_since.get(&account.user_id)?;
        self.is_own_lock(account, account.seen(), None).then(|| (*since, since.after(after)))
    }

    /// Returns whether this program has begun a second stage whose job MAS has lost (trap 69), and
    /// since when the account was locked.
    pub(super) fn lost_stage(&self, account: &Account, seen: SeenState) -> Option<Timestamp> {
        let own = self.facts.memory.own.get(&account.user_id)?;
        let is_lost = self.policy.disable == DisableMode::Lock
            && own.second_stage == SecondStage::Begun
            && seen.state.locked
            && !seen.state.deactivated
            && has_lost_its_job(account, seen);
        is_lost.then_some(own.until)
    }

    /// Returns since when an account has been locked, if its second stage has come by every clock.
    fn due(&self, account: &Account) -> Option<Timestamp> {
        let Facts { now, clocks, .. } = self.facts;
        if let Some(since) = self.lost_stage(account, account.seen()) {
            return Some(since);
        }
        self.stage(account).filter(|(_, at)| *at <= clocks.earliest(*now)).map(|(since, _)| since)
    }

    /// Returns what the table says about an account outside the group in this state, or `None` if
    /// it is to be disabled.
    pub(super) fn outside_in_state(&self, account: &Account, seen: SeenState) -> Option<Verdict> {
        let was_left =
            self.facts.memory.left_half_done(&account.user_id, seen.state, self.policy.disable);
        if was_left {
            None
        } else if self.policy.counts_as_disabled(seen.state) {
            Some(Verdict::OutsideDisabled)
        } else if seen.state.locked && !has_lost_its_job(account, seen) {
            Some(Verdict::OutsideLocked)
        } else {
            None
        }
    }

    /// Returns whether only Synapse is known to have locked or deactivated an account, so that its
    /// owner may still be able to log in (trap 47).
    pub(super) fn is_shut_out_by_synapse_alone(&self, account: &Account) -> bool {
        account.mas == InMas::NotAsked
            && !self.facts.memory.is_own(&account.user_id, account.seen(), None)
            && !self.is_not_in_mas(account)
            && self.protects(account).is_none()
    }

    /// Returns whether an administrator or the owner deactivated an account in this state: this
    /// program also locks (trap 70).
    pub(super) fn is_deactivated_by_others(&self, account: &Account, seen: SeenState) -> bool {
        seen.is_deactivated()
            && !seen.state.locked
            && !self.facts.memory.is_own(&account.user_id, seen, None)
    }

    /// Returns whether MAS does not know an account, by its list or because mas-cli has not found
    /// it.
    pub(super) fn is_not_in_mas(&self, account: &Account) -> bool {
        match account.mas {
            InMas::Unknown => true,
            InMas::NotAsked => self.facts.memory.not_in_mas.contains(&account.user_id),
            InMas::Known(_) | InMas::Ambiguous => false,
        }
    }

    /// Returns the first reason, by the lists alone, never to disable an account.
    pub(super) fn protects(&self, account: &Account) -> Option<KeptReason> {
        let localpart = account.localpart();
        if !account.is_on(&self.facts.server_name) {
            Some(KeptReason::OtherServer)
        } else if self.facts.token_owners.include(account) {
            Some(KeptReason::TokenOwner)
        } else if self.policy.protect.covers(localpart) {
            Some(KeptReason::Protected)
        } else if account.admin && self.policy.protect_admins {
            Some(KeptReason::Admin)
        } else if account.bot {
            Some(KeptReason::Bot)
        } else if self.facts.memory.bridges.contains(&account.user_id) {
            Some(KeptReason::Appservice)
        } else {
            None
        }
    }
}

/// Returns whether a deactivation has left only a lock because MAS has lost its job (trap 69). Then
/// MAS shows the deactivation in the list and at the second look.
fn has_lost_its_job(account: &Account, seen: SeenState) -> bool {
    account.deactivated_in_mas && seen.deactivated_in_mas
}

impl<'f> Opinion<'f> {
    /// Returns who holds an account that its owner would lose, disabled before or not.
    pub(super) fn holder(&self) -> Option<&Holder<'f>> {
        match self {
            Self::WouldDisable(holder)
            | Self::WouldClose(holder)
            | Self::WouldDeactivate { holder, .. } => Some(holder),
            Self::Settled(_) | Self::WouldActivate { .. } | Self::WouldReopen(_) => None,
        }
    }

    fn would_act(&self) -> bool {
        match self {
            Self::WouldDisable(_)
            | Self::WouldDeactivate { .. }
            | Self::WouldActivate { .. }
            | Self::WouldClose(_)
            | Self::WouldReopen(_) => true,
            Self::Settled(verdict) => matches!(verdict, Verdict::Kept(_)),
        }
    }
}
