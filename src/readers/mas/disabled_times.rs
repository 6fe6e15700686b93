//! Keeps since when users of MAS have been locked or deactivated, for a report.

use crate::mas_api::{Resource, UserAttributes};
use crate::model::{MasUserId, Timestamp};
use crate::readers::Detail;

/// Since when users have been deactivated, or else locked.
#[derive(Debug, Default)]
pub struct DisabledTimes(Vec<(MasUserId, Timestamp)>);

impl DisabledTimes {
    /// Notes the time of a user, if a report needs it.
    pub(super) fn note(&mut self, user: &Resource<UserAttributes>, detail: Detail) {
        if detail == Detail::Report
            && let Some(at) = user.attributes.in_this_state_since()
        {
            self.0.push((user.user_id(), at));
        }
    }

    /// Returns the times in an order in which they are found.
    pub(super) fn sorted(mut self) -> Self {
        self.0.sort_unstable();
        self
    }

    /// Returns since when the user of an ID has been disabled.
    #[must_use]
    pub fn get(&self, id: &MasUserId) -> Option<Timestamp> {
        let at = self.0.binary_search_by(|(other, _)| other.cmp(id)).ok()?;
        Some(self.0[at].1)
    }
}
