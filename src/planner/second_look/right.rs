//! Decides with the second look who is to be an administrator. Here the members are the users of
//! `[admins]`.

use super::SecondLook;
use super::owners::{PossibleOwner, externals, reason_of};
use crate::model::{Account, Evidence};
use crate::plan::KeptReason;
use crate::planner::Verdict;
use crate::planner::directory::Directories;
use crate::planner::identity::Holder;

/// Whether the owner of an account is to be an administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::planner) enum Right {
    Wanted,
    NotWanted,
    /// The evidence contradicts itself, or does not say whose account it is.
    Unclear,
    /// The directory of an owner may be down.
    InDoubt,
}

impl<'f> SecondLook<'_, 'f> {
    /// Decides about the right of an account's owner.
    pub(in crate::planner) fn right(
        &self,
        account: &'f Account,
        holder: &Holder<'f>,
        seen: &Evidence,
        directories: &Directories<'_>,
    ) -> Right {
        let owners = self.candidates(account, holder, seen);
        let standings: Vec<_> = owners.iter().map(|owner| self.standing(*owner)).collect();
        let wanted = standings.iter().filter(|it| **it == PossibleOwner::Member).count();
        if wanted == 0 {
            let reason = reason_of(&standings, holder);
            let kept = self.kept_for_owner(account, holder, seen, directories, reason);
            return match kept {
                None => Right::NotWanted,
                Some(Verdict::Kept(KeptReason::FederationInDoubt)) => Right::InDoubt,
                Some(_) => Right::Unclear,
            };
        }
        let is_anothers = owners.iter().any(|owner| {
            self.identity.is_tied_to_another(account, owner.id)
                || self.identity.is_tied_elsewhere(owner.id, account)
        });
        let is_by_name = matches!(holder, Holder::Named(_));
        // With `match = "localpart"` an external ID decides nothing, but speaks against a name.
        let names_another = externals(seen).any(|person| {
            let id = person.user().map(|user| &user.id);
            owners.iter().all(|owner| Some(owner.id) != id)
        });
        // A user who was disabled after the list counts as a member still, and gets no right.
        let is_clear = wanted == owners.len()
            && owners.iter().all(|owner| self.may_use_now(owner.person))
            && !is_anothers
            && !(is_by_name && (names_another || self.shares_name(account, seen)));
        if is_clear { Right::Wanted } else { Right::Unclear }
    }
}
