//! An answer about another user than the requested one is never used, and never means "not found".

use matrix_keycloak_sync::standins::{Fault, Faults, RunningWorld, SeenRequest};
use serde_json::{Value, json};

use crate::harness::{
    BY_BOTH, BY_MAS, NO_LIMITS, Program, Way, account, everyone, group, program_by, started,
};
use crate::sections::PROTECT;
use crate::watch::watching::{QUICK, start};

/// Dave and Dora are outside the group, Alice is in it, Mallory is a disabled member.
async fn world() -> RunningWorld {
    let world =
        group().member("alice").account("alice").disabled_member("mallory").account("mallory");
    started(world.user("dave").account("dave").user("dora").account("dora")).await
}

fn by(world: &RunningWorld, way: Way) -> Program {
    program_by(world, way, &format!("{PROTECT}{NO_LIMITS}"))
}

fn keycloak_id(world: &RunningWorld, name: &str) -> String {
    world.keycloak.state().realm("corp").user(name).expect("seeded").id.clone()
}

fn mas_id(world: &RunningWorld, name: &str) -> String {
    world.mas.state().user(name).expect("seeded").id.clone()
}

fn alice_in_keycloak(world: &RunningWorld) -> Value {
    json!({"id": keycloak_id(world, "alice"), "username": "alice", "enabled": true})
}

fn alice_in_mas(world: &RunningWorld) -> Value {
    let attributes = json!({
        "username": "alice", "locked_at": null, "deactivated_at": null, "admin": false, "legacy_guest": false,
    });
    json!({"data": {"type": "user", "id": mas_id(world, "alice"), "attributes": attributes}})
}

fn alice_in_synapse() -> Value {
    json!({"name": "@alice:example.org", "deactivated": false, "locked": false, "admin": false})
}

/// Answers the requests to this path with this.
fn answer(faults: &Faults, path_ends_with: &str, with: Value) {
    let end = path_ends_with.to_owned();
    faults.matching(move |seen: &SeenRequest| seen.path.ends_with(&end)).answer(Fault::Json(with));
}

/// Runs a sync that skips this account because of the answer, and does the rest.
fn skips(world: &RunningWorld, way: Way, name: &str, asked: &str) {
    let run = by(world, way).run("sync --format json").exits(4);
    let skipped: Vec<_> =
        run.actions().into_iter().filter(|line| line.ends_with("skipped")).collect();
    assert!(
        matches!(&*skipped, [only] if only.starts_with(&format!("disable {name} "))),
        "{run:?}"
    );
    let actions = run.json()["actions"].clone();
    let action =
        actions.as_array().expect("a list").iter().find(|action| action["localpart"] == name);
    let error = action.expect("an action")["error"].to_string();
    assert!(error.contains(asked) && error.contains("about another user"), "{error}");
    assert_eq!(world.state_of(name), account(false, false));
    assert_eq!(world.state_of("dora").mas, account(true, true).mas);
}

#[tokio::test]
async fn keycloak_answers_to_an_id_with_another_user() {
    let world = world().await;
    let id = keycloak_id(&world, "mallory");
    answer(world.keycloak.faults(), &format!("/users/{id}"), alice_in_keycloak(&world));
    skips(&world, BY_BOTH, "mallory", &id);
}

#[tokio::test]
async fn keycloak_answers_to_a_name_with_another_user() {
    let world = world().await;
    // Without a link, only the name says whose account it is.
    world.unlink("dave");
    world
        .keycloak
        .faults()
        .on("username=dave")
        .answer(Fault::Json(json!([alice_in_keycloak(&world)])));
    skips(&world, BY_BOTH, "dave", "username=dave");
}

#[tokio::test]
async fn mas_answers_to_an_id_with_another_user() {
    let world = world().await;
    let id = mas_id(&world, "dave");
    answer(world.mas.admin().faults(), &format!("/users/{id}"), alice_in_mas(&world));
    skips(&world, BY_MAS, "dave", &id);
}

#[tokio::test]
async fn mas_answers_to_an_id_with_another_name() {
    let world = world().await;
    let id = mas_id(&world, "dave");
    let mut other = alice_in_mas(&world);
    other["data"]["id"] = json!(id);
    answer(world.mas.admin().faults(), &format!("/users/{id}"), other);
    skips(&world, BY_MAS, "dave", &id);
}

#[tokio::test]
async fn synapse_answers_with_another_account() {
    let world = world().await;
    answer(world.synapse.faults(), "/v2/users/@dave:example.org", alice_in_synapse());
    skips(&world, BY_BOTH, "dave", "/v2/users/@dave:example.org");
}

/// Runs a `watch` in which Alice leaves and a server answers about another user.
async fn fails_a_round(way: Way, fault: impl Fn(&RunningWorld)) {
    let world =
        started(group().member("alice").account("alice").member("bob").account("bob")).await;
    let program = program_by(&world, way, &format!("{QUICK}{PROTECT}{NO_LIMITS}"));
    let watching = start(&world, program);
    watching.is_ready().await;
    let before = everyone(&world);
    fault(&world);
    world.keycloak.faults().on("/members").answer(Fault::Status(500, String::new()));
    world.leave("alice");
    // The full run that follows could tell who has left.
    watching.has_run("kind=\"full\",result=\"failed\"", 1).await;
    watching.has_logged("about another user");
    assert_eq!(everyone(&world), before);
}

fn bob_in_keycloak(world: &RunningWorld) -> Value {
    json!({"id": keycloak_id(world, "bob"), "username": "bob", "enabled": true})
}

#[tokio::test]
async fn watch_refuses_another_user_of_keycloak() {
    fails_a_round(BY_BOTH, |world| {
        let id = keycloak_id(world, "alice");
        answer(world.keycloak.faults(), &format!("/users/{id}"), bob_in_keycloak(world));
    })
    .await;
}

#[tokio::test]
async fn watch_refuses_another_account_of_synapse() {
    fails_a_round(BY_BOTH, |world| {
        let bob = json!({"name": "@bob:example.org", "deactivated": false, "admin": false});
        answer(world.synapse.faults(), "/v2/users/@alice:example.org", bob);
    })
    .await;
}

#[tokio::test]
async fn watch_refuses_another_user_of_mas() {
    for way in [BY_BOTH, BY_MAS] {
        fails_a_round(way, |world| {
            let mut bob = alice_in_mas(world);
            bob["data"]["id"] = json!(mas_id(world, "bob"));
            bob["data"]["attributes"]["username"] = json!("bob");
            answer(world.mas.admin().faults(), "/users/by-username/alice", bob);
        })
        .await;
    }
}

#[tokio::test]
async fn keycloak_answers_to_a_group_with_another_group() {
    let world = started(group().member("alice").account("alice").group("/other")).await;
    let group_id = |path: &str| {
        let mut state = world.keycloak.state();
        state.realm("corp").group_by_path(path).expect("seeded").id.clone()
    };
    let (ours, other) = (group_id("/matrix-users"), group_id("/other"));
    let group = json!({"id": other, "name": "other", "path": "/other", "subGroupCount": 0, "subGroups": []});
    answer(world.keycloak.faults(), &format!("/groups/{ours}"), group);
    let run = by(&world, BY_BOTH).env("KC_GROUP_NAME", &ours).run("sync").exits(1);
    run.tells(&["Keycloak: GET ", &ours, "about another group", "hint: "]);
}
