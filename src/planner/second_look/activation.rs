//! Decides with the second look about accounts that would be activated.

use super::SecondLook;
use super::owners::{externals, find, has_external_id};
use crate::model::{Account, Evidence, KeycloakPerson, Member};
use crate::plan::{KeptReason, Reason};
use crate::planner::Verdict;
use crate::planner::identity::TiedBy;

impl<'f> SecondLook<'_, 'f> {
    /// Decides about an account that would be activated.
    pub(in crate::planner) fn on_activate(
        &self,
        account: &'f Account,
        member: &'f Member,
        by: TiedBy,
        seen: &Evidence,
    ) -> Verdict {
        let state = seen.account.state;
        if seen.account.seen().is_active() {
            return Verdict::MemberActive;
        }
        let members = self.identity.would_get(account, member, by);
        let is_confirmed = |member: &&Member| {
            find(seen, &member.id).is_some_and(|person| self.may_use_now(person))
        };
        // Someone has shut the user out meanwhile, who may know more.
        let is_shut_again = seen.account.seen().is_shut_further_than(account.seen());
        if !state.erased && (is_shut_again || !members.iter().any(is_confirmed)) {
            return Verdict::ActivationNotConfirmed;
        }
        if by == TiedBy::Name && self.shares_name(account, seen) {
            return Verdict::Kept(KeptReason::Ambiguous);
        }
        let not_activated =
            self.table.not_activated(account, seen.account.seen(), seen.account.last_disabled_at);
        let is_external_id = |member: &Member| has_external_id(seen, &member.id);
        let is_by_external_id = externals(seen).next().is_some() && by != TiedBy::Link;
        let is_anothers = is_by_external_id && !members.iter().all(|member| is_external_id(member));
        let is_newer = |member: &Member| {
            by == TiedBy::Name
                && !is_external_id(member)
                && self.is_newer(account, seen, find(seen, &member.id))
        };
        if is_anothers || members.iter().any(|member| is_newer(member)) {
            let anothers = KeptReason::AnotherPerson;
            return Verdict::Kept(not_activated.map_or(anothers, |reason| reason.min(anothers)));
        }
        not_activated.map_or(Verdict::Activate(Reason::InGroup), Verdict::Kept)
    }

    /// Decides about an account that `undo` would activate, for any owner.
    pub(in crate::planner) fn on_reopen(&self, account: &Account, seen: &Evidence) -> Verdict {
        let now = seen.account.seen();
        if now.is_active() {
            return Verdict::MemberActive;
        }
        match self.table.never_activated(account, now.state) {
            Some(reason) => Verdict::Kept(reason),
            None if now.is_shut_further_than(account.seen()) => Verdict::OutsideDisabled,
            None => Verdict::Activate(Reason::Undone),
        }
    }

    /// Returns whether Keycloak knows a user of the account's name who is out, by the list or by the
    /// look.
    pub(super) fn shares_name(&self, account: &'f Account, seen: &Evidence) -> bool {
        let is_out = |member: &Member, person: &KeycloakPerson| {
            person.user().is_some() && !(self.table.may_use(member) && self.may_use_now(person))
        };
        let is_stranger = |person: &KeycloakPerson| {
            let listed = person.user().and_then(|user| self.identity.member(&user.id));
            person.user().is_some() && !listed.is_some_and(|member| self.table.may_use(member))
        };
        let listed = self.identity.named(account);
        let mut listed = listed.iter().filter_map(|member| Some((member, find(seen, &member.id)?)));
        listed.any(|(member, person)| is_out(member, person)) || seen.by_name().any(is_stranger)
    }

    /// Returns whether a user was created in Keycloak after the account was disabled. The time when
    /// a federated user was imported means nothing.
    fn is_newer(&self, account: &Account, seen: &Evidence, user: Option<&KeycloakPerson>) -> bool {
        let Some(KeycloakPerson::Known { created: Some(created), federation_link: None, .. }) =
            user
        else {
            return false;
        };
        let own = || self.facts().memory.disabled_at(&account.user_id);
        seen.account.disabled_at.or_else(own).is_some_and(|disabled| disabled < *created)
    }
}
