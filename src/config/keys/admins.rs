//! Describes the keys of `[admins]`.

use super::Absent::{Is, Nothing};
use super::Expected::{Count, Switch, Words};
use super::{key, keys};

keys![
    GROUPS = key(
        "admins.groups",
        Words("a list of group names, /paths or IDs"),
        Nothing,
        "The groups whose enabled members are administrators in MAS. Without these and \
         `admins.roles` the program changes no administrator."
    ),
    ROLES = key(
        "admins.roles",
        Words("a list of roles, each a name or client:role"),
        Nothing,
        "The roles whose holders are administrators in MAS, directly, by a group or by a composite."
    ),
    REVOKE = key(
        "admins.revoke",
        Switch,
        Is("true"),
        "Whether administrators in MAS who are in none of the groups and have none of the roles \
         lose the right. The owners of tokens in use and the accounts in `policy.protect` keep it."
    ),
    MIN_ADMINS = key(
        "admins.min_admins",
        Count { least: 0, most: usize::MAX },
        Is("1"),
        "The number of administrators with an active account that have to be left. Those who would \
         leave fewer keep the right (`last_admin`)."
    ),
];
