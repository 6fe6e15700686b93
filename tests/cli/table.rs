//! The rule, row by row, from the command line to the accounts.

use matrix_keycloak_sync::standins::World;

use crate::harness::{NO_LIMITS, account, everyone, program, started, the_table};

#[tokio::test]
async fn every_row_of_the_table() {
    let world = started(the_table()).await;
    let run = program(&world).run("sync --format json").exits(0);
    run.matches(&world, "sync_in_json");
    let states = ["alice", "bob", "dave", "erin"].map(|name| world.state_of(name));
    assert_eq!(
        states,
        [account(false, false), account(false, false), account(true, true), account(true, true)]
    );
}

/// The table, and an account for each common reason to keep or to ask.
fn much_to_say() -> World {
    let kept = the_table()
        .admin_account("root")
        .bridge_account("irc_1", "heisenbridge")
        .bot_account("help");
    kept.member("eve")
        .erased_account("eve")
        .account("old-timer")
        .user("lou")
        .locked_account("lou")
        .members(9, "m")
}

#[tokio::test]
async fn plan_says_the_same_in_each_format() {
    let world = started(much_to_say().accounts(9, "m")).await;
    for (options, name) in [
        ("", "plan"),
        (" --format markdown", "plan_in_markdown"),
        (" --format json", "plan_in_json"),
        (" --format html", "plan_in_html"),
    ] {
        let mut run = program(&world).run(&format!("plan{options}")).exits(0);
        run.stdout = run.stdout.replace("&#x2f;", "/");
        run.matches(&world, name);
    }
}

#[tokio::test]
async fn sync_prints_its_plan_and_the_outcome() {
    let world = started(much_to_say().accounts(9, "m")).await;
    program(&world).file(&world, NO_LIMITS).run("sync").exits(4).matches(&world, "sync");
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
    program(&world).run("sync").exits(0).matches(&world, "sync_with_nothing_to_do");
}

#[tokio::test]
async fn detailed_exit_code_shows_whether_there_are_changes() {
    let world = started(the_table()).await;
    program(&world).run("plan --detailed-exitcode").exits(2);
    program(&world).run("sync").exits(0);
    program(&world).run("plan --detailed-exitcode").exits(0);
}
