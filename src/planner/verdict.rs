//! What becomes of one account: every account ends as exactly one of these.

use crate::model::{Moment, SignSeen};
use crate::plan::{Approval, KeptReason, Reason};

/// The end of the rule for one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// In the group and active.
    MemberActive,
    /// Out of the group and disabled.
    OutsideDisabled,
    /// Out of the group and locked by hand: cannot log in, and deactivating would cost the rooms.
    OutsideLocked,
    /// In the group and disabled.
    Activate(Reason),
    /// The list says in the group and disabled, but the second look does not confirm it.
    ActivationNotConfirmed,
    /// Out of the group and active.
    Disable(Reason),
    /// Belongs to no Keycloak user and is active, but an administrator has to approve.
    NeedsApproval(Reason, Approval),
    /// Kept although the rule would act.
    Kept(KeptReason),
    /// Kept, because these signs point to a member; never empty.
    MayBeMember(Vec<SignSeen>),
    /// Out of the group, and has until then to come back.
    InGrace(Moment),
    /// Would be disabled, but the second look failed.
    DisableSkipped(Reason, String),
    /// Would be activated, but the second look failed.
    ActivateSkipped(Reason, String),
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

    /// Returns whether the account is active and managed, so that the share of disables is counted of it.
    #[must_use]
    pub fn counts_as_active(&self) -> bool {
        matches!(self, Self::MemberActive | Self::Disable(_) | Self::NeedsApproval(..) | Self::DisableSkipped(..))
    }
}
