//! A saved plan: exactly what was read is done, minus what has changed since, and never more.

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::{
    NO_LIMITS, Run, account, everyone, group, program, program_for, started, the_table, write,
};

/// Saves a plan and returns its path.
fn saved(world: &RunningWorld, toml: &str) -> String {
    let path = world.directory().join("plan.json").display().to_string();
    program(world)
        .file(world, toml)
        .run(&format!("plan --out {path}"))
        .exits(0)
        .prints(&["Plan for example.org"]);
    path
}

fn apply(world: &RunningWorld, path: &str, toml: &str) -> Run {
    program(world).file(world, toml).run(&format!("apply {path}"))
}

#[tokio::test]
async fn printed_commands_take_no_path_for_an_option() {
    let world = started(the_table()).await;
    let within = |toml: &str| program(&world).file(&world, toml).within(world.directory());
    let saved = within(NO_LIMITS).run("plan --out=-p.json").exits(0);
    saved.tells(&[" apply ./-p.json\n"]);
    let refused = within("[limits]\nmax_disable = 0\n").run("apply ./-p.json").exits(3);
    refused.tells(&[" apply ./-p.json --approve "]);
    std::fs::write(world.directory().join("-c.toml"), NO_LIMITS).expect("a writable directory");
    let plan = program(&world).within(world.directory()).run("--config=-c.toml plan");
    plan.exits(0).prints(&[" --config ./-c.toml sync\n"]);
}

#[tokio::test]
async fn command_after_a_saved_plan_applies_it_above_a_limit_too() {
    let world = started(the_table()).await;
    let path = world.directory().join("plan.json").display().to_string();
    let limited = || program(&world).file(&world, "[limits]\nmax_disable = 0\n");
    let saved = limited().run(&format!("plan --out {path}")).exits(0);
    let command = saved.stderr.lines().find_map(|line| line.split_once(" apply /"));
    let rest = format!("/{}", command.expect("a command").1);
    assert!(rest.contains(" --approve "), "{rest}");
    limited().run(&format!("apply {rest}")).exits(0);
    assert_eq!(world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn apply_ends_with_the_command_for_what_needs_an_approval() {
    let world = started(the_table().account("stranger")).await;
    let path = saved(&world, "");
    let waiting = apply(&world, &path, "").exits(4);
    let waiting = waiting.tells(&["1 account waits for an approval. To disable it, run"]);
    assert_eq!(world.state_of("dave"), account(true, true));
    let command = waiting.stderr.lines().find_map(|line| line.split_once(" apply /"));
    let rest = format!("/{}", command.expect("a command").1);
    program(&world).run(&format!("apply {rest}")).exits(0);
    assert_eq!(world.state_of("stranger"), account(true, true));
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
    apply(&world, &path, "").exits(0).matches(&world, "apply");
    assert_eq!(
        ["bob", "dave"].map(|name| world.state_of(name)),
        [account(false, false), account(true, true)]
    );
}

#[tokio::test]
async fn a_printed_plan_can_be_applied_too() {
    let world = started(the_table()).await;
    let printed = program(&world).run("plan --format json").stdout;
    let path = write(&world, "printed.json", &printed).display().to_string();
    apply(&world, &path, "").exits(0).matches(&world, "apply");
}

#[tokio::test]
async fn changed_accounts_are_skipped_and_reported() {
    let world =
        started(the_table().user("dora").account("dora").user("dirk").account("dirk")).await;
    let path = saved(&world, NO_LIMITS);
    world.join("dave");
    world.keycloak.state().realm("corp").delete_user("dirk");
    world.leave("bob");
    apply(&world, &path, NO_LIMITS).exits(0).matches(&world, "apply_after_changes");
    let states = ["bob", "dave", "dirk", "dora"].map(|name| world.state_of(name));
    assert_eq!(
        states,
        [account(true, true), account(false, false), account(false, false), account(true, true)]
    );
}

#[tokio::test]
async fn a_plan_that_was_applied_does_nothing_when_applied_again() {
    let world = started(the_table()).await;
    let path = saved(&world, "");
    apply(&world, &path, "").exits(0);
    let calls = world.mas.requests().count("/stand-in/manage");
    apply(&world, &path, "").exits(0).matches(&world, "apply_of_an_applied_plan");
    assert_eq!(world.mas.requests().count("/stand-in/manage"), calls);
}

#[tokio::test]
async fn deleted_account_is_reported() {
    let world = started(the_table()).await;
    let path = saved(&world, "");
    world.synapse.state().remove_account("dave");
    apply(&world, &path, "").exits(0).matches(&world, "apply_after_an_account_is_gone");
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
    assert_eq!(
        ["dave", "dora"].map(|name| world.state_of(name)),
        [account(false, false), account(true, true)]
    );
}

#[tokio::test]
async fn changed_plan_or_plan_for_another_server_is_refused() {
    let world = started(the_table()).await;
    let path = saved(&world, "");
    let before = everyone(&world);
    for (from, to, name) in [
        ("@dave:", "@alice:", "apply_of_a_changed_plan"),
        ("\"dave\"", "\"alice\"", "apply_of_a_changed_plan"),
        ("\"not_in_group\"", "\"not_in_keycloak\"", "apply_of_a_changed_plan"),
        ("sha256:", "sha256:0", "apply_of_a_changed_plan"),
        ("\"version\": 2", "\"version\": 1", "apply_of_a_changed_plan"),
        ("\"version\": 2", "\"version\": 3", "apply_of_a_newer_plan"),
        ("@dave:", "@bob:", "apply_of_a_plan_with_an_account_twice"),
        ("\"mas-cli\"", "\"mas-api\"", "apply_of_a_plan_for_another_writer"),
    ] {
        apply(&world, &tampered(&world, &path, from, to), "").exits(1).matches(&world, name);
    }
    let lock = "[policy]\ndisable = \"lock\"";
    apply(&world, &path, lock).exits(1).matches(&world, "apply_of_a_plan_for_another_policy");
    apply(&world, "/nowhere", "").exits(1).matches(&world, "apply_of_a_missing_file");
    let list = write(&world, "x.json", "[]").display().to_string();
    apply(&world, &list, "").exits(1).matches(&world, "apply_of_another_file");
    assert_eq!((everyone(&world), world.mas.requests().count("/stand-in/manage")), (before, 0));
}

#[tokio::test]
async fn a_plan_of_another_homeserver_is_refused() {
    let world = started(the_table()).await;
    let path = saved(&world, "");
    let run = program_for(&world, "example.com").run(&format!("apply {path}")).exits(1);
    run.matches(&world, "apply_of_a_plan_for_another_homeserver");
    program(&world).run("sync").exits(0);
    let empty = saved(&world, "");
    let run = program_for(&world, "example.com").run(&format!("apply {empty}")).exits(1);
    run.matches(&world, "apply_of_an_empty_plan_for_another_homeserver");
}

#[tokio::test]
async fn the_limits_hold_for_a_saved_plan_until_it_is_approved() {
    let world = started(group().members(2, "m").accounts(2, "m").leavers(2, "x")).await;
    let path = saved(&world, "");
    let before = everyone(&world);
    let run = apply(&world, &path, "").exits(3);
    assert_eq!(everyone(&world), before);
    let command = run
        .stderr
        .lines()
        .find(|line| line.starts_with("  matrix-keycloak-sync apply "))
        .expect("a command");
    program(&world)
        .run(&format!("apply {path} --approve sha256:01234567"))
        .exits(3)
        .tells(&["names sha256:01234567"]);
    program(&world).shell(command).exits(0).prints(&["2 disabled"]);
}

#[tokio::test]
async fn a_plan_that_cannot_be_written_is_an_error() {
    let world = started(the_table()).await;
    let run = program(&world).run("plan --out /nowhere/plan.json").exits(1);
    run.matches(&world, "plan_that_cannot_be_written");
}
