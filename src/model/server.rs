//! Names the servers that this program talks to.

use std::fmt;

/// The servers, by the names that people use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Server {
    Keycloak,
    Synapse,
    /// The Matrix Authentication Service.
    Mas,
}

impl Server {
    /// Returns the label in metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Keycloak => "keycloak",
            Self::Synapse => "synapse",
            Self::Mas => "mas",
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keycloak => "Keycloak",
            Self::Synapse => "Synapse",
            Self::Mas => "MAS",
        })
    }
}
