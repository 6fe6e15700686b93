//! Defines why a plan is refused, and prints it: the numbers, and the key of the limit.

use std::fmt::{self, Write as _};

use indicatif::HumanCount;
use strum::{EnumDiscriminants, IntoStaticStr, VariantArray};

use super::{ApprovedDigest, Digest, MappingDoubt, Pair};
use crate::model::{Word as _, printable, serde_with_words};
use crate::phrases::counted;

impl RefusalKind {
    /// Returns why, without numbers and names.
    #[must_use]
    pub fn cause(self) -> String {
        match self {
            Self::MappingInDoubt => {
                "most members have no account, and most accounts to disable have no user".to_owned()
            }
            Self::OtherDigest => "the approval is for another plan".to_owned(),
            limit => format!("limits.{}", limit.word()),
        }
    }
}

/// Why a plan may not be carried out: a limit that it exceeds, or a doubt about the whole plan.
#[derive(Debug, Clone, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(RefusalKind),
    derive(IntoStaticStr, VariantArray),
    strum(serialize_all = "snake_case")
)]
#[strum_discriminants(doc = "Why a plan may not be carried out, in one word.")]
pub enum Refusal {
    /// Fewer members than `limits.min_members`.
    MinMembers { members: usize, min: usize },
    /// More accounts to recheck than `limits.max_look`.
    MaxLook {
        /// Accounts to recheck.
        people: usize,
        max: usize,
        /// The prefix of at least half of them, if there is one.
        prefix: Option<String>,
    },
    /// More disables than `limits.max_disable`.
    MaxDisable {
        planned: usize,
        /// Disables done already that count.
        before: usize,
        max: usize,
    },
    /// A larger share of disables than `limits.max_disable_percent`.
    MaxDisablePercent {
        planned: usize,
        /// Disables done already that count.
        before: usize,
        /// Active, managed accounts, including those disabled before.
        active: usize,
        percent: usize,
        /// The limit in accounts.
        max: usize,
    },
    /// More activations than `limits.max_activate`.
    MaxActivate {
        planned: usize,
        /// Activations done already that count.
        before: usize,
        max: usize,
    },
    /// More new accounts than `limits.max_create`.
    MaxCreate {
        planned: usize,
        /// Accounts created already that count.
        before: usize,
        max: usize,
    },
    /// More changes of administrators than `limits.max_admin_changes`.
    MaxAdminChanges {
        planned: usize,
        /// Changes done already that count.
        before: usize,
        max: usize,
    },
    /// Members and accounts do not match as a whole.
    MappingInDoubt(MappingDoubt),
    /// The approval is for another plan.
    OtherDigest { approved: ApprovedDigest, digest: Digest },
}

serde_with_words!(RefusalKind);

impl Refusal {
    /// Returns the reason in one word.
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        self.into()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MinMembers { members, min } => min_members(f, *members, *min),
            Self::MaxLook { people, max, prefix } => max_look(f, *people, *max, prefix.as_deref()),
            Self::MaxDisable { planned, before, max } => write!(
                f,
                "{} would be disabled{}, limits.max_disable is {}",
                accounts(*planned),
                and_before(*before),
                number(*max)
            ),
            Self::MaxDisablePercent { planned, before, active, percent, max } => write!(
                f,
                "{} of {} active accounts would be disabled{}, limits.max_disable_percent is {percent}, which allows {}",
                number(*planned),
                number(*active),
                and_before(*before),
                number(*max)
            ),
            Self::MaxActivate { planned, before, max } => write!(
                f,
                "{} would be activated{}, limits.max_activate is {}",
                accounts(*planned),
                and_before(*before),
                number(*max)
            ),
            Self::MaxCreate { planned, before, max } => write!(
                f,
                "{} would be created{}, limits.max_create is {}",
                accounts(*planned),
                and_before(*before),
                number(*max)
            ),
            Self::MaxAdminChanges { planned, before, max } => write!(
                f,
                "administrators would change: {}{}, limits.max_admin_changes is {}",
                number(*planned),
                and_before(*before),
                number(*max)
            ),
            Self::MappingInDoubt(doubt) => mapping_in_doubt(f, doubt),
            Self::OtherDigest { approved, digest } => {
                write!(
                    f,
                    "--approve names {approved}, and this plan is sha256:{}",
                    digest.approving()
                )
            }
        }
    }
}

fn number(count: usize) -> HumanCount {
    HumanCount(count as u64)
}

fn accounts(count: usize) -> String {
    counted(count, "account", "accounts")
}

fn enabled_members(count: usize) -> String {
    counted(count, "enabled member", "enabled members")
}

/// Returns what was done before and counts, too.
fn and_before(before: usize) -> String {
    match before {
        0 => String::new(),
        _ => format!(" after {} within an hour", number(before)),
    }
}

fn min_members(f: &mut fmt::Formatter<'_>, members: usize, min: usize) -> fmt::Result {
    match members {
        0 => write!(
            f,
            "the group was read without an error and is empty, limits.min_members is {}: check it in Keycloak first",
            number(min)
        ),
        _ => write!(
            f,
            "the group has {}, limits.min_members is {}: check it in Keycloak first",
            counted(members, "member", "members"),
            number(min)
        ),
    }
}

fn max_look(
    f: &mut fmt::Formatter<'_>,
    people: usize,
    max: usize,
    prefix: Option<&str>,
) -> fmt::Result {
    write!(
        f,
        "{} accounts would have to be rechecked before they are changed, limits.max_look is {}: none was rechecked",
        number(people),
        number(max)
    )?;
    let Some(prefix) = prefix else { return Ok(()) };
    let pattern = format!("'/{}.*/'", regex::escape(prefix));
    f.write_str(". ")?;
    write!(
        f,
        "Most of them begin with {}: if they belong to a bridge, add {} to policy.protect",
        printable(prefix),
        printable(&pattern)
    )
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
        MappingDoubt::Subjects { pairs } => (
            "none of the links in MAS leads to a user of the realm. Subjects and their accounts:"
                .to_owned(),
            pairs,
        ),
    };
    for Pair { member, account } in pairs {
        let _ = write!(found, "\n  {} - {}", printable(member), printable(account));
    }
    found
}

/// Returns what to do about it.
pub(crate) fn doubt_fix(doubt: &MappingDoubt) -> &'static str {
    match doubt {
        MappingDoubt::Names { .. } => {
            "Set `keycloak.localpart` to the template in MAS's `claims_imports.localpart`."
        }
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
                number(*without_account),
                enabled_members(*members),
                number(*of_nobody),
                accounts(*leaving),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_one_word() {
        assert_eq!(
            RefusalKind::VARIANTS.iter().map(|kind| kind.word()).collect::<Vec<_>>(),
            [
                "min_members",
                "max_look",
                "max_disable",
                "max_disable_percent",
                "max_activate",
                "max_create",
                "max_admin_changes",
                "mapping_in_doubt",
                "other_digest"
            ]
        );
    }
}
