//! Before an account is disabled, both servers are asked about it.

use matrix_keycloak_sync::standins::{Auth, Fault, RunningWorld, SeenRequest, World};
use serde_json::{Value, json};

use crate::harness::{
    BY_BOTH, BY_MAS, EVERY_WAY, NO_LIMITS, account, by_hand, everyone, group, program, program_by,
    program_with, settings, started, the_table,
};
use crate::sections::PROTECT;

/// The member list with only these members.
pub(crate) fn list_of(world: &RunningWorld, names: &[&str]) -> Fault {
    let mut state = world.keycloak.state();
    let realm = state.realm("corp");
    let row = |name: &&str| {
        let user = realm.user(name).expect("seeded");
        json!({"id": user.id, "username": user.username, "enabled": user.enabled})
    };
    Fault::Json(names.iter().map(row).collect::<Vec<Value>>().into())
}

#[tokio::test]
async fn only_this_account_is_kept_if_its_second_look_fails() {
    let world = started(the_table().user("dora").account("dora")).await;
    let refused = Fault::Status(400, "{\"errorMessage\": \"Could not bind\"}".to_owned());
    world.keycloak.faults().on("username=dave").answer(refused);
    let run = program(&world).file(&world, NO_LIMITS).run("sync --format json").exits(4);
    let actions = [
        "activate bob in_group done",
        "disable dave not_in_group skipped",
        "disable dora not_in_group done",
    ];
    assert_eq!(run.actions(), actions);
    let error = run.json()["actions"][1]["error"].to_string();
    assert!(error.contains("Keycloak: GET ") && error.contains("Could not bind"), "{error}");
    assert_eq!(
        ["dave", "dora"].map(|name| world.state_of(name)),
        [account(false, false), account(true, true)]
    );
    run.tells(&["the second look failed; the first is @dave:example.org"]);
}

#[tokio::test]
async fn nothing_is_changed_if_every_second_look_fails() {
    let world = started(the_table()).await;
    let before = everyone(&world);
    world.keycloak.faults().on("/users").answer(Fault::Status(500, String::new()));
    let run = program(&world).run("sync").exits(1);
    run.tells(&[
        "the second look failed for all accounts (2 tried)",
        "because: Keycloak: GET ",
        "/users",
        "hint: ",
    ]);
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn account_is_kept_too_if_synapse_fails_at_the_second_look() {
    let world = started(the_table().user("dora").account("dora")).await;
    world.synapse.faults().on("/v2/users/@dave").times(1).answer(Fault::Status(500, String::new()));
    let run = program(&world).file(&world, NO_LIMITS).run("sync --format json").exits(4);
    assert!(run.actions().contains(&"disable dave not_in_group skipped".to_owned()), "{run:?}");
}

#[tokio::test]
async fn truncated_list_is_an_error_not_a_short_list() {
    let world = started(the_table()).await;
    let before = everyone(&world);
    let broken = "[{\"id\":\"1\",\"username\":\"alice\",\"enabled\":true},{\"id\":\"2\",{\"error\":\"unknown_error\"}";
    world.keycloak.faults().on("/members").answer(Fault::Status(200, broken.to_owned()));
    let run = program(&world).run("sync").exits(1);
    run.tells(&[
        "Keycloak: GET ",
        "/members",
        "the answer is not of the expected kind",
        "because: ",
        "hint: ",
    ]);
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn account_is_kept_and_the_contradiction_reported_if_the_list_lacks_a_member() {
    let world =
        started(group().member("alice").account("alice").member("bea").account("bea")).await;
    let short = list_of(&world, &["alice"]);
    world.keycloak.faults().on("/members").answer(short);
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!(
        (run.kept(), run.actions()),
        (vec!["bea in_group_at_second_look".to_owned()], vec![])
    );
    assert_eq!(run.json()["contradictions"], 1);
    run.tells(&["answers about 1 user disagree"]);
}

#[tokio::test]
async fn user_who_joins_after_the_list_was_read_is_kept() {
    let world = started(the_table()).await;
    let state = world.keycloak.shared();
    world
        .keycloak
        .faults()
        .on("/users?")
        .before(move |_| state.lock().realm("corp").join("dave", "/matrix-users"));
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!(run.kept(), ["dave in_group_at_second_look"]);
    assert_eq!(world.state_of("dave"), account(false, false));
}

#[tokio::test]
async fn account_dropped_by_the_second_look_counts_for_no_limit() {
    let world = (0..30).fold(group().member("alice"), |world, n| {
        world.bridge_account(&format!("irc_{n:02}"), "irc")
    });
    let world = started(world.user("dave").account("dave")).await;
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!(
        (run.actions(), run.kept().len()),
        (vec!["disable dave not_in_group done".to_owned()], 30)
    );
}

#[tokio::test]
async fn administrator_and_bot_known_only_to_synapse_are_kept_though_mas_lists_the_accounts() {
    let world = group()
        .member("alice")
        .account("alice")
        .user("boss")
        .account("boss")
        .user("robot")
        .account("robot");
    let world = started(world).await;
    {
        let mut synapse = world.synapse.state();
        synapse.account_mut("boss").expect("seeded").admin = true;
        synapse.account_mut("robot").expect("seeded").user_type = Some("bot".to_owned());
    }
    for way in EVERY_WAY.iter().filter(|way| way.source == "mas") {
        let file = format!("{NO_LIMITS}{}", settings(&world, *way));
        let program = program_with(&world, Auth::ClientCredentials)
            .file(&world, &file)
            .hiding(world.mas_client_secret());
        let run = program.run("sync --format json").exits(0);
        assert_eq!(
            (run.actions(), run.kept()),
            (vec![], vec!["boss admin".to_owned(), "robot bot".to_owned()])
        );
    }
}

/// Alice, who owns the token, and bob are members; dave and dora are not. Bob's account is
/// disabled.
fn bob_and_dave() -> World {
    let world = group().member("alice").account("alice").member("bob").disabled_account("bob");
    world.user("dave").account("dave").user("dora").account("dora").token_owner("alice")
}

pub(crate) fn id_in_keycloak(world: &RunningWorld, name: &str) -> String {
    world.keycloak.state().realm("corp").user(name).expect("seeded").id.clone()
}

#[tokio::test]
async fn member_locked_by_hand_after_the_lists_were_read_is_not_unlocked() {
    for way in EVERY_WAY {
        let world = started(bob_and_dave()).await;
        let (mas, synapse) = (world.mas.shared(), world.synapse.shared());
        // An administrator reactivates bob and keeps the lock, just before the servers are asked
        // about him.
        let by_hand = move |_: &SeenRequest| {
            mas.lock().user_mut("bob").expect("seeded").deactivated_at = None;
            synapse.lock().account_mut("bob").expect("seeded").deactivated = false;
        };
        let in_mas = format!("/users/{}", world.mas.state().user("bob").expect("seeded").id);
        world.synapse.faults().on("/v2/users/@bob").before(by_hand.clone());
        world.mas.admin().faults().on(&in_mas).before(by_hand);
        let run = program_by(&world, way, NO_LIMITS).run("sync --format json").exits(0);
        assert_eq!(run.kept(), ["bob locked_by_hand"], "{way:?}");
        assert!(!run.actions().iter().any(|action| action.contains("bob")), "{way:?}");
        assert_eq!(world.state_of("bob"), account(true, false), "{way:?}");
    }
}

#[tokio::test]
async fn deactivated_member_locked_by_hand_after_the_lists_were_read_is_not_unlocked() {
    for way in EVERY_WAY {
        let world = started(group().member("bob").deactivated_account("bob")).await;
        let (mas, synapse) = (world.mas.shared(), world.synapse.shared());
        let lock = move |_: &SeenRequest| {
            let now = "2026-11-01T00:00:00Z".to_owned();
            mas.lock().user_mut("bob").expect("seeded").locked_at = Some(now);
            synapse.lock().account_mut("bob").expect("seeded").locked = true;
        };
        let in_mas = format!("/users/{}", world.mas.state().user("bob").expect("seeded").id);
        world.synapse.faults().on("/v2/users/@bob").before(lock.clone());
        world.mas.admin().faults().on(&in_mas).before(lock);
        let sections = format!("{NO_LIMITS}{PROTECT}");
        let run = program_by(&world, way, &sections).run("sync --format json").exits(0);
        assert_eq!((run.actions(), &run.json()["contradictions"]), (vec![], &1.into()), "{way:?}");
        assert_eq!(world.state_of("bob"), account(true, true), "{way:?}");
    }
}

#[tokio::test]
async fn lock_by_hand_of_an_account_outside_the_group_stays_if_mas_no_longer_has_it_deactivated() {
    let world =
        started(group().member("alice").account("alice").user("dave").account("dave")).await;
    by_hand(&world, "dave", true, true);
    world.synapse.state().account_mut("dave").expect("seeded").deactivated = false;
    let mas = world.mas.shared();
    let by_id = format!("/users/{}", world.mas.state().user("dave").expect("seeded").id);
    let reactivate =
        move |_: &SeenRequest| mas.lock().user_mut("dave").expect("seeded").deactivated_at = None;
    world.mas.admin().faults().on(&by_id).before(reactivate);
    let run = program_by(&world, BY_BOTH, NO_LIMITS).run("sync --format json").exits(0);
    assert_eq!((run.actions(), run.kept()), (vec![], vec![]));
    assert_eq!(world.state_of("dave"), account(true, false));
}

#[tokio::test]
async fn account_whose_look_always_fails_blocks_neither_activations_nor_other_disables() {
    for way in EVERY_WAY {
        let world = started(bob_and_dave()).await;
        let refused = Fault::Status(400, "{\"errorMessage\": \"Could not bind\"}".to_owned());
        let by_id = format!("/users/{}", id_in_keycloak(&world, "dave"));
        for part in ["username=dave", &*by_id] {
            world.keycloak.faults().on(part).answer(refused.clone());
        }
        let sync =
            || program_by(&world, way, NO_LIMITS).run("sync --format json").exits(4).actions();
        let first = [
            "activate bob in_group done",
            "disable dave not_in_group skipped",
            "disable dora not_in_group done",
        ];
        assert_eq!(sync(), first, "{way:?}");
        // Without Synapse the run does not wait for MAS's jobs.
        assert!(world.settle().await);
        world.join("dora");
        assert_eq!(
            sync(),
            ["disable dave not_in_group skipped", "activate dora in_group done"],
            "{way:?}"
        );
        assert_eq!(world.state_of("dave"), account(false, false));
    }
}

#[tokio::test]
async fn activation_whose_look_always_fails_blocks_no_disable() {
    for way in EVERY_WAY {
        let world = started(bob_and_dave()).await;
        let bob = format!("/users/{}", id_in_keycloak(&world, "bob"));
        world.keycloak.faults().on(&bob).answer(Fault::Status(500, String::new()));
        let run = program_by(&world, way, NO_LIMITS).run("sync --format json").exits(4);
        let actions = [
            "activate bob in_group skipped",
            "disable dave not_in_group done",
            "disable dora not_in_group done",
        ];
        assert_eq!(run.actions(), actions, "{way:?}");
        assert_eq!(world.state_of("bob"), account(true, true));
    }
}

#[tokio::test]
async fn user_with_an_odd_name_blocks_nothing() {
    for way in EVERY_WAY {
        // The first is a member whose name MAS does not accept, the second is outside the group.
        let world =
            started(bob_and_dave().member("o'brien @work").user("j\u{fc}rgen (extern)")).await;
        let run = program_by(&world, way, NO_LIMITS).run("sync --format json").exits(0);
        let actions = [
            "activate bob in_group done",
            "disable dave not_in_group done",
            "disable dora not_in_group done",
        ];
        assert_eq!(run.actions(), actions, "{way:?}");
        assert_eq!(run.json()["unnamed"][0]["username"], "o'brien @work", "{way:?}");
    }
}

#[tokio::test]
async fn user_who_becomes_an_administrator_of_mas_after_the_list_is_kept() {
    for way in [BY_MAS, BY_BOTH] {
        let world = started(the_table()).await;
        let mas = world.mas.shared();
        world.keycloak.faults().on("/users").before(move |_| {
            mas.lock().user_mut("dave").expect("seeded").admin = true;
        });
        let sections = format!("{NO_LIMITS}{PROTECT}");
        let run = program_by(&world, way, &sections).run("sync --format json").exits(0);
        assert!(run.kept().contains(&"dave admin".to_owned()), "{way:?}: {run:?}");
        assert_eq!(world.state_of("dave"), account(false, false), "{way:?}");
    }
}

#[tokio::test]
async fn user_of_a_group_that_was_made_again_meanwhile_is_not_disabled() {
    let world = started(the_table()).await;
    let keycloak = world.keycloak.shared();
    // The group has another ID when the users are asked for.
    world.keycloak.faults().on("/users").times(1).before(move |_| {
        let mut keycloak = keycloak.lock();
        let realm = keycloak.realm("corp");
        realm.delete_group("/matrix-users");
        realm.add_group("/matrix-users");
        realm.join("dave", "/matrix-users");
    });
    let run = program(&world).file(&world, NO_LIMITS).run("sync --format json");
    assert_eq!(world.state_of("dave"), account(false, false), "{run:?}");
    run.exits(4).tells(&["the group /matrix-users is another one"]);
}
