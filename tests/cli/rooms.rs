//! The rooms of an account are recorded before a deactivation makes it leave them.

use matrix_keycloak_sync::standins::{Fault, RunningWorld};
use serde_json::json;

use crate::harness::{EVERY_WAY, NO_LIMITS, Way, account, program_by, started, the_table};
use crate::sections::PROTECT;

/// A world in which Dave, who has left, is in two rooms.
async fn world_with_rooms() -> RunningWorld {
    let world = started(the_table()).await;
    {
        let mut synapse = world.synapse.state();
        synapse.add_room("!lobby:example.org").name = Some("Lobby".to_owned());
        let dave = synapse.account_mut("dave").expect("seeded");
        dave.rooms = ["!lobby:example.org", "!dm:example.org"].map(str::to_owned).into();
    }
    world
}

fn sync(world: &RunningWorld, way: Way, more: &str, code: i32) {
    let toml = format!("{PROTECT}{more}{NO_LIMITS}");
    program_by(world, way, &toml).run("sync").exits(code);
}

fn rooms_in_history(world: &RunningWorld, way: Way) -> serde_json::Value {
    let run = program_by(world, way, PROTECT).run("history 1 --format json").exits(0).json();
    let actions = run["actions"].as_array().expect("actions").clone();
    let dave = actions.into_iter().find(|action| action["user_id"] == "@dave:example.org");
    dave.expect("an action")["rooms"].clone()
}

#[tokio::test]
async fn rooms_are_in_the_history_and_undo_lists_them() {
    let way = EVERY_WAY[0];
    let world = world_with_rooms().await;
    sync(&world, way, "", 0);
    assert!(world.settle().await);
    assert!(world.synapse.state().account("dave").expect("seeded").rooms.is_empty());
    let rooms = json!([
        {"room_id": "!lobby:example.org", "name": "Lobby"},
        {"room_id": "!dm:example.org"},
    ]);
    assert_eq!(rooms_in_history(&world, way), rooms);
    let program = || program_by(&world, way, PROTECT);
    program().run("history 1").exits(0).matches(&world, "history_with_rooms");
    program().run("undo 1 --dry-run").exits(0).prints(&["dave: Lobby (!lobby:example.org), !dm:"]);
}

#[tokio::test]
async fn rooms_are_recorded_by_both_writers_if_synapse_is_configured() {
    for way in EVERY_WAY {
        let world = world_with_rooms().await;
        sync(&world, way, "", 0);
        let is_recorded = rooms_in_history(&world, way).is_array();
        assert_eq!(is_recorded, way.source == "synapse", "{way:?}");
    }
}

#[tokio::test]
async fn lock_asks_for_no_rooms() {
    let world = world_with_rooms().await;
    sync(&world, EVERY_WAY[0], "disable = \"lock\"\n", 0);
    assert!(rooms_in_history(&world, EVERY_WAY[0]).is_null());
    assert_eq!(world.synapse.requests().count("/joined_rooms"), 0);
}

#[tokio::test]
async fn account_is_deactivated_although_its_rooms_cannot_be_read() {
    let world = world_with_rooms().await;
    world.synapse.faults().on("/joined_rooms").answer(Fault::Status(500, String::new()));
    let toml = format!("{PROTECT}{NO_LIMITS}");
    let run = program_by(&world, EVERY_WAY[0], &toml).run("sync").exits(0);
    run.tells(&["the rooms of @dave:example.org are not recorded before it is deactivated"]);
    assert!(world.settle().await);
    assert_eq!(world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn room_whose_name_cannot_be_read_is_recorded_by_its_id() {
    let world = world_with_rooms().await;
    world.synapse.faults().on("/v1/rooms/").answer(Fault::Status(500, String::new()));
    sync(&world, EVERY_WAY[0], "", 0);
    let rooms = json!([{"room_id": "!dm:example.org"}, {"room_id": "!lobby:example.org"}]);
    assert_eq!(rooms_in_history(&world, EVERY_WAY[0]), rooms);
}

#[tokio::test]
async fn rooms_of_the_others_are_recorded_if_one_account_fails_or_names_take_too_long() {
    let way = EVERY_WAY[0];
    let world = world_with_rooms().await;
    for name in ["carl", "erik"] {
        world.keycloak.state().realm("corp").add_user(name);
        world.mas.state().add_user(name);
        world.synapse.state().add_account(name).rooms = ["!dm:example.org".to_owned()].into();
    }
    world
        .synapse
        .faults()
        .on("/users/@carl:example.org/joined_rooms")
        .answer(Fault::Status(500, String::new()));
    world.synapse.faults().on("/admin/v1/rooms/").answer(Fault::Hang);
    sync(&world, way, "", 0);
    let by_id = json!([{"room_id": "!dm:example.org"}, {"room_id": "!lobby:example.org"}]);
    assert_eq!(rooms_in_history(&world, way), by_id);
}
