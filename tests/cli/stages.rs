//! Leaving in stages: locked at once, deactivated later, and taken back by a return in between.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use matrix_keycloak_sync::standins::RunningWorld;
use matrix_keycloak_sync::standins::mas::SessionKind;

use crate::harness::{
    BY_BOTH, EVERY_WAY, NO_LIMITS, Program, Run, Way, account, by_hand, group, program, program_by,
    started, the_table,
};
use crate::sections::PROTECT;
use crate::watch::watching::{IN_STEP, QUICK, start};

/// A program that locks, and deactivates after this time.
fn stages(world: &RunningWorld, way: Way, after: &str, more: &str) -> Program {
    let policy = format!("{NO_LIMITS}{PROTECT}disable = \"lock\"\ndeactivate_after = {after:?}\n");
    program_by(world, way, &format!("{policy}{more}"))
}

fn sync(world: &RunningWorld, way: Way, after: &str) -> Run {
    stages(world, way, after, "").run("sync --format json").exits(0)
}

/// The default place of the state file.
fn state_of(world: &RunningWorld) -> PathBuf {
    world.directory().join("matrix-keycloak-sync/corp@example.org.db")
}

fn wait() {
    sleep(Duration::from_millis(1200));
}

#[tokio::test]
async fn account_is_locked_at_once_and_deactivated_when_its_time_has_come() {
    for way in EVERY_WAY {
        let world = started(the_table()).await;
        let first = sync(&world, way, "30d");
        assert_eq!(
            first.actions(),
            ["activate bob in_group done", "disable dave not_in_group done"]
        );
        assert!(world.settle().await);
        assert_eq!(world.state_of("dave"), account(true, false), "{way:?}");
        assert_eq!(sync(&world, way, "30d").actions(), [""; 0], "{way:?}");
        wait();
        let second = sync(&world, way, "1s");
        assert_eq!(second.actions(), ["deactivate dave locked_since done"], "{way:?}");
        let json = second.json();
        let summary = &json["summary"];
        assert_eq!((&summary["deactivate"], &summary["disable"]), (&1.into(), &0.into()));
        let since = json["actions"][0]["since"].as_str().map(str::len);
        assert_eq!(since, Some("2026-11-29T00:00:00Z".len()));
        assert!(world.settle().await);
        assert_eq!(world.state_of("dave"), account(true, true), "{way:?}");
        assert_eq!(sync(&world, way, "1s").actions(), [""; 0], "{way:?}");
    }
}

#[tokio::test]
async fn who_comes_back_in_time_is_unlocked_and_the_time_starts_again() {
    let world = started(the_table()).await;
    sync(&world, BY_BOTH, "30d");
    sync(&world, BY_BOTH, "30d");
    world.join("dave");
    wait();
    assert_eq!(sync(&world, BY_BOTH, "1s").actions(), ["activate dave in_group done"]);
    world.leave("dave");
    assert_eq!(sync(&world, BY_BOTH, "1s").actions(), ["disable dave not_in_group done"]);
    assert_eq!(sync(&world, BY_BOTH, "1h").actions(), [""; 0]);
    assert_eq!(world.state_of("dave"), account(true, false));
}

#[tokio::test]
async fn account_locked_by_hand_is_never_deactivated() {
    for way in EVERY_WAY {
        let world = started(the_table().locked_account("lou")).await;
        sync(&world, way, "30d");
        by_hand(&world, "dave", false, false);
        by_hand(&world, "dave", true, false);
        sync(&world, way, "30d");
        wait();
        let later = sync(&world, way, "1s");
        assert_eq!(later.actions().iter().filter(|action| action.contains("lou")).count(), 0);
        assert_eq!(world.state_of("lou"), account(true, false), "{way:?}");
    }
}

#[tokio::test]
async fn lost_state_file_deactivates_nothing() {
    let world = started(the_table()).await;
    sync(&world, BY_BOTH, "30d");
    sync(&world, BY_BOTH, "30d");
    wait();
    std::fs::remove_file(state_of(&world)).expect("a state file");
    assert_eq!(sync(&world, BY_BOTH, "1s").actions(), [""; 0]);
    wait();
    assert_eq!(sync(&world, BY_BOTH, "1s").actions(), [""; 0]);
    assert_eq!(world.state_of("dave"), account(true, false));
}

#[tokio::test]
async fn second_stage_waits_for_room_and_refuses_nothing() {
    let world = started(["dave", "erin"].into_iter().fold(the_table(), |world, name| {
        if name == "dave" { world } else { world.user(name).account(name) }
    }))
    .await;
    sync(&world, BY_BOTH, "30d");
    sync(&world, BY_BOTH, "30d");
    wait();
    let limits = "[limits]\nmax_disable = 1\nmax_disable_percent = 100\n";
    let policy = "[policy]\ndisable = \"lock\"\ndeactivate_after = \"1s\"\n";
    let one = || program_by(&world, BY_BOTH, &format!("{limits}{policy}"));
    one().run("plan").exits(0).matches(&world, "second_stage_that_waits");
    let explained = ["dave", "erin"].map(|name| one().run(&format!("explain {name}")).exits(0));
    let waits = |run: &Run| run.stdout.contains("deactivated as soon as limits.max_disable");
    assert_eq!(explained.iter().filter(|run| waits(run)).count(), 1);
    assert_eq!(one().run("sync --format json").exits(0).actions().len(), 1);
    assert_eq!(one().run("sync --format json").exits(0).actions().len(), 1);
    assert_eq!(["dave", "erin"].map(|name| world.state_of(name)), [account(true, true); 2]);
}

#[tokio::test]
async fn plan_explain_and_history_show_the_second_stage() {
    let world = started(the_table()).await;
    sync(&world, BY_BOTH, "30d");
    let starts = "the time to its deactivation starts with the next sync";
    for line in ["explain dave", "report --format text"] {
        let run = stages(&world, BY_BOTH, "30d", "").run(line).exits(0);
        assert!(
            run.stdout.split_whitespace().collect::<Vec<_>>().join(" ").contains(starts),
            "{line}: {}",
            run.stdout
        );
    }
    sync(&world, BY_BOTH, "30d");
    let later = stages(&world, BY_BOTH, "30d", "");
    later.run("plan").exits(0).matches(&world, "plan_before_the_second_stage");
    let explained = stages(&world, BY_BOTH, "30d", "").run("explain dave").exits(0);
    explained.prints(&["not in the group, and locked by this program: deactivated on 2"]);
    wait();
    sync(&world, BY_BOTH, "1s");
    let past = stages(&world, BY_BOTH, "1s", "").run("history 2").exits(0);
    past.matches(&world, "history_of_a_second_stage");
}

#[tokio::test]
async fn undo_of_a_second_stage_activates_the_account() {
    let world = started(the_table()).await;
    sync(&world, BY_BOTH, "30d");
    sync(&world, BY_BOTH, "30d");
    wait();
    sync(&world, BY_BOTH, "1s");
    let undone = stages(&world, BY_BOTH, "30d", "").run("undo 2").exits(0);
    undone.prints(&["1 to activate", "they left every room"]);
    assert_eq!(world.state_of("dave"), account(false, false));
}

#[tokio::test]
async fn saved_second_stage_is_applied_if_it_still_fits() {
    let world = started(the_table()).await;
    sync(&world, BY_BOTH, "30d");
    sync(&world, BY_BOTH, "30d");
    wait();
    let run = |line: &str| stages(&world, BY_BOTH, "1s", "").run(line);
    let file = world.directory().join("plan.json");
    run(&format!("plan --out {}", file.display())).exits(0);
    run(&format!("apply {}", file.display())).exits(0).prints(&["1 deactivated"]);
    assert_eq!(world.state_of("dave"), account(true, true));
    run(&format!("apply {}", file.display())).exits(0).prints(&["1 left out"]);
}

#[tokio::test]
async fn sessions_stay_open_if_locks_keep_them_and_end_with_the_second_stage() {
    for way in EVERY_WAY {
        let world = started(the_table()).await;
        world.login("dave").expect("dave can log in");
        let keep = |after| {
            let run = stages(&world, way, after, "lock_sessions = \"keep\"\n");
            run.run("sync --format json").exits(0)
        };
        keep("30d");
        let open = |world: &RunningWorld| world.sessions_of("dave", SessionKind::Compat).len();
        let mas = world.state_of("dave").mas.expect("an account");
        assert_eq!((open(&world), mas.locked, mas.deactivated), (1, true, false), "{way:?}");
        keep("30d");
        wait();
        keep("1s");
        assert!(world.settle().await);
        assert_eq!((open(&world), world.state_of("dave")), (0, account(true, true)), "{way:?}");
    }
}

#[tokio::test]
async fn stages_need_locks_and_a_state_file() {
    let world = started(group()).await;
    let run = |toml: &str| program_by(&world, BY_BOTH, toml).run("plan").exits(78);
    run("[policy]\ndeactivate_after = \"30d\"\n").tells(&["this needs policy.disable = \"lock\""]);
    let toml = "state_file = \"off\"\n[policy]\ndisable = \"lock\"\ndeactivate_after = \"30d\"\n";
    program(&world).file(&world, toml).run("plan").exits(78).tells(&["this needs the state file"]);
}

#[tokio::test]
async fn watch_deactivates_no_more_within_an_hour_than_the_limit() {
    let world = started(the_table().user("erin").account("erin")).await;
    sync(&world, BY_BOTH, "30d");
    sync(&world, BY_BOTH, "30d");
    wait();
    let often = QUICK.replace("interval = \"1h\"", "interval = \"1s\"");
    let limits = "[limits]\nmax_disable = 1\nmax_disable_percent = 100\n";
    let policy = "[policy]\ndisable = \"lock\"\ndeactivate_after = \"1s\"\n";
    let watching = start(&world, program_by(&world, BY_BOTH, &format!("{often}{limits}{policy}")));
    watching.has_run(IN_STEP, 4).await;
    let done = watching.metric("actions_total{action=\"deactivate\",outcome=\"done\"}").await;
    assert_eq!(done, Some(1.0), "{}", watching.log());
    let mut states = ["dave", "erin"].map(|name| world.state_of(name));
    states.sort_by_key(|state| *state == account(true, true));
    assert_eq!(states, [account(true, false), account(true, true)]);
}
