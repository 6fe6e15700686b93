//! Checks that the clocks agree. If they differ, tokens may expire before they are valid, and logs
//! cannot be compared.

use std::time::{Duration, SystemTime};

use super::check::Section;
use crate::http::Probe;

/// More than a slow answer and the whole seconds of a `Date` header explain.
const NOTABLE: Duration = Duration::from_secs(30);
/// Tokens of Keycloak and MAS, which live five minutes, are then expired or not valid yet.
const TOO_MUCH: Duration = Duration::from_mins(5);

/// How far two clocks are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skew {
    None,
    Notable(Duration),
    TooMuch(Duration),
}

fn judge(theirs: SystemTime, ours: SystemTime) -> Skew {
    let apart = theirs.duration_since(ours).unwrap_or_else(|behind| behind.duration());
    if apart > TOO_MUCH {
        Skew::TooMuch(apart)
    } else if apart > NOTABLE {
        Skew::Notable(apart)
    } else {
        Skew::None
    }
}

/// Compares the server's clock with ours.
pub(super) fn check(section: &mut Section, name: &'static str, server: &str, probe: Probe) {
    let Some(theirs) = probe.date else {
        section.skip(&[name], &format!("{server} does not send the time"));
        return;
    };
    let direction = if theirs > probe.received { "ahead of" } else { "behind" };
    let found = |apart: Duration| {
        let apart = humantime::format_duration(Duration::from_secs(apart.as_secs()));
        format!("the clock of {server} is {apart} {direction} that of this machine")
    };
    let fix = "Synchronise both clocks by NTP: `timedatectl` shows whether a machine does.";
    match judge(theirs, probe.received) {
        Skew::None => {
            section
                .ok(name, format!("the same as on this machine, within {} s", NOTABLE.as_secs()));
        }
        Skew::Notable(apart) => section.warn(name, found(apart), fix),
        Skew::TooMuch(apart) => section.problem(name, found(apart), fix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::{Area, Status};

    #[test]
    fn a_clock_may_be_a_little_off_in_both_directions_and_not_more() {
        let ours = SystemTime::UNIX_EPOCH + Duration::from_hours(400_000);
        for (seconds, status) in [
            (0, Status::Ok),
            (30, Status::Ok),
            (31, Status::Warning),
            (300, Status::Warning),
            (301, Status::Problem),
            (86_400, Status::Problem),
        ] {
            let apart = Duration::from_secs(seconds);
            for theirs in [ours + apart, ours - apart] {
                let mut section = Section::new(Area::Keycloak, "");
                check(
                    &mut section,
                    "clock",
                    "Keycloak",
                    Probe { date: Some(theirs), received: ours },
                );
                assert_eq!(section.checks[0].status, status, "{seconds}");
            }
        }
    }

    #[test]
    fn the_direction_is_reported() {
        let ours = SystemTime::UNIX_EPOCH + Duration::from_hours(400_000);
        let mut section = Section::new(Area::Synapse, "");
        check(
            &mut section,
            "clock",
            "Synapse",
            Probe { date: Some(ours - Duration::from_secs(3725)), received: ours },
        );
        assert_eq!(
            section.checks[0].found,
            "the clock of Synapse is 1h 2m 5s behind that of this machine"
        );
    }

    #[test]
    fn no_clock_is_no_problem() {
        let mut section = Section::new(Area::Synapse, "");
        check(
            &mut section,
            "clock",
            "Synapse",
            Probe { date: None, received: SystemTime::UNIX_EPOCH },
        );
        assert_eq!(section.checks[0].status, Status::Skipped);
    }
}
