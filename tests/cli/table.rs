//! The rule, row by row, from the command line to the accounts.

use serde_json::json;

use crate::harness::{account, everyone, program, started, the_table};

#[tokio::test]
async fn every_row_of_the_table() {
    let world = started(the_table()).await;
    let run = program(&world).run("sync --format json").exits(0);
    let mut actions = run.json()["actions"].clone();
    for action in actions.as_array_mut().expect("a list") {
        let user = action.as_object_mut().and_then(|action| action.remove("keycloak")).expect("a user of Keycloak");
        assert_eq!(user["username"], action["localpart"]);
    }
    let done = json!([
        {"action": "activate", "localpart": "bob", "user_id": "@bob:example.org", "reason": "in_group", "outcome": "done"},
        {"action": "disable", "localpart": "dave", "user_id": "@dave:example.org", "reason": "not_in_group", "outcome": "done"},
    ]);
    assert_eq!(actions, done);
    assert_eq!(run.json()["not_registered"], json!(["zoe.new"]));
    assert_eq!(run.json()["kept"], json!([{"localpart": "matrix-sync-bot", "reason": "token_owner"}]));
    let summary = json!({"activate": 1, "disable": 1, "unchanged": 2, "not_registered": 1, "kept": 1});
    assert_eq!(run.json()["summary"], summary);

    let states = ["alice", "bob", "dave", "erin"].map(|name| world.state_of(name));
    assert_eq!(states, [account(false, false), account(false, false), account(true, true), account(true, true)]);
}

#[tokio::test]
async fn a_plan_and_a_dry_run_change_nothing_and_say_the_same() {
    let world = started(the_table()).await;
    let before = everyone(&world);
    let plan = program(&world).run("plan --format json").exits(0);
    let dry_run = program(&world).run("sync --dry-run --format json").exits(0);
    assert_eq!(plan.stdout, dry_run.stdout);
    assert_eq!(plan.actions(), ["activate bob in_group", "disable dave not_in_group"]);
    assert_eq!((world.mas.requests().count("/stand-in/manage"), everyone(&world)), (0, before));
}

#[tokio::test]
async fn a_second_run_finds_nothing_to_do() {
    let world = started(the_table()).await;
    program(&world).run("sync").exits(0);
    let calls = world.mas.requests().count("/stand-in/manage");
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!(run.actions(), [""; 0]);
    assert_eq!(world.mas.requests().count("/stand-in/manage"), calls);
    program(&world).run("sync").exits(0).prints(&["Nothing to do: everything is in step."]);
}

#[tokio::test]
async fn detailed_exit_code_shows_whether_there_are_changes() {
    let world = started(the_table()).await;
    program(&world).run("plan --detailed-exitcode").exits(2);
    program(&world).run("sync").exits(0);
    program(&world).run("plan --detailed-exitcode").exits(0);
}
