//! Resolves a set of users that a configuration describes: its groups and roles, as Keycloak has
//! them now.

use std::collections::HashSet;

use futures_util::future::try_join;

use super::roles::RolePlace;
use super::{Group, KeycloakReader, MemberRole};
use crate::config::MemberSource;
use crate::model::ServerText;
use crate::readers::ReadError;

/// The groups and roles of a [`MemberSource`], with everything that makes a user a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    pub source: MemberSource,
    /// The configured groups, with their subgroups if these count.
    pub groups: Vec<Group>,
    /// The configured roles.
    pub roles: Vec<MemberRole>,
}

impl Membership {
    /// Returns the source before Keycloak was asked about it.
    #[must_use]
    pub fn unread(source: &MemberSource) -> Self {
        Self { source: source.clone(), ..Self::default() }
    }

    /// Returns the names of its groups and roles, for people.
    #[must_use]
    pub fn names(&self) -> Vec<ServerText> {
        let groups = self.groups.iter().map(|group| group.path.clone());
        let roles = self.roles.iter().map(|role| format!("the role {}", role.name.raw()).into());
        groups.chain(roles).collect()
    }

    /// Returns the part of it that is one group.
    #[must_use]
    pub fn of_group(&self, group: &Group) -> Self {
        Self { groups: vec![group.clone()], ..Self::unread(&self.source) }
    }

    /// Returns the part of it that is one role.
    #[must_use]
    pub fn of_role(&self, role: &MemberRole) -> Self {
        Self { roles: vec![role.clone()], ..Self::unread(&self.source) }
    }

    /// Returns whether any role makes a user a member.
    pub(super) fn has_roles(&self) -> bool {
        !self.source.roles.is_empty()
    }

    /// Returns every group whose members count, each once: the configured ones, then those that
    /// carry a role.
    pub(super) fn groups_to_read(&self) -> Vec<&Group> {
        let carriers = self.roles.iter().flat_map(|role| &role.groups);
        let mut known = HashSet::new();
        let all = self.groups.iter().chain(carriers);
        all.filter(|group| known.insert(group.id.as_str())).collect()
    }

    /// Returns every role whose direct holders count, each once.
    pub(super) fn roles_to_read(&self) -> Vec<&RolePlace> {
        let mut known = HashSet::new();
        let all = self.roles.iter().flat_map(|role| &role.given_by);
        all.filter(|place| known.insert(*place)).collect()
    }
}

impl KeycloakReader {
    /// Finds the groups and roles of a source.
    pub async fn membership(&self, source: &MemberSource) -> Result<Membership, ReadError> {
        let (groups, roles) = try_join(self.groups(source), self.member_roles(source)).await?;
        Ok(Membership { source: source.clone(), groups, roles })
    }
}
