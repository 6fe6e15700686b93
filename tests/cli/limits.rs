//! A plan over a limit is refused before the first change, and the message says how to go on.

mod sizes;

use matrix_keycloak_sync::standins::{RunningWorld, World};
use serde_json::json;

use crate::harness::{NO_LIMITS, Run, account, everyone, group, program, started, write};

/// `active` accounts, of which `to_go` have no member; one member without an account keeps the
/// group from being empty.
fn losing(to_go: usize, active: usize) -> World {
    group()
        .member("zoe.new")
        .members(active - to_go, "m")
        .accounts(active - to_go, "m")
        .leavers(to_go, "x")
}

/// Returns why a plan would be refused.
fn refused(world: &RunningWorld, toml: &str) -> Vec<String> {
    let run = program(world).file(world, toml).run("plan --format json").exits(0);
    serde_json::from_value(run.json()["refused"].clone()).unwrap_or_default()
}

/// Two members and two accounts to disable, one more than the limit.
async fn one_too_many() -> RunningWorld {
    started(group().members(2, "m").accounts(2, "m").leavers(2, "x")).await
}

/// The command that a refusal prints.
fn command_to_go_on(run: &Run) -> String {
    let line = run.stderr.lines().find(|line| line.starts_with("  matrix-keycloak-sync "));
    line.expect(&run.stderr).trim().to_owned()
}

#[tokio::test]
async fn the_share_counts_neither_kept_nor_disabled_accounts() {
    let world = (0..20).fold(losing(2, 19), |world, n| {
        world.bot_account(&format!("bot{n}")).disabled_account(&format!("old{n}"))
    });
    let world = started(world).await;
    let told = "2 of 19 active accounts would be disabled, limits.max_disable_percent is 10, which allows 1";
    assert_eq!(refused(&world, ""), [told]);
}

#[tokio::test]
async fn percentage_of_zero_allows_one_disable_and_count_of_zero_none() {
    let world = started(losing(1, 10)).await;
    assert_eq!(refused(&world, "[limits]\nmax_disable_percent = 0"), [""; 0]);
    let told = "1 account would be disabled, limits.max_disable is 0";
    assert_eq!(refused(&world, "[limits]\nmax_disable = 0"), [told]);
}

#[tokio::test]
async fn the_number_of_disables_has_a_limit_of_its_own() {
    let world = started(losing(25, 260)).await;
    assert_eq!(refused(&world, ""), [""; 0]);
    let world = started(losing(26, 260)).await;
    assert_eq!(refused(&world, ""), ["26 accounts would be disabled, limits.max_disable is 25"]);
}

#[tokio::test]
async fn the_number_of_activations_has_a_limit() {
    let world = (0..3).fold(group(), |world, n| {
        world.member(&format!("m{n}")).disabled_account(&format!("m{n}"))
    });
    let world = started(world).await;
    assert_eq!(refused(&world, "[limits]\nmax_activate = 3"), [""; 0]);
    let told = "3 accounts would be activated, limits.max_activate is 2";
    assert_eq!(refused(&world, "[limits]\nmax_activate = 2"), [told]);
    let run = program(&world)
        .file(&world, "[limits]\nmax_activate = 2")
        .run("sync")
        .exits(3)
        .tells(&[told]);
    assert_eq!((world.state_of("m0"), run.code), (account(true, true), 3));
}

#[tokio::test]
async fn an_empty_group_is_refused() {
    let world = started(group().user("dave").account("dave")).await;
    let before = everyone(&world);
    let told = "the group was read without an error and is empty, limits.min_members is 1: check it in Keycloak first";
    program(&world).run("sync").exits(3).matches(&world, "sync_of_an_empty_group");
    assert_eq!(refused(&world, ""), [told]);
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn empty_group_is_refused_even_if_nothing_would_change() {
    let world = started(group()).await;
    program(&world).run("sync").exits(3).matches(&world, "sync_of_an_empty_group_and_no_change");
    program(&world).file(&world, "[limits]\nmin_members = 0").run("sync").exits(0);
}

#[tokio::test]
async fn group_below_its_minimum_size_is_refused() {
    let world = started(losing(1, 4)).await;
    let told = "the group has 4 members, limits.min_members is 5: check it in Keycloak first";
    assert_eq!(refused(&world, "[limits]\nmin_members = 5"), [told]);
    assert_eq!(refused(&world, "[limits]\nmin_members = 4"), [""; 0]);
}

#[tokio::test]
async fn all_limits_are_reported_at_once() {
    let world = started(group().leavers(30, "x")).await;
    assert_eq!(
        refused(&world, ""),
        [
            "the group was read without an error and is empty, limits.min_members is 1: check it in Keycloak first",
            "30 accounts would be disabled, limits.max_disable is 25",
            "30 of 30 active accounts would be disabled, limits.max_disable_percent is 10, which allows 3",
        ]
    );
    program(&world).run("sync").exits(3).matches(&world, "sync_over_three_limits");
}

#[tokio::test]
async fn a_refusal_names_the_command_that_applies_this_very_plan() {
    let world = one_too_many().await;
    let before = everyone(&world);
    let run = program(&world).run("sync").exits(3);
    let command = command_to_go_on(&run);
    run.matches(&world, "sync_over_a_limit");
    assert_eq!(everyone(&world), before);
    program(&world).shell(&command).exits(0);
    assert_eq!(["x00000", "x00001"].map(|name| world.state_of(name)), [account(true, true); 2]);
}

#[tokio::test]
async fn printed_command_is_the_one_of_this_installation() {
    let world = one_too_many().await;
    let command = "docker compose run --rm sync";
    let run = program(&world).env("MATRIX_KEYCLOAK_SYNC_COMMAND", command).run("sync").exits(3);
    run.tells(&["  docker compose run --rm sync sync --approve "]);
}

#[tokio::test]
async fn printed_command_names_the_configuration_with_any_path() {
    let world = one_too_many().await;
    let path =
        write(&world, "it's my config.toml", "[limits]\nmin_members = 2").display().to_string();
    let quoted = format!("matrix-keycloak-sync --config \"{path}\" sync");
    let run = program(&world).shell(&quoted).exits(3);
    program(&world).shell(&command_to_go_on(&run)).exits(0);
}

#[tokio::test]
async fn approval_of_another_plan_is_refused_with_the_new_digest() {
    let world = one_too_many().await;
    let digest = program(&world).run("plan --format json").json()["digest"]
        .as_str()
        .expect("a text")
        .to_owned();
    let before = everyone(&world);
    let run = program(&world).run("sync --approve sha256:01234567").exits(3);
    run.tells(&["--approve names sha256:01234567, and this plan is ", &digest[7..15]]);
    assert_eq!(everyone(&world), before);
    program(&world).run(&format!("sync --approve {digest}")).exits(0);
}

#[tokio::test]
async fn an_approval_does_not_cover_what_was_added_since() {
    let world = one_too_many().await;
    let digest = program(&world).run("plan --format json").json()["digest"]
        .as_str()
        .expect("a text")
        .to_owned();
    world.leave("m00000");
    program(&world).run(&format!("sync --approve {digest}")).exits(3);
    assert_eq!(world.state_of("x00000"), account(false, false));
}

#[tokio::test]
async fn stale_approval_shows_what_is_different_from_the_approved_plan() {
    let world = one_too_many().await;
    let command = command_to_go_on(&program(&world).run("sync").exits(3));
    world.join("x00000");
    world.leave("m00000");
    let run = program(&world).shell(&command).exits(3);
    run.logs(&world, "sync_with_a_stale_approval");
    assert_eq!(world.state_of("m00000"), account(false, false));
    // What no run has recorded cannot be compared.
    let run = program(&world).run("sync --approve 01234567").exits(3);
    assert!(!run.stderr.contains("different"), "{}", run.stderr);
}

#[tokio::test]
async fn approval_of_what_is_done_already_is_in_step() {
    let world = one_too_many().await;
    // An empty group is never within the limits.
    world.leave("m00000");
    world.leave("m00001");
    let digest = program(&world).run("plan --format json").json()["digest"]
        .as_str()
        .expect("a text")
        .to_owned();
    program(&world).run("sync").exits(3);
    program(&world).run(&format!("sync --approve {digest}")).exits(0);
    program(&world).run(&format!("sync --approve {digest}")).exits(0);
    program(&world).run("sync").exits(3);
}

#[tokio::test]
async fn approval_survives_changes_outside_the_plan() {
    let world = one_too_many().await;
    let digest = program(&world).run("plan --format json").json()["digest"]
        .as_str()
        .expect("a text")
        .to_owned();
    world.keycloak.state().realm("corp").add_user("newcomer");
    world.join("newcomer");
    program(&world).run(&format!("sync --approve {digest}")).exits(0);
}

#[tokio::test]
async fn a_plan_says_that_a_sync_would_be_refused() {
    let world = one_too_many().await;
    let plan = program(&world).run("plan").exits(0).matches(&world, "plan_over_a_limit");
    program(&world)
        .run("plan --format markdown")
        .exits(0)
        .matches(&world, "plan_over_a_limit_in_markdown");
    // The head has the time.
    let body = |run: &Run| run.stdout.split_once('\n').expect("lines").1.to_owned();
    assert_eq!(body(&program(&world).run("sync --dry-run").exits(0)), body(&plan));
    assert_eq!(body(&program(&world).run("plan --detailed-exitcode").exits(2)), body(&plan));
}

#[tokio::test]
async fn a_refused_sync_prints_its_plan_as_json_too() {
    let world = one_too_many().await;
    let run = program(&world).run("sync --format json").exits(3);
    assert_eq!(run.actions(), ["disable x00000 not_in_group", "disable x00001 not_in_group"]);
    let told = "2 of 4 active accounts would be disabled, limits.max_disable_percent is 10, which allows 1";
    assert_eq!(run.json()["refused"], json!([told]));
    assert_eq!(run.json()["refused_by"], json!(["max_disable_percent"]));
    let run = program(&world).run("sync --format json --approve 00000000").exits(3);
    assert_eq!(run.json()["refused_by"], json!(["other_digest"]));
}

#[tokio::test]
async fn json_names_the_limits_only_if_the_plan_is_over_one() {
    let world = one_too_many().await;
    let plan =
        |toml: &str| program(&world).file(&world, toml).run("plan --format json").exits(0).json();
    let limits = "[limits]\nmin_members = 3\nmax_disable = 1\n";
    assert_eq!(
        plan(limits)["refused_by"],
        json!(["min_members", "max_disable", "max_disable_percent"])
    );
    assert_eq!(plan("[limits]\nmax_look = 1\n")["refused_by"], json!(["max_look"]));
    let within = plan(NO_LIMITS);
    assert_eq!((within.get("refused"), within.get("refused_by")), (None, None));
}

#[tokio::test]
async fn saved_plan_is_read_with_and_without_the_words_for_its_refusal() {
    let world = one_too_many().await;
    let mut plan = program(&world).run("plan --format json").exits(0).json();
    for _ in 0..2 {
        let path = write(&world, "plan.json", &plan.to_string()).display().to_string();
        program(&world)
            .run(&format!("apply {path}"))
            .exits(3)
            .tells(&["limits.max_disable_percent is 10"]);
        plan.as_object_mut().expect("an object").remove("refused_by");
    }
}

#[tokio::test]
async fn no_account_is_rechecked_if_more_would_be_than_allowed() {
    let world = one_too_many().await;
    let toml = format!("{NO_LIMITS}max_look = 1");
    let run = program(&world).file(&world, &toml).run("sync").exits(3);
    run.matches(&world, "sync_over_the_limit_of_rechecks");
    assert_eq!(world.keycloak.requests().count("username="), 0);
    program(&world).file(&world, &toml).run("plan").exits(0);
    program(&world).file(&world, &toml).run("plan --detailed-exitcode").exits(2);
}

#[tokio::test]
async fn approval_lifts_the_limit_of_accounts_to_recheck() {
    let world = one_too_many().await;
    let toml = format!("{NO_LIMITS}max_look = 1");
    let digest = program(&world).run("plan --format json").json()["digest"]
        .as_str()
        .expect("a text")
        .to_owned();
    let run = program(&world)
        .file(&world, &toml)
        .run(&format!("sync --format json --approve {digest}"))
        .exits(0);
    assert_eq!(
        run.json()["summary"],
        json!({"activate": 0, "disable": 2, "unchanged": 2, "not_registered": 0, "kept": 1})
    );
}
