//! `policy.disable = "lock"`, and what happens to locks by other people.

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::{Run, account, group, program, started, the_table};

const LOCK: &str = "[policy]\ndisable = \"lock\"";

fn sync(world: &RunningWorld, toml: &str) -> Run {
    program(world).file(world, toml).run("sync --format json").exits(0)
}

#[tokio::test]
async fn lock_mode_locks_and_ends_sessions_and_keeps_the_rest() {
    let world = started(the_table()).await;
    world.login("dave").expect("dave can log in");
    let run = sync(&world, LOCK);
    assert_eq!(run.actions(), ["activate bob in_group done", "disable dave not_in_group done"]);
    assert_eq!(run.json()["disable"], "lock");
    assert_eq!(world.state_of("dave"), account(true, false));
    let state = world.synapse.state();
    let dave = state.account("dave").expect("seeded");
    assert_eq!((dave.rooms.len(), dave.emails.len()), (1, 1));
}

#[tokio::test]
async fn lock_mode_waits_until_synapse_shows_the_lock() {
    let world = started(the_table()).await;
    world.mas.state().worker_on = false;
    let toml = format!("{LOCK}\n[writer]\nconfirm_timeout = \"300ms\"");
    let run = program(&world).file(&world, &toml).run("sync --format json").exits(4);
    assert_eq!(
        run.actions(),
        ["activate bob in_group scheduled", "disable dave not_in_group scheduled"]
    );
}

#[tokio::test]
async fn locked_member_is_activated_in_lock_mode() {
    let world = started(group().member("lou").locked_account("lou")).await;
    assert_eq!(sync(&world, LOCK).actions(), ["activate lou in_group done"]);
    assert_eq!(world.state_of("lou"), account(false, false));
}

#[tokio::test]
async fn locked_or_deactivated_account_outside_the_group_is_unchanged_in_lock_mode() {
    let world =
        started(group().member("alice").locked_account("lou").deactivated_account("frank")).await;
    let run = sync(&world, LOCK);
    assert_eq!((run.actions(), run.kept()), (vec![], vec![]));
    assert_eq!(
        ["lou", "frank"].map(|name| world.state_of(name)),
        [account(true, false), account(false, true)]
    );
}

#[tokio::test]
async fn second_run_finds_nothing_to_do_in_lock_mode() {
    let world = started(the_table()).await;
    sync(&world, LOCK);
    assert_eq!(sync(&world, LOCK).actions(), [""; 0]);
}

#[tokio::test]
async fn member_locked_by_hand_stays_locked_unless_configured_otherwise() {
    let world = started(group().member("lou").locked_account("lou")).await;
    let run = sync(&world, "");
    assert_eq!((run.kept(), run.actions()), (vec!["lou locked_by_hand".to_owned()], vec![]));
    assert_eq!(world.state_of("lou"), account(true, false));
    let run = sync(&world, "[policy]\nlocked_members = \"activate\"");
    assert_eq!(
        (run.kept(), run.actions()),
        (vec![], vec!["activate lou in_group done".to_owned()])
    );
}

#[tokio::test]
async fn account_outside_the_group_that_is_locked_by_hand_is_not_deactivated() {
    let world = started(group().member("alice").locked_account("lou")).await;
    let run = sync(&world, "");
    assert_eq!(
        (run.kept(), run.actions(), run.json()["summary"]["unchanged"].clone()),
        (vec![], vec![], 1.into())
    );
    assert_eq!(world.state_of("lou"), account(true, false));
}
