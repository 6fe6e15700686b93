//! One user as they are now, for those whom an admin event names: whether they are a member, and under which name.

use super::{GroupTree, KeycloakReader, UserRow};
use crate::http::none_if_missing;
use crate::localpart::NoLocalpart;
use crate::model::{KeycloakId, Localpart, Member};
use crate::readers::{Nameless, ReadError};

/// What Keycloak says of a user now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberNow {
    /// In one of the groups, as the member list would show them.
    Inside(Member),
    /// In none of them; the localpart where the template gives one.
    Outside(Option<Localpart>),
    /// Somebody of a directory: what Keycloak says of one of them alone may be what it remembers, so the list decides.
    OfDirectory(Option<Localpart>),
    /// There is no such user.
    Gone,
}

impl KeycloakReader {
    /// Asks for one user by ID.
    ///
    /// Source: `GET …/users/{id}`, then `GET …/users/{id}/groups`.
    pub async fn member_now(&self, id: &KeycloakId, tree: &GroupTree<'_>) -> Result<MemberNow, ReadError> {
        let Some(user) = self.user_of_id(id).await? else { return Ok(MemberNow::Gone) };
        let localpart = self.localpart(&user);
        if user.provider().is_some() {
            return Ok(MemberNow::OfDirectory(localpart.ok()));
        }
        let Some(groups) = none_if_missing(self.groups_of(&user).await)? else {
            return Ok(MemberNow::Gone);
        };
        let found = self.placed(user, groups, tree).await?;
        if found.groups_that_count().next().is_none() {
            return Ok(MemberNow::Outside(localpart.ok()));
        }
        match localpart {
            Ok(localpart) => {
                let enabled = found.user.enabled;
                Ok(MemberNow::Inside(Member { id: id.clone(), localpart, enabled, federation_link: None }))
            }
            Err(why) => Err(nameless(found.user, why)),
        }
    }
}

fn nameless(user: UserRow, why: NoLocalpart) -> ReadError {
    ReadError::NoLocalpart(vec![Nameless { username: user.username.into(), id: user.id.into(), why }])
}
