//! Decides with the second look what is kept, although the lists alone would take it.

use super::SecondLook;
use super::owners::{externals, find, has_external_id};
use crate::model::{
    Account, Answer, Evidence, KeycloakId, KeycloakPerson, KeycloakUser, Question, Sign, SignSeen,
};
use crate::plan::{KeptReason, Reason};
use crate::planner::Verdict;
use crate::planner::directory::Directories;
use crate::planner::identity::{Holder, Identity, TiedBy};
use crate::planner::policy::{Federation, Matching, UnknownAccounts};

impl<'f> SecondLook<'_, 'f> {
    /// Returns why an account is kept, by the account itself or by what is known about its owners.
    pub(super) fn kept(
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
        match by_account {
            Some(reason) => Some(Verdict::Kept(reason)),
            None => self.kept_for_owner(account, holder, seen, directories, reason),
        }
    }

    /// Returns why what is known about the owners does not suffice to take something from them.
    pub(super) fn kept_for_owner(
        &self,
        account: &'f Account,
        holder: &Holder<'f>,
        seen: &Evidence,
        directories: &Directories<'_>,
        reason: Reason,
    ) -> Option<Verdict> {
        let policy = self.table.policy;
        let signs = self.signs(account, holder, seen);
        if !signs.is_empty() {
            return Some(Verdict::MayBeMember(signs));
        }
        // If an external ID decides, it does not matter who has the name.
        let decides = |answer: &&Answer| {
            answer.asked != Question::Name || !self.is_decided_by_external_id(holder, seen)
        };
        let in_doubt = policy.federation == Federation::Verify
            && seen.keycloak.iter().filter(decides).any(|answer| directories.doubts(&answer.user));
        if in_doubt {
            Some(Verdict::Kept(KeptReason::FederationInDoubt))
        } else if self.contradicts(account, holder, seen) {
            Some(Verdict::Kept(KeptReason::InGroupAtSecondLook))
        } else if reason == Reason::NotInKeycloak
            && policy.unknown_accounts == UnknownAccounts::Keep
        {
            Some(Verdict::Kept(KeptReason::UnknownAccount))
        } else {
            None
        }
    }

    /// Returns the signs that an account may be a member's: links and memory that do not decide,
    /// and weak signs if nothing ties it to a user.
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
        for person in externals(seen).filter(|_| self.table.policy.matching == Matching::Localpart)
        {
            let member = self.user_if_member(person);
            signs.extend(member.map(|user| SignSeen { sign: Sign::Link, user: user.clone() }));
        }
        if !self.is_tied(account, seen) {
            let is_of_member = |seen: &&SignSeen| {
                self.identity.member(&seen.user.id).is_some_and(|it| self.table.may_use(it))
            };
            signs.extend(seen.signs.iter().filter(is_of_member).cloned());
        }
        signs.sort_by(|one, other| (one.sign, &one.user.id).cmp(&(other.sign, &other.user.id)));
        signs.dedup();
        let owners = self.members_found(account, holder, seen);
        signs.retain(|sign| !owners.contains(&&sign.user.id));
        signs
    }

    /// Returns the user if the list or the look shows a member who may use Matrix.
    fn user_if_member<'e>(&self, person: &'e KeycloakPerson) -> Option<&'e KeycloakUser> {
        let user = person.user()?;
        let listed = self.identity.member(&user.id);
        let is_member = listed.is_some_and(|member| self.table.may_use(member));
        (is_member || self.may_use_now(person)).then_some(user)
    }
}
