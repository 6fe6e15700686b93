//! matrix-keycloak-sync: Keycloak says who may use Matrix, this program makes it so.
//!
//! The data's way is one line: configuration → (Keycloak members ‖ Synapse accounts) → a pure plan →
//! limits → print → writer → outcome. `docs/architecture.md` has the map.

pub mod standins;
