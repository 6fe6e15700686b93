//! Two runs at a time, signals, and killed runs.

use std::process::{Child, Command};
use std::time::Duration;

use matrix_keycloak_sync::standins::{Fault, RunningWorld};

use crate::harness::{
    NO_LIMITS, Program, account, everyone, group, mas_cli, program, started, the_table,
};
use crate::sections::state_file;

fn remembering(world: &RunningWorld) -> Program {
    program(world).file(world, &format!("{}{NO_LIMITS}", state_file(world)))
}

/// Waits until the stand-in of MAS has had this many requests.
async fn asked(world: &RunningWorld, times: usize) {
    while world.mas.requests().count("/stand-in/manage") < times {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .expect("kill");
    assert!(sent.success());
}

#[tokio::test]
async fn a_second_run_is_refused_with_the_first_ones_process() {
    let world = started(the_table()).await;
    world.keycloak.faults().on("/members").answer(Fault::Hang);
    let mut first = remembering(&world).start("sync");
    while world.keycloak.requests().count("/members") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let told = format!("process {} since 20", first.id());
    remembering(&world).run("sync").exits(5).tells(&["another run holds the lock", &told]);
    first.kill().expect("running");
    first.wait().expect("killed");
    world.keycloak.faults().clear();
    remembering(&world).run("sync").exits(0);
}

#[tokio::test]
async fn a_plan_needs_no_lock() {
    let world = started(the_table()).await;
    world.keycloak.faults().on("/members").times(1).answer(Fault::Hang);
    let mut first = remembering(&world).start("sync");
    while world.keycloak.requests().count("/members") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    remembering(&world).run("plan").exits(0);
    first.kill().expect("running");
    first.wait().expect("killed");
}

#[tokio::test]
async fn a_signal_before_the_first_change_ends_the_run_with_nothing_changed() {
    for name in ["TERM", "INT", "HUP"] {
        let world = started(the_table()).await;
        let before = everyone(&world);
        world.keycloak.faults().on("/members").answer(Fault::Hang);
        let mut child = remembering(&world).start("sync");
        while world.keycloak.requests().count("/members") == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        signal(&child, name);
        assert_eq!(child.wait().expect("it ends").code(), Some(1), "{name}");
        assert_eq!(everyone(&world), before);
    }
}

#[tokio::test]
async fn signal_during_changes_finishes_and_records_current_actions() {
    let world = started(group().member("alice").account("alice").leavers(40, "c")).await;
    let mut child = remembering(&world).start("sync");
    asked(&world, 8).await;
    signal(&child, "TERM");
    assert_eq!(child.wait().expect("it ends").code(), Some(4));
    let history = remembering(&world).run("history 1 --format json").exits(0).json();
    let actions = history["actions"].as_array().expect("a list").clone();
    assert!(world.settle().await);
    for action in &actions {
        let name = action["user_id"].as_str().expect("a text")[1..]
            .split(':')
            .next()
            .expect("a name")
            .to_owned();
        let expected = if action["outcome"] == "skipped" {
            account(false, false)
        } else {
            account(true, true)
        };
        assert_eq!(world.state_of(&name), expected, "{action}");
    }
    let skipped = actions.iter().filter(|action| action["outcome"] == "skipped").count();
    assert!(skipped > 0 && skipped < 40, "{skipped} of 40");
    remembering(&world).run("sync").exits(0);
}

#[tokio::test]
async fn a_run_that_is_killed_is_finished_by_the_next_and_nothing_is_lost() {
    let world = started(group().member("alice").account("alice").leavers(30, "c")).await;
    let mut child = remembering(&world).start("sync");
    asked(&world, 7).await;
    child.kill().expect("running");
    child.wait().expect("killed");
    assert!(world.settle().await);
    remembering(&world).run("sync").exits(0);
    assert!(world.settle().await);
    let left: Vec<_> = everyone(&world)
        .into_iter()
        .filter(|(name, state)| name.starts_with('c') && *state != account(true, true))
        .collect();
    assert_eq!(left, []);
    let runs = remembering(&world).run("history --format json").exits(0).json();
    assert_eq!(runs["runs"][1]["ended"], serde_json::Value::Null);
    remembering(&world).run("history").exits(0).prints(&["interrupted"]);
}

/// Three accounts outside the group, each with a session, and a mas-cli that runs this before each
/// lock. `$PPID` is the run that called it.
async fn lock_mode(before_lock: &str) -> (RunningWorld, String) {
    let world = started(group().member("alice").account("alice").leavers(3, "x")).await;
    for name in ["x00000", "x00001", "x00002"] {
        world.login(name).expect("an active account");
    }
    let first = format!("case \"$*\" in *lock-user*) {before_lock};; esac");
    let toml = format!("[policy]\ndisable = \"lock\"\n{}{NO_LIMITS}", mas_cli(&world, &first));
    (world, toml)
}

#[tokio::test]
async fn hangup_finishes_and_records_current_actions() {
    // Both the kernel and the shell send one if a terminal is closed.
    let (world, toml) = lock_mode("kill -HUP $PPID; sleep 0.1; kill -HUP $PPID; sleep 0.1").await;
    let run = program(&world).file(&world, &toml).run("sync --format json").exits(4);
    assert!(is_requested(&run.actions()[0]), "{:?}", run.actions());
    assert_eq!(
        run.actions()[1..],
        ["x00001", "x00002"].map(|name| format!("disable {name} not_in_group skipped"))
    );
    assert!(world.settle().await);
    assert_eq!(world.state_of("x00000"), account(true, false));
}

/// Returns whether an action was carried out. A run that was stopped does not wait until Synapse
/// shows it.
fn is_requested(action: &str) -> bool {
    action.ends_with(" done") || action.ends_with(" scheduled")
}

#[tokio::test]
async fn hangup_does_not_stop_a_run_that_was_started_to_survive_it() {
    let (world, toml) = lock_mode("kill -HUP $PPID").await;
    program(&world)
        .file(&world, &toml)
        .shell("trap '' HUP; exec matrix-keycloak-sync sync")
        .exits(0);
    assert_eq!(world.state_of("x00002"), account(true, false));
}

#[tokio::test]
async fn interrupt_from_the_terminal_lets_a_running_call_finish() {
    // A terminal sends it to the whole foreground group, whose leader is the run.
    let (world, toml) = lock_mode("kill -s INT -- -$PPID; sleep 0.2").await;
    let run = program(&world).file(&world, &toml).in_own_group().run("sync --format json").exits(4);
    assert!(is_requested(&run.actions()[0]), "{:?}", run.actions());
    assert!(world.settle().await);
    assert_eq!(world.state_of("x00000"), account(true, false));
}

#[tokio::test]
async fn second_signal_ends_running_calls_with_all_they_started() {
    let world = started(the_table()).await;
    let late = world.directory().join("late");
    let twice = format!("(kill $PPID; sleep 0.5; kill $PPID; sleep 1; touch '{}')", late.display());
    let toml = mas_cli(&world, &format!("case \"$*\" in *lock-user*) {twice};; esac"));
    program(&world).file(&world, &toml).run("sync").exits(4);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!late.exists());
}

#[tokio::test]
async fn sessions_left_open_by_a_killed_run_are_ended_by_the_next() {
    let (world, _) = lock_mode("").await;
    let killed = world.directory().join("killed");
    let first = format!(
        "case \"$*\" in *kill-sessions*) [ -e '{0}' ] || {{ touch '{0}'; kill -KILL $PPID; exit 1; }};; esac",
        killed.display()
    );
    let toml = format!("[policy]\ndisable = \"lock\"\n{}{NO_LIMITS}", mas_cli(&world, &first));
    let mut child = program(&world).file(&world, &toml).start("sync");
    assert_eq!(child.wait().expect("it ends").code(), None, "killed");
    assert!(world.settle().await);
    assert_ne!(world.state_of("x00000"), account(true, false), "a session is left");
    let run = program(&world).file(&world, &toml).run("sync --format json").exits(0);
    let names = ["x00000", "x00001", "x00002"];
    assert_eq!(run.actions(), names.map(|name| format!("disable {name} not_in_group done")));
    assert_eq!(names.map(|name| world.state_of(name)), [account(true, false); 3]);
    let run = program(&world).file(&world, &toml).run("sync --format json").exits(0);
    assert_eq!(run.actions(), [""; 0]);
}
