//! What `watch` keeps in mind between two runs.

use super::event_source::EventSource;
use super::new_accounts::NewAccounts;
use crate::readers::Reading;
use crate::watch::{Due, Window};

/// What was read and done so far.
#[derive(Default)]
pub(super) struct Known {
    /// The last complete reading, with everything read since. `None` after a failure.
    pub(super) reading: Option<Reading>,
    pub(super) events: EventSource,
    pub(super) new_accounts: NewAccounts,
    /// What the last hour has used of the limits.
    pub(super) window: Window,
}

impl Known {
    /// Forgets what was read, so that the next run is a full one.
    pub(super) fn forget_readings(&mut self) {
        (self.reading, self.events) = (None, EventSource::default());
        self.new_accounts = NewAccounts::default();
    }

    /// Returns which partial readings make sense now. All need a complete reading to compare with.
    pub(super) fn partial_readings(&self) -> Vec<Due> {
        if self.reading.is_none() {
            return Vec::new();
        }
        let mut partial = vec![Due::Accounts];
        if self.events.may_come() {
            partial.push(Due::Events);
        }
        if self.has_directory() {
            partial.push(Due::Members);
        }
        partial
    }

    /// Returns whether federated users may have changed without an event.
    pub(super) fn has_directory(&self) -> bool {
        let Some(Reading { facts, .. }) = &self.reading else { return false };
        let listed = || facts.members.iter().any(|member| member.federation_link.is_some());
        facts.providers.as_ref().is_some_and(|providers| !providers.is_empty()) || listed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_in_part_without_a_complete_reading_to_compare_with() {
        assert_eq!(Known::default().partial_readings(), []);
    }
}
