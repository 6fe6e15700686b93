//! A person of the group, as the member list of Keycloak shows them.

use std::sync::Arc;

use super::{KeycloakId, Localpart};

/// One row of `GET …/groups/{id}/members`, with the localpart that MAS gives this person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The user's ID in Keycloak.
    pub id: KeycloakId,
    /// The name of their Matrix account, there or not.
    pub localpart: Localpart,
    /// Whether Keycloak lets them in.
    pub enabled: bool,
    /// The storage provider they come from, for people of a directory (`federationLink`).
    pub federation_link: Option<Arc<str>>,
}
