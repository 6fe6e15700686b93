//! Describes the keys of `[policy]`.

use super::Absent::Is;
use super::Expected::{Duration, OneOf, OrOff, Switch, Words};
use super::{key, keys};
use crate::model::Word as _;
use crate::plan::{DisableMode, LockSessions};
use crate::planner::{LockedMembers, Reactivate, UnknownAccounts};

keys![
    DISABLE = key(
        "policy.disable",
        OneOf(DisableMode::words),
        Is("\"deactivate\""),
        "How accounts are disabled. `\"deactivate\"` locks, deactivates and ends the sessions: \
         rooms and e-mail addresses are permanently lost. `\"lock\"` locks and ends the sessions, \
         and keeps rooms and e-mail addresses; `policy.lock_sessions` keeps the devices too. \
         Neither erases. Without `[writer.mas_api]`, `\"lock\"` needs Synapse 1.150 and MAS 1.14."
    ),
    DEACTIVATE_AFTER = key(
        "policy.deactivate_after",
        OrOff("a time such as \"30d\", at most ten years"),
        Is("\"off\""),
        "With `policy.disable = \"lock\"`: how long an account stays locked by this program before \
         it is deactivated, which cannot be taken back (needs `state_file`). It counts only if \
         every complete reading since then has shown the lock and the user out of the group, and \
         starts again if there was no complete reading for more than a day and a half and more \
         than twice the pause before. Accounts that others have locked stay as they are. \
         `limits.max_disable` holds for both stages together; those locked longest go first."
    ),
    LOCK_SESSIONS = key(
        "policy.lock_sessions",
        OneOf(LockSessions::words),
        Is("\"end\""),
        "What `policy.disable = \"lock\"` does with open sessions. `\"end\"` ends them at once, which \
         deletes their devices with the keys to encrypted messages. `\"keep\"` leaves devices and \
         keys on the server; open sessions are refused within two minutes."
    ),
    REACTIVATE = key(
        "policy.reactivate",
        OneOf(Reactivate::words),
        Is("\"any\""),
        "Which disabled members are activated: all, only those that this program disabled (needs \
         `state_file`), or none."
    ),
    UNKNOWN_ACCOUNTS = key(
        "policy.unknown_accounts",
        OneOf(UnknownAccounts::words),
        Is("\"disable\""),
        "What to do with accounts that Keycloak does not know at all."
    ),
    LOCKED_MEMBERS = key(
        "policy.locked_members",
        OneOf(LockedMembers::words),
        Is("\"keep\""),
        "What to do with a member's account that was locked by hand: locked, but not deactivated. \
         It matters with `policy.disable = \"deactivate\"`."
    ),
    PROTECT = key(
        "policy.protect",
        Words("a list of localparts and /regular expressions/"),
        Is("[]"),
        "Accounts that are never disabled: localparts, or `/regular expressions/` that match a \
         whole localpart. An entry that begins with `!` is an exception from the others. An entry \
         that matches no account is a warning."
    ),
    PROTECT_ADMINS = key(
        "policy.protect_admins",
        Switch,
        Is("true"),
        "Whether administrators of the homeserver are never disabled."
    ),
    GRACE = key(
        "policy.grace",
        Duration,
        Is("\"0s\""),
        "How long a user has to be out of the group, in every complete reading, before the \
         account is disabled (needs `state_file`). It starts again if there was no complete \
         reading for more than a day and a half and more than twice the pause before, or if the \
         account may have been a member's meanwhile (`may_be_member`, `ambiguous`)."
    ),
];
