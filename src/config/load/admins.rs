//! Takes `[admins]`.

use super::keycloak::KeycloakSection;
use crate::config::MemberSource;
use crate::config::fields::Fields;
use crate::config::keys::admins as keys;
use crate::planner::{AdminRules, Revoke};

/// Takes the section, which is optional: the users who are administrators, and the rules.
pub(super) fn admins(
    fields: &mut Fields,
    keycloak: Option<&KeycloakSection>,
) -> Option<(MemberSource, AdminRules)> {
    let is_given = fields.is_given(&keys::GROUPS) || fields.is_given(&keys::ROLES);
    let groups = fields.texts(&keys::GROUPS).unwrap_or_default();
    let roles = fields.texts(&keys::ROLES).unwrap_or_default();
    let revoke = if fields.switch(&keys::REVOKE) { Revoke::Yes } else { Revoke::No };
    let min_admins = fields.count(&keys::MIN_ADMINS);
    let keycloak = keycloak?;
    if is_given && groups.is_empty() && roles.is_empty() {
        let why = "expected at least one group or role: without any, every administrator would lose the right";
        fields.wrong(&keys::GROUPS, None, why);
    }
    let default = MemberSource::default_role(&keycloak.config.realm);
    for (entry, role) in roles.iter().enumerate().filter(|(_, role)| **role == default) {
        let why = "expected another role: this is the default role, which every user has";
        fields.wrong_entry(&keys::ROLES, entry, Some(role), why);
    }
    let include_subgroups = keycloak.config.members.include_subgroups;
    let source = MemberSource { groups, include_subgroups, roles };
    is_given.then_some((source, AdminRules { revoke, min_admins }))
}
