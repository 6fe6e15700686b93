//! Reads one user that an admin event mentions: whether they are a member now, and under which
//! name.

use futures_util::future::try_join;

use super::{GroupTree, KeycloakReader};
use crate::http::Missing;
use crate::model::{KeycloakId, Localpart, Member, Unnamed};
use crate::readers::ReadError;

/// What Keycloak says about a user now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberNow {
    /// The user is in one of the groups, or has one of the roles, as the member list would show them.
    Inside(Member, Option<Unnamed>),
    /// The user is in none of them; with the localpart if the template gives one.
    Outside(Option<Localpart>),
    /// A federated user. Keycloak may answer from memory about one user alone, so the list decides.
    Federated(Option<Localpart>),
    /// There is no such user.
    Gone,
}

impl KeycloakReader {
    /// Reads one user by ID.
    ///
    /// Source: `GET …/users/{id}`, then `GET …/users/{id}/groups`, and with roles `GET
    /// …/users/{id}/role-mappings/…/composite`.
    pub async fn member_now(
        &self,
        id: &KeycloakId,
        tree: &GroupTree<'_>,
    ) -> Result<MemberNow, ReadError> {
        let Some(user) = self.user_of_id(id).await? else { return Ok(MemberNow::Gone) };
        if user.provider().is_some() {
            return Ok(MemberNow::Federated(self.localpart(&user).ok()));
        }
        let groups = async { Ok(self.groups_of(&user).await?) };
        let (groups, roles) = match try_join(groups, self.roles_held(&user.id, tree.roles())).await
        {
            Err(ReadError::Http(error)) if error.is_missing(Missing::User) => {
                return Ok(MemberNow::Gone);
            }
            answers => answers?,
        };
        let found = self.placed(user, groups, roles, tree).await?;
        let (member, unnamed) = self.to_member(&found.user, None);
        Ok(if found.is_member() {
            MemberNow::Inside(member, unnamed)
        } else {
            MemberNow::Outside(member.localpart)
        })
    }
}
