//! Names what carrying out a plan came to.

/// What carrying out a plan came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    InStep,
    Incomplete,
    /// Accounts are kept because a directory behind Keycloak is unverified.
    Unverified,
}

impl Reached {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::InStep => "in step",
            Self::Incomplete => "incomplete; the rest is tried again",
            Self::Unverified => {
                "incomplete, a directory behind Keycloak is unverified; the rest is tried again"
            }
        }
    }

    /// Returns why run after run leaves something undone.
    pub(super) fn why_undone(self) -> &'static str {
        match self {
            Self::InStep | Self::Incomplete => "each left something undone",
            Self::Unverified => {
                "a directory behind Keycloak (LDAP, Active Directory) is unverified"
            }
        }
    }

    /// Returns what to do about it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::InStep | Self::Incomplete => "Check the warnings of the last run in the log.",
            Self::Unverified => {
                "Check User federation in Keycloak, and that the directory answers."
            }
        }
    }
}
