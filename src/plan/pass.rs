//! Defines the permission that a writer needs.

use std::ops::Deref;

use super::Action;

/// An action that may be done: both sides were asked about its account, and nothing holds it back.
/// Writers take nothing else, and only [`Action::pass`] creates one.
#[derive(Debug, Clone, Copy)]
pub struct Pass<'p>(&'p Action);

impl Action {
    /// Returns the pass of an action, if the second look has evidence about this very account and
    /// there is no reason to skip it.
    #[must_use]
    pub fn pass(&self) -> Option<Pass<'_>> {
        let is_seen =
            self.evidence.as_ref().is_some_and(|seen| seen.account.user_id == self.user_id);
        (is_seen && self.skipped.is_none()).then_some(Pass(self))
    }
}

impl Deref for Pass<'_> {
    type Target = Action;

    fn deref(&self) -> &Action {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{AccountDetail, AccountState, Evidence, UserId};
    use crate::plan::{Action, ActionKind, Reason, Skip};

    fn user_id(text: &str) -> UserId {
        UserId::try_from(Box::from(text)).expect("well formed")
    }

    fn action(seen: Option<&str>, skipped: Option<Skip>) -> Action {
        let evidence = |seen| Evidence::new(AccountDetail::new(user_id(seen)));
        Action {
            kind: ActionKind::Disable,
            user_id: user_id("@dave:example.org"),
            mas_id: None,
            reason: Reason::NotInGroup,
            since: None,
            new: None,
            before: AccountState::default(),
            evidence: seen.map(evidence),
            approval: None,
            mark: None,
            skipped,
        }
    }

    #[test]
    fn only_actions_whose_account_was_rechecked_pass() {
        let passes = |seen, skipped| action(seen, skipped).pass().is_some();
        assert!(passes(Some("@dave:example.org"), None));
        assert!(!passes(None, None));
        assert!(!passes(Some("@erin:example.org"), None));
        assert!(!passes(Some("@dave:example.org"), Some(Skip::NeedsApproval)));
    }
}
