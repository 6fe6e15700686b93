//! Decides whether an admin event may change who is an administrator (`[admins]`).

use super::events::EventRow;
use super::role_events::{self, EventScope};
use super::{About, Membership, MembershipHint};
use crate::model::MemberList;

/// What is known about the users of `[admins]`.
#[derive(Debug)]
pub(super) struct AdminScope<'m> {
    users: &'m MemberList,
    scope: EventScope<'m>,
    has_roles: bool,
}

impl<'m> AdminScope<'m> {
    pub(super) fn new(users: &'m MemberList, membership: &'m Membership) -> Self {
        Self { users, scope: EventScope::new(membership), has_roles: membership.has_roles() }
    }

    /// Returns whether an event is about a group or role that makes administrators, or about one of
    /// them. Who joins a subgroup that is newer than the reading waits for the next full run.
    pub(super) fn is_touched_by(&self, event: &EventRow) -> bool {
        let parts: Vec<_> = event.resource_path.split('/').collect();
        let is_admin = |id: &str| self.users.get(&id.into()).is_some();
        match (&*event.resource_type, parts.as_slice()) {
            ("GROUP_MEMBERSHIP", ["users", _, "groups", group, ..])
            | ("GROUP", ["groups", group, ..]) => self.scope.groups.contains(group),
            ("USER", ["users", id, ..]) => is_admin(id),
            (kind, parts) if self.has_roles && role_events::RESOURCES.contains(&kind) => {
                match role_events::about(event, parts, &self.scope) {
                    About::Person(_, hint) => {
                        // Without details, it may be any role.
                        hint != MembershipHint::Nothing
                            || event.representation.is_none()
                            || parts.get(1).is_some_and(|id| is_admin(id))
                    }
                    About::Everyone => true,
                    About::Nobody => false,
                }
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::roles::{MemberRole, RoleContainer, RolePlace};
    use super::*;
    use crate::config::MemberSource;
    use crate::model::{Member, Signs};
    use crate::readers::Group;

    /// Ada is an administrator, by the group `admins` or the role `r`.
    fn touches(kind: &str, operation: &str, path: &str, roles: Option<&[&str]>) -> bool {
        let details = roles.map(|roles| {
            let roles: Vec<_> = roles.iter().map(|id| json!({"id": id, "name": id})).collect();
            serde_json::to_string(&roles).expect("serializes")
        });
        let row: EventRow = serde_json::from_value(json!({
            "time": 1, "operationType": operation, "resourceType": kind, "resourcePath": path,
            "representation": details,
        }))
        .expect("a row");
        let place = RolePlace { container: RoleContainer::Realm, name: "admin".into() };
        let role = MemberRole {
            name: "admin".into(),
            id: "r".into(),
            given_by: vec![place.clone()],
            place,
            given_by_ids: ["r".into()].into(),
            groups: Vec::new(),
        };
        let source = MemberSource { roles: vec!["admin".into()], ..MemberSource::default() };
        let membership = Membership {
            groups: vec![Group { id: "admins".into(), path: "/admins".into() }],
            roles: vec![role],
            ..Membership::unread(&source)
        };
        let ada = Member {
            id: "ada".into(),
            localpart: Some("ada".into()),
            enabled: true,
            federation_link: None,
            signs: Signs::default(),
        };
        AdminScope::new(&vec![ada].into(), &membership).is_touched_by(&row)
    }

    #[test]
    fn event_counts_if_it_is_about_an_administrator_or_what_makes_one() {
        let counting = [
            ("GROUP_MEMBERSHIP", "CREATE", "users/bob/groups/admins", None),
            ("GROUP_MEMBERSHIP", "DELETE", "users/ada/groups/admins", None),
            ("GROUP", "DELETE", "groups/admins", None),
            ("USER", "UPDATE", "users/ada", None),
            ("REALM_ROLE_MAPPING", "CREATE", "users/bob/role-mappings/realm", Some(&["r"][..])),
            ("REALM_ROLE_MAPPING", "DELETE", "users/ada/role-mappings/realm", Some(&["r"][..])),
            ("REALM_ROLE_MAPPING", "CREATE", "users/bob/role-mappings/realm", None),
            ("REALM_ROLE", "CREATE", "roles/staff/composites", Some(&["r"][..])),
        ];
        for (kind, operation, path, roles) in counting {
            assert!(touches(kind, operation, path, roles), "{kind} {operation} {path}");
        }
    }

    #[test]
    fn event_about_others_does_not_count() {
        let others = [
            ("GROUP_MEMBERSHIP", "CREATE", "users/ada/groups/others", None),
            ("GROUP", "UPDATE", "groups/others", None),
            ("USER", "UPDATE", "users/bob", None),
            ("REALM_ROLE_MAPPING", "CREATE", "users/bob/role-mappings/realm", Some(&["x"][..])),
            ("REALM_ROLE", "CREATE", "roles/new", None),
        ];
        for (kind, operation, path, roles) in others {
            assert!(!touches(kind, operation, path, roles), "{kind} {operation} {path}");
        }
    }
}
