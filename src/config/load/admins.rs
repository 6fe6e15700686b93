//! Takes `[admins]`.

use super::keycloak::{KeycloakSection, roles};
use crate::config::MemberSource;
use crate::config::fields::Fields;
use crate::config::keys::admins as keys;
use crate::planner::{AdminRules, Revoke};

/// Takes the section, which is optional: the users who are administrators, and the rules. `realm`
/// is Keycloak's, if it is given.
pub(super) fn admins(
    fields: &mut Fields,
    keycloak: Option<&KeycloakSection>,
    realm: Option<&str>,
) -> Option<(MemberSource, AdminRules)> {
    let is_given = fields.is_given(&keys::GROUPS) || fields.is_given(&keys::ROLES);
    let groups = fields.texts_or_none(&keys::GROUPS);
    let roles = roles(fields, &keys::ROLES, realm);
    let revoke = if fields.switch(&keys::REVOKE) { Revoke::Yes } else { Revoke::No };
    let min_admins = fields.count(&keys::MIN_ADMINS);
    let (groups, roles) = (groups?, roles?);
    if is_given && groups.is_empty() && roles.is_empty() {
        let why = "expected at least one group or role: without any, every administrator would lose the right";
        fields.wrong(&keys::GROUPS, None, why);
    }
    let include_subgroups = keycloak?.config.members.include_subgroups;
    let source = MemberSource { groups, include_subgroups, roles };
    is_given.then_some((source, AdminRules { revoke, min_admins }))
}
