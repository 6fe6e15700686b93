//! Decides which users an admin event about roles concerns (trap 60).

use std::collections::BTreeSet;

use serde::Deserialize;

use super::events::EventRow;
use super::roles::{RoleContainer, RoleId};
use super::{About, Membership, MembershipHint};

/// The resources that change who has a role.
pub(super) const RESOURCES: [&str; 5] =
    ["REALM_ROLE_MAPPING", "CLIENT_ROLE_MAPPING", "REALM_ROLE", "CLIENT_ROLE", "CLIENT"];

/// What decides which events count.
#[derive(Debug)]
pub(super) struct EventScope<'m> {
    /// The groups that are known to make a user a member.
    pub(super) groups: BTreeSet<&'m str>,
    /// Whether other groups may count too: new subgroups, and groups that carry a role.
    pub(super) any_group_may_count: bool,
    /// The roles that are known to make a user a member.
    roles: BTreeSet<&'m str>,
    /// The role, if one role that no composite contains is all there is.
    only_role: Option<&'m str>,
    /// The clients of the roles.
    clients: BTreeSet<&'m str>,
}

impl<'m> EventScope<'m> {
    pub(super) fn new(membership: &'m Membership) -> Self {
        let roles = &membership.roles;
        let only_role = match roles.as_slice() {
            [role] if membership.source.groups.is_empty() && role.composites() == 0 => {
                Some(&*role.id)
            }
            _ => None,
        };
        let client = |container: &'m RoleContainer| match container {
            RoleContainer::Realm => None,
            RoleContainer::Client(id) => Some(&**id),
        };
        Self {
            groups: membership
                .groups_to_read()
                .into_iter()
                .map(|group| group.id.as_str())
                .collect(),
            any_group_may_count: membership.source.include_subgroups || membership.has_roles(),
            roles: roles.iter().flat_map(|role| &role.given_by_ids).map(|id| &**id).collect(),
            only_role,
            clients: roles.iter().filter_map(|role| client(&role.place.container)).collect(),
        }
    }
}

/// Parses the path: `users/ID/role-mappings/…`, `groups/ID/role-mappings/…`,
/// `roles/NAME/composites`, `clients/ID/roles/NAME`, `clients/ID`. An unknown path may be about any
/// user.
pub(super) fn about(event: &EventRow, parts: &[&str], scope: &EventScope<'_>) -> About {
    let is_new = &*event.operation_type == "CREATE";
    match (&*event.resource_type, parts) {
        ("REALM_ROLE_MAPPING" | "CLIENT_ROLE_MAPPING", ["users", id, "role-mappings", ..]) => {
            About::Person((*id).into(), hint(event, scope))
        }
        // No one has a new role, and each way of getting it has an event of its own.
        ("REALM_ROLE" | "CLIENT_ROLE", [.., last]) if is_new && *last != "composites" => {
            About::Nobody
        }
        ("CLIENT", ["clients", id, ..])
            if &*event.operation_type != "DELETE" || !scope.clients.contains(id) =>
        {
            About::Nobody
        }
        _ => About::Everyone,
    }
}

/// Returns what the roles in the event say about the user. Without details, it says nothing.
fn hint(event: &EventRow, scope: &EventScope<'_>) -> MembershipHint {
    #[derive(Deserialize)]
    struct Role {
        id: RoleId,
    }
    let roles = event.representation.as_deref().unwrap_or("[]");
    let roles: Vec<Role> = serde_json::from_str(roles).unwrap_or_default();
    match &*event.operation_type {
        "CREATE" if roles.iter().any(|role| scope.roles.contains(&*role.id)) => {
            MembershipHint::Joined
        }
        "DELETE" if roles.iter().any(|role| scope.only_role == Some(&role.id)) => {
            MembershipHint::Left
        }
        _ => MembershipHint::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::roles::{MemberRole, RolePlace};
    use super::*;
    use crate::config::MemberSource;
    use crate::readers::Group;

    /// The realm's role `user` with the ID `r`, which the group `dept` carries.
    fn role() -> MemberRole {
        let place = RolePlace { container: RoleContainer::Realm, name: "user".into() };
        MemberRole {
            name: "user".into(),
            id: "r".into(),
            given_by: vec![place.clone()],
            place,
            given_by_ids: ["r".into()].into(),
            groups: vec![Group { id: "dept".into(), path: "/dept".into() }],
        }
    }

    /// The same, contained in the composite `c`.
    fn contained() -> MemberRole {
        let mut role = role();
        let place = RolePlace { container: RoleContainer::Realm, name: "staff".into() };
        role.given_by.push(place);
        role.given_by_ids.insert("c".into());
        role
    }

    /// The role `user` of the client `k`.
    fn of_client() -> MemberRole {
        let place = RolePlace { container: RoleContainer::Client("k".into()), name: "user".into() };
        MemberRole { given_by: vec![place.clone()], place, ..role() }
    }

    fn about_role(
        role: MemberRole,
        operation: &str,
        kind: &str,
        path: &str,
        roles: &[&str],
    ) -> About {
        let roles: Vec<_> = roles.iter().map(|id| json!({"id": id, "name": id})).collect();
        let row = json!({
            "time": 1, "operationType": operation, "resourceType": kind, "resourcePath": path,
            "representation": json!(roles).to_string(),
        });
        let row: EventRow = serde_json::from_value(row).expect("a row");
        let source = MemberSource { roles: vec!["user".to_owned()], ..MemberSource::default() };
        let membership = Membership { roles: vec![role], ..Membership::unread(&source) };
        row.event(&EventScope::new(&membership), None).about
    }

    fn alice(hint: MembershipHint) -> About {
        About::Person("alice".into(), hint)
    }

    fn mapping(role: MemberRole, operation: &str, roles: &[&str]) -> About {
        let path = "users/alice/role-mappings/realm";
        about_role(role, operation, "REALM_ROLE_MAPPING", path, roles)
    }

    #[test]
    fn user_who_gets_or_loses_the_only_role_is_named_with_what_happened() {
        assert_eq!(mapping(role(), "CREATE", &["x", "r"]), alice(MembershipHint::Joined));
        assert_eq!(mapping(role(), "DELETE", &["r"]), alice(MembershipHint::Left));
        assert_eq!(mapping(contained(), "CREATE", &["c"]), alice(MembershipHint::Joined));
    }

    #[test]
    fn user_is_named_without_a_hint_if_the_role_is_unknown_or_not_the_only_one() {
        assert_eq!(mapping(role(), "DELETE", &["x"]), alice(MembershipHint::Nothing));
        assert_eq!(mapping(role(), "DELETE", &[]), alice(MembershipHint::Nothing));
        assert_eq!(mapping(contained(), "DELETE", &["r"]), alice(MembershipHint::Nothing));
    }

    #[test]
    fn roles_of_groups_and_contents_of_composites_are_about_everyone() {
        for (operation, kind, path) in [
            ("DELETE", "REALM_ROLE_MAPPING", "groups/dept/role-mappings/realm"),
            ("CREATE", "CLIENT_ROLE_MAPPING", "groups/any/role-mappings/clients/k"),
            ("DELETE", "REALM_ROLE", "roles/staff/composites"),
            ("CREATE", "CLIENT_ROLE", "clients/k/roles/admin/composites"),
            ("CREATE", "REALM_ROLE", "roles-by-id/c/composites"),
            ("DELETE", "REALM_ROLE", "roles/user"),
            ("UPDATE", "REALM_ROLE", "roles/user"),
            ("DELETE", "CLIENT", "clients/k"),
        ] {
            assert_eq!(
                about_role(of_client(), operation, kind, path, &["r"]),
                About::Everyone,
                "{path}"
            );
        }
    }

    #[test]
    fn new_roles_and_other_clients_are_about_no_one() {
        for (operation, kind, path) in [
            ("CREATE", "REALM_ROLE", "roles/new"),
            ("CREATE", "CLIENT_ROLE", "clients/k/roles/new"),
            ("UPDATE", "CLIENT", "clients/k"),
            ("DELETE", "CLIENT", "clients/other"),
        ] {
            assert_eq!(
                about_role(of_client(), operation, kind, path, &["r"]),
                About::Nobody,
                "{path}"
            );
        }
    }

    #[test]
    fn user_who_joins_any_group_is_rechecked_because_it_may_carry_the_role() {
        let joins = |group: &str| {
            let path = format!("users/alice/groups/{group}");
            about_role(role(), "CREATE", "GROUP_MEMBERSHIP", &path, &[])
        };
        assert_eq!(joins("dept"), alice(MembershipHint::Joined));
        assert_eq!(joins("new-subgroup"), alice(MembershipHint::Nothing));
        assert_eq!(
            about_role(role(), "DELETE", "GROUP_MEMBERSHIP", "users/alice/groups/dept", &[]),
            alice(MembershipHint::Nothing)
        );
    }
}
