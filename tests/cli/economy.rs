//! What a run costs the servers.

use matrix_keycloak_sync::standins::{NewAccount, NewUser};
use serde_json::json;

use crate::harness::{NO_LIMITS, group, program, started};

/// A page that takes long does not double the size of the next one: then there is one more.
#[tokio::test]
async fn ten_thousand_unchanged_accounts_need_a_dozen_requests() {
    let world = started(group().members(10_000, "u").accounts(10_000, "u")).await;
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!(run.json()["read"], json!({"members": 10_000, "accounts": 10_001}));
    assert_eq!(run.json()["summary"]["unchanged"], 10_000);
    assert_eq!(world.mas.requests().count("/stand-in/manage"), 0);
    let requests = world.keycloak.requests().all().len() + world.synapse.requests().all().len();
    assert!(requests <= 14, "{requests} requests");
}

#[tokio::test]
async fn only_accounts_that_would_be_disabled_are_rechecked() {
    let world =
        started(group().members(50, "u").accounts(50, "u").user("dave").account("dave")).await;
    program(&world).run("plan").exits(0);
    let looked_at =
        |path: &str| world.keycloak.requests().count(path) + world.synapse.requests().count(path);
    assert_eq!(
        (looked_at("username=dave"), looked_at("/v2/users/@"), looked_at("username=")),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn member_is_not_requested_by_a_weak_sign_if_a_name_ties_the_account() {
    let dave = NewAccount::new("dave").displayname("Dora Doe");
    let world = group().member("alice").account("alice").user("dave").with_account(dave);
    let world = started(world.with_user(NewUser::member("dora").named("Dora", "Doe"))).await;
    let id = world.keycloak.state().realm("corp").user("dora").expect("seeded").id.clone();
    let run = program(&world).file(&world, NO_LIMITS).run("plan --format json").exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group"]);
    assert_eq!(world.keycloak.requests().count(&format!("/users/{id}")), 0);
}
