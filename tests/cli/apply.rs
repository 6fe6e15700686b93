//! A saved plan: exactly what was read is done, minus what has changed since, and never more.

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::{NO_LIMITS, Run, account, everyone, group, program, program_for, started, the_table, write};

/// Saves a plan and returns its path.
fn saved(world: &RunningWorld, toml: &str) -> String {
    let path = world.directory().join("plan.json").display().to_string();
    program(world).file(world, toml).run(&format!("plan --out {path}")).exits(0).prints(&["Plan for example.org"]);
    path
}

fn apply(world: &RunningWorld, path: &str, toml: &str) -> Run {
    program(world).file(world, toml).run(&format!("apply {path}"))
}

/// Changes the saved text.
fn tampered(world: &RunningWorld, path: &str, from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(path).expect("saved");
    assert!(text.contains(from), "{text}");
    write(world, "tampered.json", &text.replace(from, to)).display().to_string()
}

#[tokio::test]
async fn saved_plan_is_applied() {
    let world = started(the_table()).await;
    let path = saved(&world, "");
    apply(&world, &path, "").exits(0).prints(&["1 activated, 1 disabled"]);
    assert_eq!(["bob", "dave"].map(|name| world.state_of(name)), [account(false, false), account(true, true)]);
}

#[tokio::test]
async fn a_printed_plan_can_be_applied_too() {
    let world = started(the_table()).await;
    let printed = program(&world).run("plan --format json").stdout;
    let path = write(&world, "printed.json", &printed).display().to_string();
    apply(&world, &path, "").exits(0).prints(&["1 activated, 1 disabled"]);
}

#[tokio::test]
async fn changed_accounts_are_skipped_and_reported() {
    let world = started(the_table().user("dora").account("dora").user("dirk").account("dirk")).await;
    let path = saved(&world, NO_LIMITS);
    world.join("dave");
    world.keycloak.state().realm("corp").delete_user("dirk");
    world.leave("bob");
    let run = apply(&world, &path, NO_LIMITS).exits(0);
    run.prints(&[
        "skipped activate bob: out of the group and disabled now",
        "skipped disable dave: in the group and active now",
        "skipped disable dirk: not in Keycloak now",
        "0 activated, 1 disabled, 3 skipped",
    ]);
    let states = ["bob", "dave", "dirk", "dora"].map(|name| world.state_of(name));
    assert_eq!(states, [account(true, true), account(false, false), account(false, false), account(true, true)]);
}

#[tokio::test]
async fn a_plan_that_was_applied_does_nothing_when_applied_again() {
    let world = started(the_table()).await;
    let path = saved(&world, "");
    apply(&world, &path, "").exits(0);
    let calls = world.mas.requests().count("/stand-in/manage");
    apply(&world, &path, "").exits(0).prints(&["0 activated, 0 disabled, 2 skipped"]);
    assert_eq!(world.mas.requests().count("/stand-in/manage"), calls);
}

#[tokio::test]
async fn deleted_account_is_reported() {
    let world = started(the_table()).await;
    let path = saved(&world, "");
    world.synapse.state().remove_account("dave");
    apply(&world, &path, "").exits(0).prints(&["skipped disable dave: the account is gone"]);
}

#[tokio::test]
async fn user_who_left_after_the_plan_was_made_is_not_disabled_by_it() {
    let world = started(the_table()).await;
    let path = saved(&world, "");
    world.leave("alice");
    apply(&world, &path, NO_LIMITS).exits(0);
    assert_eq!(world.state_of("alice"), account(false, false));
}

#[tokio::test]
async fn account_is_kept_and_the_run_incomplete_if_the_second_look_fails() {
    use matrix_keycloak_sync::standins::Fault;
    let world = started(the_table().user("dora").account("dora")).await;
    let path = saved(&world, NO_LIMITS);
    world.keycloak.faults().on("username=dave").answer(Fault::Status(400, String::new()));
    apply(&world, &path, NO_LIMITS).exits(4);
    assert_eq!(["dave", "dora"].map(|name| world.state_of(name)), [account(false, false), account(true, true)]);
}

#[tokio::test]
async fn changed_plan_or_plan_for_another_server_is_refused() {
    let world = started(the_table()).await;
    let path = saved(&world, "");
    let before = everyone(&world);
    let refused = |path: &str, toml: &str, told: &str| {
        apply(&world, path, toml).exits(1).tells(&["the plan ", told, "hint: Make a new plan"]);
    };
    refused(&tampered(&world, &path, "@dave:", "@alice:"), "", "its digest does not match");
    refused(&tampered(&world, &path, "\"dave\"", "\"alice\""), "", "its digest does not match");
    refused(&tampered(&world, &path, "\"not_in_group\"", "\"not_in_keycloak\""), "", "its digest does not match");
    refused(&tampered(&world, &path, "sha256:", "sha256:0"), "", "its digest does not match");
    refused(&tampered(&world, &path, "\"version\": 2", "\"version\": 3"), "", "a plan of version 3");
    refused(&tampered(&world, &path, "\"version\": 2", "\"version\": 1"), "", "its digest does not match");
    refused(&tampered(&world, &path, "\"mas-cli\"", "\"mas-api\""), "", "made for the writer \"mas-api\"");
    refused(&path, "[policy]\ndisable = \"lock\"", "policy.disable = \"deactivate\"");
    refused("/nowhere", "", "cannot read this file");
    refused(&write(&world, "x.json", "[]").display().to_string(), "", "not a plan");
    assert_eq!((everyone(&world), world.mas.requests().count("/stand-in/manage")), (before, 0));
}

#[tokio::test]
async fn a_plan_of_another_homeserver_is_refused() {
    let world = started(the_table()).await;
    let path = saved(&world, "");
    let run = program_for(&world, "example.com").run(&format!("apply {path}")).exits(1);
    run.tells(&["it names @bob:example.org, and server_name is example.com"]);
    program(&world).run("sync").exits(0);
    let empty = saved(&world, "");
    let run = program_for(&world, "example.com").run(&format!("apply {empty}")).exits(1);
    run.tells(&["its digest does not match its actions on this server"]);
}

#[tokio::test]
async fn the_limits_hold_for_a_saved_plan_until_it_is_approved() {
    let world = started(group().members(2, "m").accounts(2, "m").leavers(2, "x")).await;
    let path = saved(&world, "");
    let before = everyone(&world);
    let run = apply(&world, &path, "").exits(3);
    assert_eq!(everyone(&world), before);
    let command = run.stderr.lines().find(|line| line.starts_with("  matrix-keycloak-sync apply ")).expect("a command");
    program(&world).run(&format!("apply {path} --approve sha256:01234567")).exits(3).tells(&["names sha256:01234567"]);
    program(&world).shell(command).exits(0).prints(&["2 disabled"]);
}

#[tokio::test]
async fn a_plan_that_cannot_be_written_is_an_error() {
    let world = started(the_table()).await;
    let run = program(&world).run("plan --out /nowhere/plan.json").exits(1);
    run.tells(&["cannot write the plan to /nowhere/plan.json", "because: "]);
}
