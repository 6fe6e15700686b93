//! Asks which of the configured roles a user has: directly, by a group or by a composite (trap 59).

use std::collections::HashSet;

use super::KeycloakReader;
use super::roles::{MemberRole, RoleContainer, RoleRow, by_container};
use crate::model::ServerText;
use crate::readers::ReadError;

impl KeycloakReader {
    /// Returns the names of the roles that a user has: directly, by a group, or by any composite,
    /// even one that the lists do not cover.
    ///
    /// Source: `GET …/users/{id}/role-mappings/realm/composite`, and
    /// `…/role-mappings/clients/{id}/composite`.
    pub(super) async fn roles_held(
        &self,
        user_id: &str,
        roles: &[MemberRole],
    ) -> Result<Vec<ServerText>, ReadError> {
        let mut held = Vec::new();
        for (container, roles) in by_container(roles) {
            let effective = self.effective_roles(user_id, container).await?;
            let ids: HashSet<_> = effective.iter().map(|row| &row.id).collect();
            let names: HashSet<_> = effective.iter().map(|row| &row.name).collect();
            // A role that was renamed since keeps its ID, one that was created again its name.
            let is_held =
                |role: &&&MemberRole| ids.contains(&role.id) || names.contains(&role.place.name);
            held.extend(roles.iter().filter(is_held).map(|role| role.name.clone()));
        }
        Ok(held)
    }

    async fn effective_roles(
        &self,
        user_id: &str,
        container: &RoleContainer,
    ) -> Result<Vec<RoleRow>, ReadError> {
        let mut path = vec!["users", user_id, "role-mappings"];
        match container {
            RoleContainer::Realm => path.push("realm"),
            RoleContainer::Client(id) => path.extend(["clients", id]),
        }
        path.push("composite");
        let answer = self.get(&path, &[("briefRepresentation", "true")]).await;
        answer.map_err(|error| self.unless_forbidden(error, container.to_grant()))
    }
}
