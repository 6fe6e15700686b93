//! Describes the keys of `[limits]`.

use super::Absent::Is;
use super::Expected::Count;
use super::{key, keys};

keys![
    MAX_DISABLE = key(
        "limits.max_disable",
        Count { least: 0, most: usize::MAX },
        Is("25"),
        "Most accounts that one run may disable. Second stages (`policy.deactivate_after`) count, \
         but wait for the next run instead of refusing this one."
    ),
    MAX_DISABLE_PERCENT = key(
        "limits.max_disable_percent",
        Count { least: 0, most: 100 },
        Is("10"),
        "Largest share of the active, managed accounts that one run may disable, rounded down, \
         but at least one account."
    ),
    MAX_ACTIVATE = key(
        "limits.max_activate",
        Count { least: 0, most: usize::MAX },
        Is("100"),
        "Most accounts that one run may activate."
    ),
    MAX_CREATE = key(
        "limits.max_create",
        Count { least: 0, most: usize::MAX },
        Is("25"),
        "Most accounts that one run may create (`accounts.provision`)."
    ),
    MAX_ADMIN_CHANGES = key(
        "limits.max_admin_changes",
        Count { least: 0, most: usize::MAX },
        Is("3"),
        "Most accounts that one run may make administrators, or take the right from (`[admins]`)."
    ),
    MIN_MEMBERS = key(
        "limits.min_members",
        Count { least: 0, most: usize::MAX },
        Is("1"),
        "Fewest members that the group must have; with fewer, nothing is done."
    ),
    MAX_LOOK = key(
        "limits.max_look",
        Count { least: 0, most: usize::MAX },
        Is("5000"),
        "Most accounts to recheck one by one before they are changed; with more, none is \
         rechecked and nothing is done. Accounts of bridges do not count: Synapse is asked about \
         them first, and the state file remembers them for 30 days."
    ),
    MAX_CONSECUTIVE_FAILURES = key(
        "limits.max_consecutive_failures",
        Count { least: 1, most: usize::MAX },
        Is("5"),
        "After this many failures of the writer in a row (no connection, no permission, no \
         database) the run stops trying. Each kind of action is counted separately, and \
         actions that are not answered together; failures of single accounts do not count."
    ),
];
