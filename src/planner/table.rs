//! The table of the rule, for one account and what the lists alone say of it.

use super::matching::Meeting;
use super::policy::{DisabledMembers, LockedMembers, Policy, Reactivate};
use super::{Facts, Verdict};
use crate::model::{Account, InMas, KeycloakId, Member};
use crate::plan::{DisableMode, KeptReason, Reason};

/// What the lists alone say of an account.
#[derive(Debug)]
pub(super) enum Opinion<'f> {
    Settled(Verdict),
    /// To be disabled unless the second look says otherwise.
    WouldDisable {
        /// The member's row, for those disabled in Keycloak.
        member: Option<&'f Member>,
        /// Whom of Keycloak the account is tied to.
        links: &'f [KeycloakId],
    },
}

/// The table, with what it depends on.
#[derive(Debug)]
pub(super) struct Rule<'f> {
    pub(super) facts: &'f Facts,
    pub(super) policy: &'f Policy,
}

impl Rule<'_> {
    /// What the lists alone say of an account, of those who meet at it, and of those it is tied to.
    pub(super) fn opinion<'f>(&self, account: &Account, meeting: &Meeting<'f>, links: &'f [KeycloakId]) -> Opinion<'f> {
        if !meeting.ambiguous {
            return self.unless_protected(account, self.table(account, meeting.people.first().copied(), links));
        }
        let people = meeting.people.iter().chain(&meeting.namesake);
        let mut readings: Vec<_> = people.map(|member| self.table(account, Some(member), links)).collect();
        if meeting.people.is_empty() {
            readings.insert(0, self.table(account, None, links));
        }
        // A name that two share is left alone as soon as any reading of it would act.
        if readings.iter().any(Opinion::would_act) {
            return Opinion::Settled(Verdict::Kept(KeptReason::Ambiguous));
        }
        self.unless_protected(
            account,
            readings.into_iter().next().unwrap_or(Opinion::Settled(Verdict::OutsideDisabled)),
        )
    }

    fn unless_protected<'f>(&self, account: &Account, opinion: Opinion<'f>) -> Opinion<'f> {
        match self.protected(account, &opinion) {
            Some(reason) => Opinion::Settled(Verdict::Kept(reason)),
            None => opinion,
        }
    }

    fn table<'f>(&self, account: &Account, member: Option<&'f Member>, links: &'f [KeycloakId]) -> Opinion<'f> {
        let state = account.state;
        let may_use =
            member.is_some_and(|member| member.enabled || self.policy.disabled_members == DisabledMembers::Keep);
        match (may_use, self.policy.counts_as_disabled(state), state.locked) {
            // MAS reactivates on the homeserver first: someone whom only MAS still has deactivated cannot log in. Of someone
            // who is out it says nothing, because there MAS comes first and the homeserver may never have been told.
            (true, false, false) if !account.deactivated_in_mas => Opinion::Settled(Verdict::MemberActive),
            (true, _, _) => Opinion::Settled(self.activation(account)),
            (false, true, _) => Opinion::Settled(Verdict::OutsideDisabled),
            (false, false, true) if !self.facts.memory.left_half_done(&account.user_id, state) => {
                Opinion::Settled(Verdict::OutsideLocked)
            }
            (false, false, _) => Opinion::WouldDisable { member, links },
        }
    }

    fn activation(&self, account: &Account) -> Verdict {
        let only_locked = account.state.locked && !account.state.deactivated;
        let ours = self.facts.memory.is_own(&account.user_id);
        let by_hand = only_locked && self.policy.disable == DisableMode::Deactivate && !ours;
        let not_ours = match self.policy.reactivate {
            Reactivate::Any => false,
            Reactivate::Own => !ours,
            Reactivate::None => true,
        };
        if account.mas == InMas::Unknown {
            Verdict::Kept(KeptReason::NotInMas)
        } else if account.state.erased {
            Verdict::Kept(KeptReason::Erased)
        } else if by_hand && self.policy.locked_members == LockedMembers::Keep {
            Verdict::Kept(KeptReason::LockedByHand)
        } else if not_ours {
            Verdict::Kept(KeptReason::NotOurs)
        } else {
            Verdict::Activate(Reason::InGroup)
        }
    }

    /// The first reason that the lists alone give for leaving the account alone.
    fn protected(&self, account: &Account, opinion: &Opinion<'_>) -> Option<KeptReason> {
        if matches!(opinion, Opinion::WouldDisable { .. }) { self.protects(account) } else { None }
    }

    /// The first reason that the lists alone give for never disabling an account.
    pub(super) fn protects(&self, account: &Account) -> Option<KeptReason> {
        let localpart = account.localpart();
        if !account.is_on(&self.facts.server_name) {
            Some(KeptReason::OtherServer)
        } else if self.facts.token_owner.as_ref() == Some(&account.user_id) {
            Some(KeptReason::TokenOwner)
        } else if self.policy.protect.covers(localpart) {
            Some(KeptReason::Protected)
        } else if account.admin && self.policy.protect_admins {
            Some(KeptReason::Admin)
        } else if account.bot {
            Some(KeptReason::Bot)
        } else {
            None
        }
    }
}

impl Opinion<'_> {
    fn would_act(&self) -> bool {
        matches!(self, Self::WouldDisable { .. } | Self::Settled(Verdict::Activate(_) | Verdict::Kept(_)))
    }
}
