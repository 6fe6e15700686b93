//! Prints why a plan is refused: the numbers, and the key of the limit.

use std::fmt::{self, Write as _};

use indicatif::HumanCount;

use super::Refusal;
use crate::model::printable;
use crate::phrases::counted;
use crate::plan::{MappingDoubt, Pair};

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = |count: usize| HumanCount(count as u64);
        let accounts = |count| counted(count, "account", "accounts");
        let and_before = |before: usize| match before {
            0 => String::new(),
            _ => format!(" after {} within an hour", n(before)),
        };
        match self.clone() {
            Self::MinMembers { members: 0, min } => write!(
                f,
                "the group was read without an error and is empty, limits.min_members is {}: check it in Keycloak first",
                n(min)
            ),
            Self::MinMembers { members, min } => write!(
                f,
                "the group has {}, limits.min_members is {}: check it in Keycloak first",
                counted(members, "member", "members"),
                n(min)
            ),
            Self::MaxLook { people, max, prefix } => {
                write!(
                    f,
                    "{} accounts would have to be rechecked before they are changed, limits.max_look is {}: none was \
                     rechecked",
                    n(people),
                    n(max)
                )?;
                let Some(prefix) = prefix else { return Ok(()) };
                let pattern = format!("'/{}.*/'", regex::escape(&prefix));
                f.write_str(". ")?;
                write!(
                    f,
                    "Most of them begin with {}: if they belong to a bridge, add {} to policy.protect",
                    printable(&prefix),
                    printable(&pattern)
                )
            }
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
            Self::MappingInDoubt(doubt) => mapping_in_doubt(f, &doubt),
        }
    }
}

fn enabled_members(count: usize) -> String {
    counted(count, "enabled member", "enabled members")
}

/// Returns what is wrong with the mapping, without what to do about it.
pub(crate) fn doubt(doubt: &MappingDoubt) -> String {
    let (mut found, pairs) = match doubt {
        MappingDoubt::Names { template, pairs, .. } => (
            format!(
                "most members have no account, and most accounts to disable belong to no Keycloak user. Names by \
                 keycloak.localpart ({}) and accounts without a user:",
                printable(template)
            ),
            pairs,
        ),
        MappingDoubt::Subjects { pairs } => {
            ("none of the links in MAS leads to a user of the realm. Subjects and their accounts:".to_owned(), pairs)
        }
    };
    for Pair { member, account } in pairs {
        let _ = write!(found, "\n  {} - {}", printable(member), printable(account));
    }
    found
}

/// Returns what to do about it.
pub(crate) fn doubt_fix(doubt: &MappingDoubt) -> &'static str {
    match doubt {
        MappingDoubt::Names { .. } => "Set `keycloak.localpart` to the template in MAS's `claims_imports.localpart`.",
        MappingDoubt::Subjects { .. } => {
            "Check `keycloak.realm` and `accounts.provider`. If the subjects are no user IDs (`claims_imports.subject` in \
             MAS's configuration, or a pairwise mapper in Keycloak), set `accounts.match = \"localpart\"`."
        }
    }
}

fn mapping_in_doubt(f: &mut fmt::Formatter<'_>, doubt: &MappingDoubt) -> fmt::Result {
    let pairs = match doubt {
        MappingDoubt::Names { template, without_account, members, of_nobody, leaving, pairs } => {
            write!(
                f,
                "mapping_in_doubt: {} of {} have no account, and {} of the {} to disable belong to no Keycloak user. \
                 keycloak.localpart ({}) is probably not MAS's template: compare it with claims_imports.localpart in \
                 MAS's configuration. Names by this template and accounts without a user:",
                HumanCount(*without_account as u64),
                enabled_members(*members),
                HumanCount(*of_nobody as u64),
                counted(*leaving, "account", "accounts"),
                printable(template),
            )?;
            pairs
        }
        MappingDoubt::Subjects { pairs } => {
            f.write_str(
                "mapping_in_doubt: none of the links in MAS leads to a user of the realm. Check keycloak.realm and \
                 accounts.provider; if the subjects are no user IDs (claims_imports.subject in MAS's configuration, or a \
                 pairwise mapper in Keycloak), set accounts.match = \"localpart\". Subjects and their accounts:",
            )?;
            pairs
        }
    };
    for Pair { member, account } in pairs {
        write!(f, "\n      {member} - {account}")?;
    }
    Ok(())
}
