//! Defines the choices of the configuration that the plan depends on.

use std::time::Duration;

use regex::Regex;
use strum::{IntoStaticStr, VariantArray};

use crate::model::{AccountState, Localpart};
use crate::plan::{DisableMode, LockSessions, WriterKind};

/// What the administrator decided.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub writer: WriterKind,
    pub disable: DisableMode,
    /// How long an account stays locked by this program before it is deactivated.
    pub deactivate_after: Option<Duration>,
    /// Most second stages of one run (`limits.max_disable`): the others wait, and need no look.
    pub most_stages: Option<usize>,
    /// Most accounts to recheck: second stages leave room for the other changes.
    pub most_rechecks: Option<usize>,
    /// What a lock does with open sessions.
    pub lock_sessions: LockSessions,
    /// Which disabled members are activated.
    pub reactivate: Reactivate,
    /// How long a user has to be out of the group before the account is disabled.
    pub grace: Duration,
    /// What ties members and accounts.
    pub matching: Matching,
    /// Who is an administrator in MAS, if that is decided here.
    pub admins: Option<AdminRules>,
    /// Who gets an account before the first login.
    pub provision: Provision,
    /// `keycloak.localpart`, for messages.
    pub template: String,
    /// The command that runs mas-cli, for hints.
    pub mas_cli: String,
    /// How a member counts who is disabled in Keycloak.
    pub disabled_members: DisabledMembers,
    /// What to do with members' accounts that were locked by hand.
    pub locked_members: LockedMembers,
    /// What to do with accounts that Keycloak does not know at all.
    pub unknown_accounts: UnknownAccounts,
    /// Whether a directory behind Keycloak has to prove that it is up.
    pub federation: Federation,
    /// The accounts that are never disabled.
    pub protect: Protection,
    /// Whether administrators of the homeserver are never disabled.
    pub protect_admins: bool,
}

impl Policy {
    /// Returns the policy for `[admins]`, whose users count only while they are enabled.
    #[must_use]
    pub fn of_admins(&self) -> Self {
        Self { disabled_members: DisabledMembers::Disable, ..self.clone() }
    }

    /// Returns whether this state counts as disabled with `policy.disable`.
    pub(super) fn counts_as_disabled(&self, state: AccountState) -> bool {
        state.deactivated || (self.disable == DisableMode::Lock && state.locked)
    }
}

/// `[admins]`, without who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminRules {
    pub revoke: Revoke,
    /// Fewest administrators with an active account.
    pub min_admins: usize,
}

/// Whether administrators in none of `[admins]` lose the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoke {
    Yes,
    No,
}

/// `accounts.provision`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Provision {
    /// Accounts are created at the first login.
    #[default]
    None,
    /// Members get accounts before their first login.
    Members,
}

/// `policy.reactivate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Reactivate {
    /// Every member.
    #[default]
    Any,
    /// Members that this program disabled.
    Own,
    /// No member.
    None,
}

/// `accounts.match`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Matching {
    /// By links, by the state file's memory, and by name for accounts that neither ties.
    #[default]
    Auto,
    /// By the member's name by the template only.
    Localpart,
    /// By MAS's links, which survive a rename; by name for accounts without a link.
    UpstreamLink,
}

/// `keycloak.disabled_members`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum DisabledMembers {
    /// They count as out of the group.
    #[default]
    Disable,
    /// They count as members.
    Keep,
}

/// `policy.locked_members`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum LockedMembers {
    /// They stay locked: someone locked them for a reason.
    #[default]
    Keep,
    /// They are unlocked.
    Activate,
}

/// `policy.unknown_accounts`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum UnknownAccounts {
    /// They are disabled like every account outside the group.
    #[default]
    Disable,
    /// They are kept.
    Keep,
}

/// `keycloak.federation`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Federation {
    /// Federated users are disabled only if their directory proves that it is up.
    #[default]
    Verify,
    /// Keycloak is trusted as it is.
    Trust,
}

/// `policy.protect`: accounts that are never disabled.
#[derive(Debug, Clone, Default)]
pub struct Protection {
    entries: Vec<ProtectEntry>,
}

#[derive(Debug, Clone)]
struct ProtectEntry {
    text: String,
    matcher: Matcher,
    takes_out: bool,
}

#[derive(Debug, Clone)]
enum Matcher {
    Name(String),
    Pattern(Regex),
}

impl Matcher {
    fn matches(&self, key: &str) -> bool {
        match self {
            Self::Name(name) => name == key,
            Self::Pattern(pattern) => pattern.is_match(key),
        }
    }
}

impl Protection {
    /// Creates it from localparts and `/regular expressions/`, which have to match a whole
    /// localpart. A `!` in front makes an exception from the others.
    pub fn new(entries: &[String]) -> Result<Self, Vec<WrongEntry>> {
        let (mut good, mut wrong) = (Vec::new(), Vec::new());
        for (entry, text) in entries.iter().enumerate() {
            match ProtectEntry::new(text) {
                Ok(one) => good.push(one),
                Err(error) => wrong.push(WrongEntry { entry, error }),
            }
        }
        if wrong.is_empty() { Ok(Self { entries: good }) } else { Err(wrong) }
    }

    /// Returns whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns whether this localpart is protected.
    #[must_use]
    pub fn covers(&self, localpart: &Localpart) -> bool {
        let key = localpart.key();
        let hit = |takes_out| {
            self.entries
                .iter()
                .any(|entry| entry.takes_out == takes_out && entry.matcher.matches(&key))
        };
        hit(false) && !hit(true)
    }

    /// Returns the expression that protects all of these localparts, if one does.
    #[must_use]
    pub fn entry_for_all(&self, localparts: &[&Localpart]) -> Option<&str> {
        if localparts.is_empty() || !localparts.iter().all(|localpart| self.covers(localpart)) {
            return None;
        }
        let is_for_all = |entry: &&ProtectEntry| {
            matches!(entry.matcher, Matcher::Pattern(_))
                && !entry.takes_out
                && localparts.iter().all(|localpart| entry.matcher.matches(&localpart.key()))
        };
        self.entries.iter().find(is_for_all).map(|entry| entry.text.as_str())
    }

    /// Returns the entries that match none of these localparts: they are probably misspelt.
    #[must_use]
    pub fn idle_entries<'l>(&self, localparts: impl Iterator<Item = &'l Localpart>) -> Vec<&str> {
        let mut idle: Vec<&ProtectEntry> = self.entries.iter().collect();
        for localpart in localparts {
            if idle.is_empty() {
                break;
            }
            let key = localpart.key();
            idle.retain(|entry| !entry.matcher.matches(&key));
        }
        idle.into_iter().map(|entry| entry.text.as_str()).collect()
    }
}

/// A wrong entry of `policy.protect`.
#[derive(Debug)]
pub struct WrongEntry {
    /// Its number in the list, from 0.
    pub entry: usize,
    pub error: ProtectError,
}

/// Why an entry of `policy.protect` is wrong: it would silently protect no account.
#[derive(Debug, thiserror::Error)]
pub enum ProtectError {
    /// It is not a valid regular expression.
    #[error("{entry:?} is not a regular expression: {}", last_line(source))]
    Pattern { entry: String, source: regex::Error },
    /// A localpart has no `@`, `:` or `/`.
    #[error(
        "{0:?} is neither a localpart (admin, not @admin:example.org) nor a /regular expression/"
    )]
    NoLocalpart(String),
}

/// Returns the reason: the lines before show the expression, which the message does already.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

impl ProtectEntry {
    fn new(entry: &str) -> Result<Self, ProtectError> {
        let (takes_out, body) = match entry.strip_prefix('!') {
            Some(body) => (true, body),
            None => (false, entry),
        };
        let pattern = body.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let matcher = match pattern {
            // Like names, patterns ignore case. Each has to be valid on its own: `a)|(b` would
            // escape its anchors.
            Some(pattern) => Matcher::Pattern(
                Regex::new(pattern)
                    .and_then(|_| Regex::new(&format!("^(?i:{pattern})$")))
                    .map_err(|source| ProtectError::Pattern { entry: entry.to_owned(), source })?,
            ),
            None if body.is_empty()
                || body.contains(['@', ':', '/'])
                || body.contains(char::is_whitespace) =>
            {
                return Err(ProtectError::NoLocalpart(entry.to_owned()));
            }
            None => Matcher::Name(body.to_lowercase()),
        };
        Ok(Self { text: entry.to_owned(), matcher, takes_out })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protection(entries: &[&str]) -> Protection {
        let entries: Vec<_> = entries.iter().map(ToString::to_string).collect();
        Protection::new(&entries).expect("valid entries")
    }

    #[test]
    fn expression_that_protects_every_account_is_found() {
        let (alice, bob) = ("alice".into(), "bob".into());
        for (entries, expected) in [
            (&["admin", "/.*/"][..], Some("/.*/")),
            (&["/.*/", "!bob"], None),
            (&["alice", "bob"], None),
            (&["/a.*/"], None),
            (&["/a.*/", "/[a-z]+/"], Some("/[a-z]+/")),
        ] {
            assert_eq!(protection(entries).entry_for_all(&[&alice, &bob]), expected, "{entries:?}");
        }
        assert_eq!(protection(&["/.*/"]).entry_for_all(&[]), None);
    }

    #[test]
    fn a_pattern_has_to_match_the_whole_localpart() {
        let protection = protection(&["/bot-.*|relay/"]);
        let covered = |name: &str| protection.covers(&name.into());
        assert_eq!(
            [covered("bot-1"), covered("relay"), covered("my-bot-1"), covered("relay2")],
            [true, true, false, false]
        );
    }

    #[test]
    fn an_exclamation_mark_takes_out_what_the_others_put_in() {
        let protection = protection(&["/.*-svc/", "!old-svc"]);
        assert!(protection.covers(&"new-svc".into()));
        assert!(!protection.covers(&"old-svc".into()));
        assert!(!protection.covers(&"alice".into()));
    }

    #[test]
    fn an_entry_that_can_match_no_account_or_escapes_its_anchors_is_refused() {
        for entry in ["@admin:example.org", "/admin", "admin/", "", "!", "/(/", "/a)|(?:b/"] {
            assert!(Protection::new(&[entry.to_owned()]).is_err(), "{entry}");
        }
    }

    #[test]
    fn case_does_not_matter() {
        assert!(protection(&["Admin"]).covers(&"ADMIN".into()));
    }

    #[test]
    fn an_entry_that_matches_no_account_is_reported() {
        let protection = protection(&["admin", "amdin", "/x+/"]);
        assert_eq!(
            protection.idle_entries([&"admin".into(), &"alice".into()].into_iter()),
            ["amdin", "/x+/"]
        );
    }
}
