//! Names the servers that this program talks to.

use std::fmt;

use strum::{IntoStaticStr, VariantArray};

/// The servers, by the names that people use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Server {
    Keycloak,
    Synapse,
    /// The Matrix Authentication Service.
    Mas,
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
