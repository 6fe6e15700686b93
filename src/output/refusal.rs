//! A limit that a plan is over, as a person reads it: the numbers, and where the limit is set.

use std::fmt;

use indicatif::HumanCount;

use super::counted;
use crate::planner::Refusal;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = |count: usize| HumanCount(count as u64);
        let accounts = |count| counted(count, "account", "accounts");
        let and_before = |before: usize| match before {
            0 => String::new(),
            _ => format!(" after {} within an hour", n(before)),
        };
        match *self {
            Self::MinMembers { members: 0, min } => write!(
                f,
                "the group was read without an error and is empty, limits.min_members is {}: look at it in Keycloak first",
                n(min)
            ),
            Self::MinMembers { members, min } => write!(
                f,
                "the group has {}, limits.min_members is {}: look at it in Keycloak first",
                counted(members, "member", "members"),
                n(min)
            ),
            Self::MaxLook { people, max } => write!(
                f,
                "{} people would have to be looked at before they are disabled, limits.max_look is {}: nobody was looked at",
                n(people),
                n(max)
            ),
            Self::MaxDisable { planned, before, max } => write!(
                f,
                "{} would be disabled{}, limits.max_disable is {}",
                accounts(planned),
                and_before(before),
                n(max)
            ),
            Self::MaxDisablePercent { planned, before, active, percent, max } => write!(
                f,
                "{} of {} active accounts would be disabled{}, limits.max_disable_percent is {percent}, which allows {}",
                n(planned),
                n(active),
                and_before(before),
                n(max)
            ),
            Self::MaxActivate { planned, before, max } => write!(
                f,
                "{} would be activated{}, limits.max_activate is {}",
                accounts(planned),
                and_before(before),
                n(max)
            ),
        }
    }
}
