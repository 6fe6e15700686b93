//! The rule, row by row, from the command line to the accounts.

use matrix_keycloak_sync::standins::World;
use serde_json::json;

use crate::harness::program;

/// One person for each row of the table, and the owner of the token.
fn the_table() -> World {
    World::new("example.org")
        .group("/matrix-users")
        .member("alice")
        .account("alice")
        .member("bob")
        .disabled_account("bob")
        .member("zoe.new")
        .user("dave")
        .account("dave")
        .user("erin")
        .disabled_account("erin")
}

#[tokio::test]
async fn every_row_of_the_table() {
    let world = the_table().start().await.expect("a world");
    let run = program(&world).run("sync --format json").exits(0);
    let done = json!([
        {"action": "activate", "localpart": "bob", "user_id": "@bob:example.org", "reason": "in_group", "outcome": "done"},
        {"action": "disable", "localpart": "dave", "user_id": "@dave:example.org", "reason": "not_in_group", "outcome": "done"},
    ]);
    assert_eq!(run.json()["actions"], done);
    assert_eq!(run.json()["not_registered"], json!(["zoe.new"]));
    assert_eq!(run.json()["kept"], json!([{"localpart": "matrix-sync-bot", "reason": "token_owner"}]));
    let summary = json!({"activate": 1, "disable": 1, "unchanged": 2, "not_registered": 1, "kept": 1});
    assert_eq!(run.json()["summary"], summary);
    println!("{}", program(&world).run("plan").stdout);
    println!("{}", program(&world).run("explain dave").stdout);
}
