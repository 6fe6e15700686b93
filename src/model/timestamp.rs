//! Defines a point in time, as it is stored and printed.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970, in UTC; printed as RFC 3339 to the second.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    /// Returns the current time.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// As it is kept.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// As it is kept.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns the time after a duration.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Returns the time before a duration.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Returns the time until `later`, or zero if that has passed.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

/// The part of a second that a `Date` header leaves out.
const JUST_A_SECOND: Duration = Duration::from_millis(999);

/// The time on the clocks of servers, when they answered. A clock of this host that jumps is not
/// enough to end a long wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerClocks(Option<(Timestamp, Timestamp)>);

impl ServerClocks {
    /// Adds the time on the clock of a server, which servers show in whole seconds (`Date`).
    #[must_use]
    pub fn and(self, time: Option<Timestamp>) -> Self {
        let Some(time) = time else { return self };
        let at_the_latest = time.after(JUST_A_SECOND);
        let (earliest, latest) = self.0.unwrap_or((at_the_latest, time));
        Self(Some((earliest.min(at_the_latest), latest.max(time))))
    }

    /// Returns the earliest time on any clock; `now` is this host's.
    #[must_use]
    pub fn earliest(self, now: Timestamp) -> Timestamp {
        self.0.map_or(now, |(earliest, _)| earliest.min(now))
    }

    /// Returns the latest time on any clock; `now` is this host's.
    #[must_use]
    pub fn latest(self, now: Timestamp) -> Timestamp {
        self.0.map_or(now, |(_, latest)| latest.max(now))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Years beyond 9999 have no RFC 3339.
        let millis = u64::try_from(self.0).unwrap_or(0).min(253_402_300_799_000);
        write!(
            f,
            "{}",
            humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(millis))
        )
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}

impl TryFrom<String> for Timestamp {
    type Error = humantime::TimestampError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(humantime::parse_rfc3339(&text)?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_printed_as_rfc_3339() {
        let time = Timestamp::from_millis(1_795_000_000_999);
        assert_eq!(time.to_string(), "2026-11-18T11:06:40Z");
        assert_eq!(
            Timestamp::try_from(time.to_string()).ok(),
            Some(Timestamp::from_millis(1_795_000_000_000))
        );
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn what_is_over_takes_no_time() {
        let (early, late) = (Timestamp::from_millis(1000), Timestamp::from_millis(3500));
        assert_eq!(
            (early.until(late), late.until(early)),
            (Duration::from_millis(2500), Duration::ZERO)
        );
    }
}
