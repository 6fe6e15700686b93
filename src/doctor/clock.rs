//! Whether a server and this machine agree on the time: tokens and certificates depend on it.

use std::time::{Duration, SystemTime};

use super::Checks;
use crate::http::Clock;

/// A token lives for a minute at the least; half of it is a reason to look.
const NOTICEABLE: Duration = Duration::from_secs(30);
/// Beyond this, fresh tokens count as expired.
const TOO_MUCH: Duration = Duration::from_mins(5);

pub(super) fn judge(checks: &mut Checks, clock: Clock) {
    let Clock { theirs: Some(theirs), ours } = clock else { return };
    let (skew, side) = apart(theirs, ours);
    let told = format!("its clock is {} {side} ours", humantime::format_duration(Duration::from_secs(skew.as_secs())));
    let fix = "set both clocks by NTP; tokens and certificates depend on the time";
    if skew >= TOO_MUCH {
        checks.problem("clock", told, fix);
    } else if skew >= NOTICEABLE {
        checks.warning("clock", told, fix);
    } else {
        checks.ok("clock", "its clock and ours agree");
    }
}

fn apart(theirs: SystemTime, ours: SystemTime) -> (Duration, &'static str) {
    match theirs.duration_since(ours) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Area, Status};
    use super::*;

    fn judged(theirs: i64) -> (Status, String) {
        let ours = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        let by = Duration::from_secs(theirs.unsigned_abs());
        let theirs = if theirs < 0 { ours - by } else { ours + by };
        let mut checks = Checks::new(Area::Keycloak);
        judge(&mut checks, Clock { theirs: Some(theirs), ours });
        let check = checks.checks.remove(0);
        (check.status, check.found)
    }

    #[test]
    fn a_clock_that_is_wrong_by_minutes_is_a_problem_and_by_less_a_warning() {
        assert_eq!(judged(2), (Status::Ok, "its clock and ours agree".to_owned()));
        assert_eq!(judged(-29).0, Status::Ok);
        assert_eq!(judged(45), (Status::Warning, "its clock is 45s ahead of ours".to_owned()));
        assert_eq!(judged(-600), (Status::Problem, "its clock is 10m behind ours".to_owned()));
    }
}
