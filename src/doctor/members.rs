//! Checks that the groups and roles exist, and counts their members.

use std::collections::HashSet;

use super::check::Section;
use crate::config::Config;
use crate::model::{Member, Unnamed};
use crate::phrases::{counted, joined};
use crate::readers::{Group, KeycloakReader, MemberRole, Members, Membership, Tally};

/// The number of groups, roles and users shown by name; the rest is counted.
const NAMED: usize = 10;

/// Finds the groups and roles, and reports each kind that is configured. Returns `None` if one
/// cannot be read.
pub(super) async fn membership(
    section: &mut Section,
    config: &Config,
    keycloak: &KeycloakReader,
) -> Option<Membership> {
    let source = &config.keycloak.members;
    let mut membership = Membership::unread(source);
    let mut is_whole = true;
    if !source.groups.is_empty() {
        match keycloak.groups(source).await {
            Ok(groups) => {
                let name = |group: &Group| format!("{} ({})", group.path, group.id);
                section.ok("group", few(groups.iter().map(name)));
                membership.groups = groups;
            }
            Err(error) => {
                section.failed("group", &error);
                is_whole = false;
            }
        }
    }
    if !source.roles.is_empty() {
        match keycloak.member_roles(source).await {
            Ok(roles) => {
                section.ok("member roles", few(roles.iter().map(role)));
                membership.roles = roles;
            }
            Err(error) => {
                section.failed("member roles", &error);
                is_whole = false;
            }
        }
    }
    is_whole.then_some(membership)
}

/// Returns a role with the number of composites and groups that give it.
fn role(role: &MemberRole) -> String {
    let composites = counted(role.composites(), "composite", "composites");
    let carriers = counted(role.carriers().len(), "group", "groups");
    format!("{} (contained in {composites}, carried by {carriers})", role.name)
}

/// Joins the first few names, and counts the rest.
pub(super) fn few(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let names: Vec<_> = names.take(NAMED).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    names.join(", ") + &more
}

/// Reads every member, by group and by role, as a run does.
pub(super) async fn check(
    section: &mut Section,
    config: &Config,
    keycloak: &KeycloakReader,
    membership: &Membership,
    tally: &Tally,
) -> Option<Vec<Member>> {
    const NAME: &str = "members";
    if section.gives_up(NAME) {
        return None;
    }
    let (mut told, mut seen, mut all) = (Vec::new(), HashSet::new(), Vec::new());
    let mut without_name = Vec::new();
    let groups = membership.groups.iter().map(|group| membership.of_group(group));
    let roles = membership.roles.iter().map(|role| membership.of_role(role));
    for part in groups.chain(roles) {
        match keycloak.members(&part, tally).await {
            Ok(Members { people: members, unnamed, .. }) => {
                without_name.extend(unnamed);
                told.push(count_of(&part, &members));
                all.extend(members.into_iter().filter(|member| seen.insert(member.id.clone())));
            }
            Err(error) => {
                section.failed(NAME, &error);
                return None;
            }
        }
    }
    told.truncate(NAMED);
    if membership.groups.len() + membership.roles.len() > 1 {
        told.push(format!("{} in all", counted(all.len(), "user", "users")));
    }
    let (told, least) = (told.join("; "), config.limits.min_members);
    if all.len() < least {
        section.warn(
            NAME,
            format!("{told}; limits.min_members is {least}, so a sync would be refused"),
            "Check the group in Keycloak; lower `limits.min_members` if the group is right.",
        );
    } else {
        section.ok(NAME, told);
    }
    unnamed(section, without_name);
    Some(all)
}

/// Returns the number of members of a group, or of holders of a role.
fn count_of(part: &Membership, members: &[Member]) -> String {
    let count = if let Some(role) = part.roles.first() {
        let holders = counted(members.len(), "holder", "holders");
        format!("{holders} of the role {}", role.name)
    } else {
        let members = counted(members.len(), "member", "members");
        format!("{members} in {}", joined(&part.names(), ", "))
    };
    match members.iter().filter(|member| !member.enabled).count() {
        0 => count,
        disabled => format!("{count}, {disabled} of them disabled in Keycloak"),
    }
}

/// Reports members without a name that MAS accepts by the template.
fn unnamed(section: &mut Section, mut members: Vec<Unnamed>) {
    members.sort_by(|one, other| one.id.cmp(&other.id));
    members.dedup_by(|one, other| one.id == other.id);
    if members.is_empty() {
        return;
    }
    let count = counted(members.len(), "member has", "members have");
    let few = members.iter().take(NAMED);
    let few: Vec<_> = few.map(|one| format!("{} ({})", one.username, one.why)).collect();
    section.warn(
        "names",
        format!(
            "{count} no valid name by keycloak.localpart, so MAS would refuse the account: {}",
            few.join(", ")
        ),
        "Complete them in Keycloak, or correct `keycloak.localpart`.",
    );
}
