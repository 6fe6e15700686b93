//! Compares versions: which release of MAS added what.
//!
//! The recordings only have the newest MAS; this is what earlier releases did, endpoint by
//! endpoint.

use super::settings::MasSettings;

/// A release: major, minor, patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(u64, u64, u64);

impl Version {
    /// Unlocking no longer reactivates, and a deactivation need not erase.
    pub(super) const REACTIVATE: Self = Self(0, 20, 0);
    /// Upstream providers can be read, former guests are marked, and users can be searched.
    pub(super) const PROVIDERS: Self = Self(1, 3, 0);
    /// Sessions can be ended one by one, `/version` exists, and lists have cursors in their rows.
    pub(super) const FINISH: Self = Self(1, 4, 0);
    /// Personal sessions.
    pub(super) const PERSONAL: Self = Self(1, 5, 0);
    /// A lock reaches the homeserver.
    pub(super) const LOCK_ON_HOMESERVER: Self = Self(1, 14, 0);
    /// A user can be created with a display name.
    pub(super) const DISPLAYNAME: Self = Self(1, 18, 0);
    /// Providers can require a registration token.
    pub(super) const REGISTRATION_TOKENS: Self = Self(1, 19, 0);
    /// Clients can be read, and lists can be filtered by time and status.
    pub(super) const CLIENTS: Self = Self(1, 20, 0);
    /// Links can be filtered by the name of the upstream account.
    pub(super) const ACCOUNT_NAMES: Self = Self(1, 22, 0);
    const NEWER_THAN_ANY: Self = Self(u64::MAX, 0, 0);

    fn parse(text: &str) -> Option<Self> {
        let mut numbers =
            text.strip_prefix('v')?.split(['.', '-']).map(|number| number.parse().ok());
        Some(Self(numbers.next()??, numbers.next()??, numbers.next()??))
    }
}

impl MasSettings {
    /// Returns the release that this MAS claims to be; a text without one is a build newer than
    /// all.
    pub(super) fn release(&self) -> Version {
        Version::parse(&self.version).unwrap_or(Version::NEWER_THAN_ANY)
    }
}

/// Returns the release that added an endpoint, by its path below the Admin API's root; `None` if it
/// was always there.
pub(super) fn brought(path: &str) -> Option<Version> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["users", "by-username", _] => None,
        ["users", _, "reactivate"] => Some(Version::REACTIVATE),
        ["upstream-oauth-providers"] => Some(Version::PROVIDERS),
        ["version"] | ["upstream-oauth-providers", _] | [_, _, "finish"] => Some(Version::FINISH),
        ["personal-sessions", ..] => Some(Version::PERSONAL),
        ["oauth2-clients", ..] => Some(Version::CLIENTS),
        _ => None,
    }
}
