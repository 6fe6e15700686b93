//! What gauges show as 1 or 0.

/// Whether the program is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    NotReady,
}

/// Whether Keycloak's admin events can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminEvents {
    Available,
    Unavailable,
}
