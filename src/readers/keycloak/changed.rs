//! Reads one user that an admin event mentions: whether they are a member now, and under which
//! name.

use super::{GroupTree, KeycloakReader};
use crate::http::{Missing, none_if_missing};
use crate::model::{KeycloakId, Localpart, Member, Unnamed};
use crate::readers::ReadError;

/// What Keycloak says about a user now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberNow {
    /// The user is in one of the groups, as the member list would show them.
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
    /// Source: `GET …/users/{id}`, then `GET …/users/{id}/groups`.
    pub async fn member_now(
        &self,
        id: &KeycloakId,
        tree: &GroupTree<'_>,
    ) -> Result<MemberNow, ReadError> {
        let Some(user) = self.user_of_id(id).await? else { return Ok(MemberNow::Gone) };
        if user.provider().is_some() {
            return Ok(MemberNow::Federated(self.localpart(&user).ok()));
        }
        let Some(groups) = none_if_missing(Missing::User, self.groups_of(&user).await)? else {
            return Ok(MemberNow::Gone);
        };
        let found = self.placed(user, groups, tree).await?;
        let (member, unnamed) = self.to_member(&found.user, None);
        Ok(if found.groups_that_count().next().is_none() {
            MemberNow::Outside(member.localpart)
        } else {
            MemberNow::Inside(member, unnamed)
        })
    }
}
