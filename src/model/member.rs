//! Defines a member of the groups, as Keycloak's member list shows them.

use arcstr::ArcStr;

use super::{KeycloakId, Localpart, ServerText, Signs};

/// One row of `GET …/groups/{id}/members`, with the localpart of this user in MAS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: KeycloakId,
    /// The name of their Matrix account, registered or not; `None` if the template gives none.
    pub localpart: Option<Localpart>,
    pub enabled: bool,
    /// The storage provider of a federated user (`federationLink`).
    pub federation_link: Option<ArcStr>,
    /// The signs that an account of theirs may show.
    pub signs: Signs,
}

/// A member without a name that MAS accepts by the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnamed {
    pub id: KeycloakId,
    pub username: ServerText,
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
