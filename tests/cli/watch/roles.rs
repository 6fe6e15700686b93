//! A role that is given or taken away reaches Matrix within seconds, by the smallest reading that
//! is enough.

use matrix_keycloak_sync::standins::keycloak::Realm;
use matrix_keycloak_sync::standins::{RunningWorld, World};

use super::watching::{IN_STEP, Watching};
use super::{becomes, until_so, watching};
use crate::harness::{NO_LIMITS, account, everyone, group, started};

const ROLE: &str = "[keycloak]\nroles = [\"matrix-user\"]\n";

/// Alice and bob have the role, carol by a group, and nothing is left to do.
fn in_step() -> World {
    let world = World::new("example.org")
        .without_self_deactivation()
        .service_roles(&["view-users", "view-events", "view-realm", "view-clients"])
        .holder("matrix-user", "alice")
        .holder("matrix-user", "bob")
        .group_with_role("/dept", "matrix-user")
        .member_of("/dept/sub", "carol")
        .user("dora")
        .disabled_account("dora");
    ["alice", "bob", "carol"].into_iter().fold(world, World::account)
}

fn change(world: &RunningWorld, change: impl FnOnce(&mut Realm)) {
    change(world.keycloak.state().realm("corp"));
}

async fn watching_role(world: &RunningWorld) -> Watching {
    watching(world, &format!("{ROLE}{NO_LIMITS}")).await
}

#[tokio::test]
async fn user_who_loses_or_gets_the_only_role_is_rechecked_without_any_list() {
    let world = started(in_step()).await;
    let watching = watching_role(&world).await;
    let lists = || {
        let requests = world.keycloak.requests();
        (requests.count("/roles/matrix-user/users"), requests.count("/members"))
    };
    let before = lists();
    change(&world, |realm| realm.take_role("alice", "matrix-user"));
    becomes(&world, "alice", true, true).await;
    change(&world, |realm| realm.give_role("dora", "matrix-user"));
    becomes(&world, "dora", false, false).await;
    assert_eq!(lists(), before, "{}", watching.log());
    assert_eq!(watching.runs("kind=\"full\"").await, 1, "{}", watching.log());
    assert_eq!(world.state_of("bob"), account(false, false));
}

#[tokio::test]
async fn user_who_loses_the_role_but_has_it_by_a_group_is_kept() {
    let world = started(in_step()).await;
    change(&world, |realm| realm.silently(|realm| realm.give_role("carol", "matrix-user")));
    let watching = watching_role(&world).await;
    let before = everyone(&world);
    change(&world, |realm| realm.take_role("carol", "matrix-user"));
    watching.has_run(IN_STEP, 2).await;
    assert_eq!(everyone(&world), before);
    change(&world, |realm| realm.leave("carol", "/dept/sub"));
    becomes(&world, "carol", true, true).await;
}

#[tokio::test]
async fn group_that_loses_or_gets_the_role_leads_to_a_full_run() {
    let world = started(in_step()).await;
    let _watching = watching_role(&world).await;
    change(&world, |realm| realm.take_role_from_group("/dept", "matrix-user"));
    becomes(&world, "carol", true, true).await;
    change(&world, |realm| realm.give_role_to_group("/dept/sub", "matrix-user"));
    becomes(&world, "carol", false, false).await;
    assert_eq!(world.state_of("alice"), account(false, false));
}

#[tokio::test]
async fn composite_that_loses_or_gets_the_role_leads_to_a_full_run() {
    let world = in_step().composite("staff", "matrix-user").holder("staff", "erin").account("erin");
    let world = started(world).await;
    let _watching = watching_role(&world).await;
    change(&world, |realm| realm.remove_from_composite("staff", "matrix-user"));
    becomes(&world, "erin", true, true).await;
    change(&world, |realm| realm.add_to_composite("staff", "matrix-user"));
    becomes(&world, "erin", false, false).await;
}

#[tokio::test]
async fn user_who_loses_a_role_of_a_client_is_disabled() {
    let world = started(in_step().holder("chat:user", "erin").account("erin")).await;
    let roles = "[keycloak]\nroles = [\"matrix-user\", \"chat:user\"]\n";
    let _watching = watching(&world, &format!("{roles}{NO_LIMITS}")).await;
    change(&world, |realm| realm.take_role("erin", "chat:user"));
    becomes(&world, "erin", true, true).await;
    assert_eq!(world.state_of("alice"), account(false, false));
}

#[tokio::test]
async fn change_of_an_unrelated_role_disables_no_one() {
    let world = started(in_step().role("other")).await;
    let watching = watching_role(&world).await;
    let before = everyone(&world);
    change(&world, |realm| realm.give_role("alice", "other"));
    change(&world, |realm| realm.take_role("alice", "other"));
    watching.has_run(IN_STEP, 2).await;
    change(&world, |realm| drop(realm.add_role("newer")));
    watching.has_run(IN_STEP, 2).await;
    assert_eq!(everyone(&world), before);
    assert_eq!(watching.runs("kind=\"full\"").await, 1, "{}", watching.log());
}

#[tokio::test]
async fn administrator_who_leaves_the_group_loses_the_right_within_seconds() {
    let world = started(in_step().group("/admins").member_of("/admins", "bob")).await;
    world.mas.state().user_mut("alice").expect("seeded").admin = true;
    world.mas.state().user_mut("bob").expect("seeded").admin = true;
    change(&world, |realm| realm.silently(|realm| realm.join("alice", "/admins")));
    let _watching =
        watching(&world, &format!("{ROLE}{NO_LIMITS}[admins]\ngroups = [\"/admins\"]\n")).await;
    change(&world, |realm| realm.leave("alice", "/admins"));
    until_so("alice has no right", async || !world.parts_of("alice").mas_admin).await;
    assert!(world.parts_of("bob").mas_admin);
    assert_eq!(world.state_of("alice"), account(false, false));
}

#[tokio::test]
async fn last_administrator_is_not_disabled_after_an_event_either() {
    let people = ["alice", "bob", "carol"];
    let world = people
        .into_iter()
        .fold(group().group("/admins"), |world, name| world.member(name).account(name));
    let world = started(world).await;
    for name in ["alice", "bob"] {
        world.mas.state().user_mut(name).expect("seeded").admin = true;
    }
    change(&world, |realm| realm.silently(|realm| realm.join("bob", "/admins")));
    let more = "[policy]\nprotect_admins = false\n[admins]\ngroups = [\"/admins\"]\n";
    let watching = watching(&world, &format!("{NO_LIMITS}{more}")).await;
    until_so("alice has no right", async || !world.parts_of("alice").mas_admin).await;
    watching.has_run(IN_STEP, 1).await;
    change(&world, |realm| realm.leave("bob", "/matrix-users"));
    change(&world, |realm| realm.leave("carol", "/matrix-users"));
    until_so("carol is out", async || world.state_of("carol") == account(true, true)).await;
    assert_eq!(world.state_of("bob"), account(false, false), "{}", watching.log());
}
