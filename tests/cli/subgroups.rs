//! Which groups are subgroups of a configured one: parents decide, paths do not.

use matrix_keycloak_sync::standins::{Fault, NewUser, RunningWorld, SeenRequest, World};
use serde_json::json;

use crate::harness::{NO_LIMITS, Run, group, program, started};

const SUBGROUPS: &str = "[keycloak]\ninclude_subgroups = true\n";

fn sync(world: &RunningWorld) -> Run {
    program(world).file(world, &format!("{SUBGROUPS}{NO_LIMITS}")).run("sync --format json")
}

/// Alice is a member; Dave has an account and is in no group.
fn in_step() -> World {
    group().member("alice").account("alice").user("dave").account("dave")
}

/// Puts a user into the group of this ID.
fn join_by_id(world: &RunningWorld, name: &str, group: &str) {
    let mut state = world.keycloak.state();
    state.realm("corp").user_mut(name).expect("seeded").groups.insert(group.to_owned());
}

#[tokio::test]
async fn a_group_with_a_slash_in_its_name_is_no_subgroup() {
    for world in [in_step(), in_step().old_keycloak()] {
        let world = world.member_of("/matrix-users/intern", "erin").account("erin");
        let world = started(world.group_named("", "matrix-users/extern")).await;
        let id = world.keycloak.state().realm("corp").add_group_named("", "matrix-users/other");
        join_by_id(&world, "dave", &id);
        let run = sync(&world).exits(0);
        assert_eq!(
            (run.actions(), run.kept()),
            (vec!["disable dave not_in_group done".to_owned()], vec![])
        );
        assert_eq!(run.json()["read"]["members"], 2);
    }
}

#[tokio::test]
async fn a_subgroup_with_a_slash_in_its_name_is_one() {
    for world in [in_step(), in_step().old_keycloak()] {
        let world = started(world).await;
        let state = world.keycloak.shared();
        let new = move |_: &SeenRequest| {
            let mut state = state.lock();
            let id = state.realm("corp").add_group_named("/matrix-users", "a/b");
            state.realm("corp").user_mut("dave").expect("seeded").groups.insert(id);
        };
        world.keycloak.faults().on("username=dave").times(1).before(new);
        let run = sync(&world).exits(0);
        assert_eq!(run.kept(), ["dave in_group_at_second_look"]);
    }
}

#[tokio::test]
async fn a_subgroup_newer_than_the_list_counts_at_any_depth() {
    for (path, old) in [
        ("/matrix-users/new", false),
        ("/matrix-users/new/deep/deeper", false),
        ("/matrix-users/new", true),
    ] {
        let world = if old { in_step().old_keycloak() } else { in_step() };
        let world = started(world).await;
        let state = world.keycloak.shared();
        world.keycloak.faults().on("username=dave").times(1).before(move |_| {
            let mut state = state.lock();
            state.realm("corp").add_group(path);
            state.realm("corp").join("dave", path);
        });
        let run = sync(&world).exits(0);
        assert_eq!(
            (run.kept(), run.actions()),
            (vec!["dave in_group_at_second_look".to_owned()], vec![]),
            "{path}"
        );
    }
}

#[tokio::test]
async fn other_groups_do_not_count_and_each_is_requested_once() {
    for old in [false, true] {
        let world = if old { in_step().old_keycloak() } else { in_step() };
        let world = (0..20).map(|number| format!("d{number}")).fold(world, |world, name| {
            world.with_user(NewUser::new(&name).in_group("/other/matrix-users/deep")).account(&name)
        });
        let world = started(world).await;
        let run = program(&world)
            .env("KC_GROUP_NAME", "/matrix-users")
            .file(&world, &format!("{SUBGROUPS}{NO_LIMITS}"))
            .run("sync --format json")
            .exits(0);
        assert_eq!(run.actions().len(), 21, "{run:?}");
        assert!(run.actions().iter().all(|line| line.ends_with("not_in_group done")));
        if !old {
            let mut state = world.keycloak.state();
            let parent = state
                .realm("corp")
                .group_by_path("/other/matrix-users")
                .expect("seeded")
                .id
                .clone();
            drop(state);
            let asked = world.keycloak.requests().count(&format!("/groups/{parent}"));
            // Users rechecked at the same time may each request it; there is no later request.
            assert!((1..=8).contains(&asked), "{asked}");
        }
    }
}

#[tokio::test]
async fn account_is_skipped_if_a_parent_group_is_not_visible() {
    let world = in_step().with_user(NewUser::new("erin").in_group("/other/deep")).account("erin");
    let world = started(world).await;
    let (state, shared) = (world.keycloak.shared(), world.keycloak.shared());
    let parent = state.lock().realm("corp").group_by_path("/other").expect("seeded").id.clone();
    let refused = Fault::Status(403, "{\"error\": \"HTTP 403 Forbidden\"}".to_owned());
    world.keycloak.faults().on(&format!("/groups/{parent}")).answer(refused.clone());
    world.keycloak.faults().on("username=dave").times(1).before(move |_| {
        let mut state = shared.lock();
        state.realm("corp").add_group("/matrix-users/new/deep");
        state.realm("corp").join("dave", "/matrix-users/new/deep");
    });
    let is_new = move |seen: &SeenRequest| {
        let mut state = state.lock();
        let new =
            state.realm("corp").group_by_path("/matrix-users/new").map(|group| group.id.clone());
        new.is_some_and(|id| seen.path.ends_with(&format!("/groups/{id}")))
    };
    world.keycloak.faults().matching(is_new).answer(refused);
    let run = sync(&world).exits(0);
    assert_eq!(run.kept(), ["dave in_group_at_second_look"]);
    assert_eq!(run.actions(), ["disable erin not_in_group done"]);
}

#[tokio::test]
async fn groups_above_themselves_skip_the_account() {
    let world = started(in_step().user("erin").account("erin")).await;
    let id = world.keycloak.state().realm("corp").user("dave").expect("seeded").id.clone();
    let row =
        |id: &str, parent: &str| json!({"id": id, "name": id, "path": "/x/y", "parentId": parent});
    world
        .keycloak
        .faults()
        .on(&format!("/users/{id}/groups"))
        .answer(Fault::Json(json!([row("g1", "g2")])));
    world.keycloak.faults().on("/groups/g2").answer(Fault::Json(row("g2", "g1")));
    let run = sync(&world).exits(4);
    assert_eq!(
        run.actions(),
        ["disable dave not_in_group skipped", "disable erin not_in_group done"]
    );
    assert!(
        run.json()["actions"][0]["error"].to_string().contains("among the groups above itself")
    );
}
