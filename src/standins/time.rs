//! Writes dates like the servers, from the system's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY_MS: u64 = 86_400_000;

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Returns the milliseconds since 1970, as in Keycloak and Synapse.
pub(crate) fn now_ms() -> u64 {
    now_micros() / 1000
}

/// Returns the microseconds since 1970.
pub(crate) fn now_micros() -> u64 {
    u64::try_from(since_epoch().as_micros()).unwrap_or(u64::MAX)
}

/// Returns the current time as RFC 3339 in UTC with microseconds, like MAS.
pub(crate) fn now_rfc3339() -> String {
    rfc3339(now_micros())
}

/// Returns microseconds since 1970 as RFC 3339 in UTC.
pub(crate) fn rfc3339(micros: u64) -> String {
    let seconds = micros / 1_000_000;
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60,
        micros % 1_000_000
    )
}

/// Parses a day such as `2026-11-23`, and returns its midnight UTC in milliseconds.
pub(crate) fn day_start_ms(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    (1970..=9999).contains(&year).then_some(())?;
    (0..)
        .map(|ahead| days_before(year) + ahead)
        .take(366)
        .find(|days| civil(*days) == (year, month, day))
        .map(|days| days * DAY_MS)
}

fn days_before(year: u64) -> u64 {
    let full = year - 1;
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    (year - 1970) * 365 + leaps(full) - leaps(1969)
}

fn civil(mut days: u64) -> (u64, u64, u64) {
    let mut year = 1970 + days / 366;
    while days_before(year + 1) <= days {
        year += 1;
    }
    days -= days_before(year);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    for (month, length) in (1..).zip(lengths) {
        if days < length {
            return (year, month, days + 1);
        }
        days -= length;
    }
    (year, 12, 31)
}

#[cfg(test)]
mod tests {
    use super::{day_start_ms, rfc3339};

    #[test]
    fn days_and_timestamps_agree_with_the_calendar() {
        assert_eq!(rfc3339(1_795_429_749_538_123), "2026-11-23T10:29:09.538123Z");
        assert_eq!(day_start_ms("2026-11-23"), Some(1_795_392_000_000));
        assert_eq!(day_start_ms("2024-02-29"), Some(1_709_164_800_000));
        assert_eq!(day_start_ms("2023-02-29"), None);
        assert_eq!(day_start_ms("yesterday"), None);
    }
}
