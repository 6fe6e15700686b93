//! An account that cannot be changed does not block others.

use matrix_keycloak_sync::standins::{RunningWorld, World};

use crate::harness::{NO_LIMITS, Program, account, group, mas_cli, program, started};

/// Users who are out of the group, with accounts that MAS does not know.
fn unknown_to_mas(world: World, names: &[&str]) -> World {
    names.iter().fold(world, |world, name| world.user(name).synapse_only_account(name))
}

/// The program with a mas-cli that loses its database when it is called like this.
fn with_broken(world: &RunningWorld, pattern: &str) -> Program {
    let first = format!(
        "case \"$*\" in {pattern}) echo 'Error: could not connect to the database' >&2; exit 1;; esac"
    );
    let file = format!("{}{NO_LIMITS}max_consecutive_failures = 2\n", mas_cli(world, &first));
    program(world).file(world, &file)
}

#[tokio::test]
async fn accounts_that_mas_does_not_know_block_nothing_and_are_kept_for_a_day() {
    let names = ["a1", "a2", "a3", "a4", "a5", "a6"];
    let world = unknown_to_mas(
        group().member("alice").account("alice").user("dave").account("dave"),
        &names,
    );
    let world = started(world).await;
    let run = program(&world).file(&world, NO_LIMITS).run("sync --format json").exits(4);
    let failed = names.map(|name| format!("disable {name} not_in_group failed"));
    assert_eq!(
        run.actions(),
        [&failed[..], &["disable dave not_in_group done".to_owned()]].concat()
    );
    let again = program(&world).file(&world, NO_LIMITS).run("sync --format json").exits(0);
    assert_eq!(
        (again.actions(), again.kept()),
        (vec![], names.map(|name| format!("{name} not_in_mas")).to_vec())
    );
}

#[tokio::test]
async fn failed_activations_block_no_disables() {
    let world = ["b1", "b2", "b3"]
        .iter()
        .fold(group(), |world, name| world.member(name).disabled_account(name));
    let world = started(world.user("dave").account("dave")).await;
    let run = with_broken(&world, "*unlock-user*").run("sync --format json").exits(4);
    assert_eq!(
        run.actions(),
        [
            "activate b1 in_group failed",
            "activate b2 in_group failed",
            "activate b3 in_group skipped",
            "disable dave not_in_group done"
        ]
    );
}

#[tokio::test]
async fn accounts_that_failed_last_time_come_last() {
    let world = ["a1", "a2", "dave"]
        .iter()
        .fold(group().member("alice").account("alice"), |world, name| {
            world.user(name).account(name)
        });
    let world = started(world).await;
    let run = with_broken(&world, "*lock-user*a?").run("sync --format json").exits(4);
    let stopped = [
        "disable a1 not_in_group failed",
        "disable a2 not_in_group failed",
        "disable dave not_in_group skipped",
    ];
    assert_eq!(run.actions(), stopped);
    let run = with_broken(&world, "*lock-user*a?").run("sync --format json").exits(4);
    assert_eq!(run.actions()[2], "disable dave not_in_group done");
    assert_eq!(world.state_of("dave"), account(true, true));
}
