//! Defines the decision about one account: every account has exactly one.

use crate::model::{SignSeen, Timestamp};
use crate::plan::{Approval, KeptReason, NotRechecked, Reason};

/// The decision about one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// In the group and active.
    MemberActive,
    /// Out of the group and disabled.
    OutsideDisabled,
    /// Out of the group and locked by hand: cannot log in, and a deactivation would lose the rooms.
    OutsideLocked,
    /// In the group and disabled.
    Activate(Reason),
    /// In the group by the list and disabled, but the second look does not confirm it.
    ActivationNotConfirmed,
    /// Out of the group and active.
    Disable(Reason),
    /// Out of the group and locked by this program for long enough, since then.
    Deactivate(Timestamp),
    /// In the group and active, and `undo` would disable it if there is a yes.
    DisableMember,
    /// Active and without a Keycloak user, but needs an approval to be disabled.
    NeedsApproval(Reason, Approval),
    /// Kept although the rule would act.
    Kept(KeptReason),
    /// Kept, because these signs point to a member; never empty.
    MayBeMember(Vec<SignSeen>),
    /// Out of the group, but in its grace period until then.
    InGrace(Timestamp),
    /// Would be disabled, but the second look failed.
    DisableSkipped(Reason, NotRechecked),
    /// Would be activated, but the second look failed.
    ActivateSkipped(Reason, NotRechecked),
    /// Would be deactivated, but the second look failed.
    DeactivateSkipped(Timestamp, NotRechecked),
}

impl Verdict {
    /// Returns why an administrator has to approve the change, if one has to.
    #[must_use]
    pub fn approval(&self) -> Option<Approval> {
        match self {
            Self::NeedsApproval(_, approval) => Some(*approval),
            _ => None,
        }
    }

    /// Returns whether the account is active and managed, and so part of the base of the share of
    /// disables.
    #[must_use]
    pub fn counts_as_active(&self) -> bool {
        matches!(
            self,
            Self::MemberActive
                | Self::Disable(_)
                | Self::DisableMember
                | Self::NeedsApproval(..)
                | Self::DisableSkipped(..)
        )
    }
}
