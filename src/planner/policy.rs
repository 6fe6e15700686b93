//! The choices of the configuration that the plan depends on.

use std::time::Duration;

use regex::Regex;

use crate::model::{AccountState, Localpart};
use crate::plan::{DisableMode, WriterKind};

/// What the administrator decided.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The writer that the plan is for.
    pub writer: WriterKind,
    /// What disabling means.
    pub disable: DisableMode,
    /// Who is activated again.
    pub reactivate: Reactivate,
    /// How long someone has to be out of the group before they are disabled.
    pub grace: Duration,
    /// What ties members and accounts.
    pub matching: Matching,
    /// `keycloak.localpart`, as it is shown if it does not fit.
    pub template: String,
    /// How mas-cli is run, for a shell, as hints show it.
    pub mas_cli: String,
    /// What a member disabled in Keycloak counts as.
    pub disabled_members: DisabledMembers,
    /// What happens to members who were locked by hand.
    pub locked_members: LockedMembers,
    /// What happens to accounts that Keycloak does not know at all.
    pub unknown_accounts: UnknownAccounts,
    /// Whether a directory behind Keycloak has to show signs of life.
    pub federation: Federation,
    /// Who is never disabled.
    pub protect: Protection,
    /// Whether administrators of the homeserver are never disabled.
    pub protect_admins: bool,
}

impl Policy {
    /// Whether an account in this state is what `policy.disable` makes of one.
    pub(super) fn counts_as_disabled(&self, state: AccountState) -> bool {
        state.deactivated || (self.disable == DisableMode::Lock && state.locked)
    }
}

/// `policy.reactivate`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reactivate {
    /// Every member.
    #[default]
    Any,
    /// Those whom this program disabled.
    Own,
    /// Nobody.
    None,
}

/// `accounts.match`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Matching {
    /// By links, by what the state file remembers, and by name for accounts that neither ties.
    #[default]
    Auto,
    /// By the name that the template gives a member, and by nothing else.
    Localpart,
    /// By the Keycloak user ID that MAS keeps, which survives a rename; by name for accounts without a link.
    UpstreamLink,
}

/// `keycloak.disabled_members`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DisabledMembers {
    /// They count as out of the group.
    #[default]
    Disable,
    /// They count as members.
    Keep,
}

/// `policy.locked_members`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LockedMembers {
    /// Someone locked them for a reason; they stay locked.
    #[default]
    Keep,
    /// Being a member is enough to be unlocked.
    Activate,
}

/// `policy.unknown_accounts`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnknownAccounts {
    /// They are disabled like everyone who is not in the group.
    #[default]
    Disable,
    /// They are left alone.
    Keep,
}

/// `keycloak.federation`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Federation {
    /// People of a directory are disabled only while the directory shows signs of life.
    #[default]
    Verify,
    /// Keycloak is believed as it is.
    Trust,
}

/// `policy.protect`: accounts that are never disabled.
#[derive(Debug, Clone, Default)]
pub struct Protection {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
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
    /// From localparts, `/regular expressions/` that have to match all of a localpart, and either with a `!` in
    /// front, which takes out of the protection what the others put in.
    pub fn new(entries: &[String]) -> Result<Self, ProtectError> {
        let rules = entries.iter().map(|entry| Rule::new(entry)).collect::<Result<_, _>>()?;
        Ok(Self { rules })
    }

    /// Whether nobody is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether this localpart is protected.
    #[must_use]
    pub fn covers(&self, localpart: &Localpart) -> bool {
        let key = localpart.key();
        let hit = |takes_out| self.rules.iter().any(|rule| rule.takes_out == takes_out && rule.matcher.matches(&key));
        hit(false) && !hit(true)
    }

    /// The entries that match none of these localparts: probably misspelt.
    #[must_use]
    pub fn idle_entries<'l>(&self, localparts: impl Iterator<Item = &'l Localpart>) -> Vec<&str> {
        let mut idle: Vec<&Rule> = self.rules.iter().collect();
        for localpart in localparts {
            if idle.is_empty() {
                break;
            }
            let key = localpart.key();
            idle.retain(|rule| !rule.matcher.matches(&key));
        }
        idle.into_iter().map(|rule| rule.text.as_str()).collect()
    }
}

/// Why an entry of `policy.protect` cannot be meant: it would silently protect nobody.
#[derive(Debug, thiserror::Error)]
pub enum ProtectError {
    /// No valid regular expression.
    #[error("{entry:?} is no regular expression: {source}")]
    Pattern {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        source: regex::Error,
    },
    /// A localpart has no `@`, `:` or `/`.
    #[error("{0:?} is neither a localpart (admin, not @admin:example.org) nor a /regular expression/")]
    NoLocalpart(String),
}

impl Rule {
    fn new(entry: &str) -> Result<Self, ProtectError> {
        let (takes_out, body) = match entry.strip_prefix('!') {
            Some(body) => (true, body),
            None => (false, entry),
        };
        let pattern = body.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let matcher = match pattern {
            // Names are compared without regard to case, so patterns are too. A pattern has to be one on its own: `a)|(b`
            // would get out of its anchors.
            Some(pattern) => Matcher::Pattern(
                Regex::new(pattern)
                    .and_then(|_| Regex::new(&format!("^(?i:{pattern})$")))
                    .map_err(|source| ProtectError::Pattern { entry: entry.to_owned(), source })?,
            ),
            None if body.is_empty() || body.contains(['@', ':', '/']) || body.contains(char::is_whitespace) => {
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
    fn an_entry_that_could_match_nobody_or_breaks_out_of_its_anchors_is_refused() {
        for entry in ["@admin:example.org", "/admin", "admin/", "", "!", "/(/", "/a)|(?:b/"] {
            assert!(Protection::new(&[entry.to_owned()]).is_err(), "{entry}");
        }
    }

    #[test]
    fn case_does_not_matter() {
        assert!(protection(&["Admin"]).covers(&"ADMIN".into()));
    }

    #[test]
    fn an_entry_that_matches_nobody_is_told() {
        let protection = protection(&["admin", "amdin", "/x+/"]);
        assert_eq!(protection.idle_entries([&"admin".into(), &"alice".into()].into_iter()), ["amdin", "/x+/"]);
    }
}
