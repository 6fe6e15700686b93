//! What becomes of one account: every account ends as exactly one of these.

use crate::model::Moment;
use crate::plan::{KeptReason, Reason};

/// The end of the rule for one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// In the group and active.
    MemberActive,
    /// Out of the group and disabled.
    OutsideDisabled,
    /// Out of the group and locked by hand: cannot get in, and deactivating would cost their rooms.
    OutsideLocked,
    /// In the group and disabled.
    Activate(Reason),
    /// Out of the group and active.
    Disable(Reason),
    /// Left alone although the rule would act.
    Kept(KeptReason),
    /// Out of the group, and has until then to come back.
    InGrace(Moment),
    /// Would be disabled, but the second look failed.
    Skipped(Reason, String),
}

impl Verdict {
    /// Active and managed: what the share of disables is counted of.
    #[must_use]
    pub fn counts_as_active(&self) -> bool {
        matches!(self, Self::MemberActive | Self::Disable(_) | Self::Skipped(..))
    }
}
