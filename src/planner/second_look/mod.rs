//! Decides with the second look about accounts that the lists alone would change.

mod activation;
mod kept;
mod list_after;
mod owners;
mod right;

use super::decision_table::DecisionTable;
use super::directory::Directories;
use super::identity::{Holder, Identity, TiedBy};
use super::memory::Recall;
use super::policy::DisabledMembers;
use super::{Facts, Rechecks, Verdict};
use crate::model::{Account, Evidence, KeycloakId, KeycloakPerson, Member, Timestamp};
use crate::plan::{Approval, KeptReason, Reason};
use list_after::ListAfter;
use owners::{Candidate, PossibleOwner, reason_of};
pub(super) use right::Right;

/// The second look, with everything that it is compared with.
#[derive(Debug)]
pub(super) struct SecondLook<'l, 'f> {
    table: &'l DecisionTable<'f>,
    identity: &'l Identity<'f>,
    after: ListAfter<'l>,
}

/// Why the owners of an account are out of the group.
struct Absence {
    reason: Reason,
    /// The end of the grace period, if it is in the future.
    until: Option<Timestamp>,
}

impl<'l, 'f> SecondLook<'l, 'f> {
    pub(super) fn new(
        table: &'l DecisionTable<'f>,
        identity: &'l Identity<'f>,
        rechecks: &'l Rechecks,
    ) -> Self {
        Self { table, identity, after: ListAfter::new(table, rechecks) }
    }

    /// Returns the members read after the look, if they were.
    pub(super) fn members_after(&self) -> Option<&'l [Member]> {
        self.after.members
    }

    /// Returns the directories, by the lists, by another list before and after, and by the answers about the owners of
    /// these accounts.
    pub(super) fn directories<'h>(
        &self,
        rechecks: &'l Rechecks,
        [before, after]: [&'l [Member]; 2],
        accounts: impl Iterator<Item = (&'f Account, &'h Holder<'f>)>,
    ) -> Directories<'l>
    where
        'f: 'h,
    {
        let Facts { providers, members, memory, .. } = self.facts();
        let remembered = memory.directories.iter().filter(|_| providers.is_none());
        let known = providers.iter().flatten().chain(remembered).map(|provider| &**provider);
        let mut directories = Directories::new(known, members);
        directories.and_after(self.members_after());
        directories.and_by(before, after);
        for (account, holder) in accounts {
            let Some(seen) = rechecks.evidence(&account.user_id) else { continue };
            let contradicts = self.contradicts(account, holder, seen);
            for answer in &seen.keycloak {
                if contradicts {
                    directories.see_contradiction(&answer.user);
                } else {
                    directories.see(&answer.user);
                }
            }
        }
        directories
    }

    fn facts(&self) -> &'f Facts {
        self.table.facts
    }

    /// Returns whether list and look contradict each other about the users an account may belong
    /// to.
    pub(super) fn contradicts(
        &self,
        account: &Account,
        holder: &Holder<'f>,
        seen: &Evidence,
    ) -> bool {
        let owners = self.candidates(account, holder, seen);
        let is_owner = |id: &KeycloakId| owners.iter().any(|owner| owner.id == id);
        let by_owner =
            owners.iter().any(|owner| self.standing(*owner) == PossibleOwner::Contradiction);
        // A user of this name may have been re-created with a new ID; one with another account
        // means nothing.
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

    /// Returns whether the list after the look has an owner, or a user of the same name, that it
    /// did not have before.
    fn is_listed_by_now(&self, account: &Account, owners: &[Candidate<'_>]) -> bool {
        let newly_in = |id: &KeycloakId| {
            let before = self.identity.member(id);
            self.after.ids.contains(id) && !before.is_some_and(|member| self.table.may_use(member))
        };
        let namesake = self.after.named(account).any(|member| {
            newly_in(&member.id) && !self.identity.is_tied_elsewhere(&member.id, account)
        });
        namesake || owners.iter().any(|owner| newly_in(owner.id))
    }

    /// Returns the owners of an account by the evidence.
    pub(super) fn owners(
        &self,
        account: &Account,
        holder: &Holder<'f>,
        seen: &Evidence,
    ) -> Vec<KeycloakId> {
        let owners = self.candidates(account, holder, seen);
        owners.into_iter().map(|owner| owner.id.clone()).collect()
    }

    /// Returns the members that own an account by the look.
    pub(super) fn members_found(
        &self,
        account: &Account,
        holder: &Holder<'f>,
        seen: &Evidence,
    ) -> Vec<&'f KeycloakId> {
        let owners = self.candidates(account, holder, seen);
        let members =
            owners.into_iter().filter(|owner| self.standing(*owner) == PossibleOwner::Member);
        members
            .filter_map(|owner| self.identity.member(owner.id).map(|member| &member.id))
            .collect()
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
        match self.absence(account, holder, seen, directories) {
            Err(verdict) => verdict,
            Ok(Absence { until: Some(until), .. }) => Verdict::InGrace(until),
            Ok(Absence { reason, until: None }) => match self.approval(account, seen, reason) {
                Some(approval) => Verdict::NeedsApproval(reason, approval),
                None => Verdict::Disable(reason),
            },
        }
    }

    /// Decides about an account that this program has locked for long enough. A deactivation cannot
    /// be taken back, so it also has to be the same lock still, by MAS's clock too, and no member
    /// may have the name.
    pub(super) fn on_deactivate(
        &self,
        account: &'f Account,
        holder: &Holder<'f>,
        since: Timestamp,
        seen: &Evidence,
        directories: &Directories<'_>,
    ) -> Verdict {
        let unfinished = || self.table.lost_stage(account, seen.account.seen()).map(|_| since);
        match self.locked_since(account, since, seen).or_else(unfinished) {
            Some(since) => self.unless_a_members(account, holder, since, seen, directories),
            None => Verdict::OutsideDisabled,
        }
    }

    /// Returns since when an account is locked by this program and nothing else, by MAS's clock too,
    /// if its second stage has come.
    fn locked_since(
        &self,
        account: &Account,
        since: Timestamp,
        seen: &Evidence,
    ) -> Option<Timestamp> {
        let locked_at = seen.account.last_disabled_at;
        let Facts { now, clocks, .. } = self.facts();
        let since = locked_at.map_or(since, |at| at.max(since));
        let after = self.table.policy.deactivate_after?;
        let is_due = since.after(after) <= clocks.earliest(*now);
        let is_ours = self.table.is_own_lock(account, seen.account.seen(), locked_at);
        (is_due && is_ours).then_some(since)
    }

    /// Deactivates an account unless it is a member's, or may be. One that was never tied to a user
    /// stays locked: a lock can be taken back, and nothing says whose account it is.
    fn unless_a_members(
        &self,
        account: &'f Account,
        holder: &Holder<'f>,
        since: Timestamp,
        seen: &Evidence,
        directories: &Directories<'_>,
    ) -> Verdict {
        match self.absence(account, holder, seen, directories) {
            Err(Verdict::MemberActive) => Verdict::Kept(KeptReason::InGroupAtSecondLook),
            Err(verdict) => verdict,
            Ok(Absence { reason, .. }) => match self.approval(account, seen, reason) {
                Some(Approval::NameOfMember | Approval::MemoryOfMember) => {
                    Verdict::Kept(KeptReason::AnotherPerson)
                }
                Some(Approval::NeverTied) => Verdict::OutsideDisabled,
                None => Verdict::Deactivate(since),
            },
        }
    }

    /// Returns why the owners of an account are out of the group, or what else is decided about it.
    fn absence(
        &self,
        account: &'f Account,
        holder: &Holder<'f>,
        seen: &Evidence,
        directories: &Directories<'_>,
    ) -> Result<Absence, Verdict> {
        let owners = self.candidates(account, holder, seen);
        let standings: Vec<_> = owners.iter().map(|owner| self.standing(*owner)).collect();
        let members =
            standings.iter().filter(|standing| **standing == PossibleOwner::Member).count();
        if members > 0 && members == standings.len() {
            return Err(Verdict::MemberActive);
        }
        if members > 0 {
            return Err(Verdict::Kept(KeptReason::Ambiguous));
        }
        // A newer link replaces an older one.
        let deciding = match holder {
            Holder::Tied { by: TiedBy::Link, .. } => 1,
            _ => owners.len(),
        };
        let reason = reason_of(&standings[..deciding], holder);
        match self.kept(account, holder, seen, directories, reason) {
            Some(verdict) => Err(verdict),
            None => {
                Ok(Absence { reason, until: self.grace_of(account, reason, &owners[..deciding]) })
            }
        }
    }

    /// Decides about an account that `undo` would disable, for any owner. A current member's is
    /// kept for the same reasons as any other, except those about the owner's absence.
    pub(super) fn on_close(
        &self,
        account: &'f Account,
        holder: &Holder<'f>,
        seen: &Evidence,
        directories: &Directories<'_>,
    ) -> Verdict {
        match self.on_disable(account, holder, seen, directories) {
            Verdict::MemberActive => self
                .kept(account, holder, seen, directories, Reason::Undone)
                .unwrap_or(Verdict::DisableMember),
            verdict => verdict,
        }
    }

    /// Returns whether the look shows a member who may use Matrix.
    fn may_use_now(&self, person: &KeycloakPerson) -> bool {
        let keeps_disabled = self.table.policy.disabled_members == DisabledMembers::Keep;
        match person {
            KeycloakPerson::Known { enabled, in_group, .. } => {
                *in_group && (*enabled || keeps_disabled)
            }
            KeycloakPerson::Unknown | KeycloakPerson::OnlyRemembered { .. } => false,
        }
    }

    /// Returns why an administrator has to approve that an account is disabled, if one has to.
    fn approval(&self, account: &'f Account, seen: &Evidence, reason: Reason) -> Option<Approval> {
        let may_use = |member: &Member| self.table.may_use(member);
        if reason != Reason::NotInKeycloak || self.facts().memory.recall == Recall::Off {
            None
        } else if !self.is_tied(account, seen) {
            Some(Approval::NeverTied)
        } else if self.identity.named(account).iter().any(may_use) {
            Some(Approval::NameOfMember)
        } else if self.remembered_member(account).is_some_and(may_use) {
            Some(Approval::MemoryOfMember)
        } else {
            None
        }
    }

    /// Returns the listed member that the state file remembers for an account, regardless of links.
    fn remembered_member(&self, account: &Account) -> Option<&'f Member> {
        account.remembered_owner().and_then(|(id, _)| self.identity.member(id))
    }

    /// Returns the end of an account's grace period, if it is in the future.
    fn grace_of(
        &self,
        account: &Account,
        reason: Reason,
        owners: &[Candidate<'_>],
    ) -> Option<Timestamp> {
        let Facts { now, clocks, memory, .. } = self.facts();
        // Keycloak itself disables users after failed logins, and federated users if their
        // directory did.
        let may_pass = owners.iter().any(|owner| match owner.person {
            KeycloakPerson::Known { locked_out, federation_link, .. } => {
                *locked_out || federation_link.is_some()
            }
            KeycloakPerson::Unknown | KeycloakPerson::OnlyRemembered { .. } => false,
        });
        let waits = (reason != Reason::DisabledInKeycloak || may_pass)
            && !memory.left_half_done(&account.user_id, account.state, self.table.policy.disable);
        let since = memory.absent_since.get(&account.user_id).unwrap_or(now);
        let until = (*since.min(now)).after(self.table.policy.grace);
        // By the clock that is furthest behind: a grace is not over because this host's has jumped.
        let clock = clocks.earliest(*now);
        let has_grace = !self.table.policy.grace.is_zero();
        let is_behind = until <= *now;
        (has_grace && waits && clock < until)
            .then(|| if is_behind { now.after(clock.until(until)) } else { until })
    }
}
