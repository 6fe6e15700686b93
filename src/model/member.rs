//! A member of the groups, as the member list of Keycloak shows them.

use arcstr::ArcStr;

use super::{KeycloakId, Localpart, ServerText, Signs};

/// One row of `GET …/groups/{id}/members`, with the localpart that MAS gives this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The user's ID in Keycloak.
    pub id: KeycloakId,
    /// The name of their Matrix account, registered or not; none if the template gives none.
    pub localpart: Option<Localpart>,
    /// Whether Keycloak lets them in.
    pub enabled: bool,
    /// The storage provider of a federated user (`federationLink`).
    pub federation_link: Option<ArcStr>,
    /// What an account of theirs may show.
    pub signs: Signs,
}

/// A member for whom the template gives no name that MAS accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnamed {
    /// The user's ID in Keycloak.
    pub id: KeycloakId,
    /// The username.
    pub username: ServerText,
    /// Why there is no name.
    pub why: ServerText,
}

#[cfg(test)]
mod tests {
    use crate::model::{Account, Member};

    #[test]
    fn members_and_accounts_by_the_million_are_small() {
        assert_eq!((size_of::<Member>(), size_of::<Account>()), (72, 96));
    }
}
