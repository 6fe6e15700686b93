//! What other processes on the machine can see of us, and what our child processes receive.

use std::collections::BTreeSet;
use std::time::Duration;

use matrix_keycloak_sync::standins::{Fault, RunningWorld};

use crate::harness::{PROGRAM, program, script, started, the_table};

/// Records the arguments and the environment of each call.
fn spy(world: &RunningWorld) -> String {
    let log = world.directory().join("seen");
    let body = format!(
        "{{ printf '%s\\n' \"$@\"; tr '\\0' '\\n' < /proc/$$/environ; }} >> '{}'\nexec '{PROGRAM}' stand-in mas-cli \"$@\"",
        log.display()
    );
    let path = script(world, "spy", &body);
    format!("[writer.mas_cli]\nconcurrency = 1\ncommand = [\"{}\"]\n", path.display())
}

fn seen(world: &RunningWorld) -> String {
    std::fs::read_to_string(world.directory().join("seen")).expect("a log")
}

/// The names of the variables in a log of lines.
fn names(seen: &str) -> BTreeSet<&str> {
    seen.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect()
}

#[tokio::test]
async fn mas_cli_gets_only_the_variables_it_needs() {
    let world = started(the_table()).await;
    let toml = spy(&world);
    let mut run = program(&world).file(&world, &toml).env("KC_CLIENT_SECRET", "c4n4ry-cl13nt");
    for name in [
        "HOME",
        "LANG",
        "TZ",
        "DOCKER_HOST",
        "KUBECONFIG",
        "USER",
        "LD_PRELOAD_X",
        "MAS_CLI_X",
        "LC_ALL",
    ] {
        run = run.env(name, "/");
    }
    run.run("sync").exits(0);
    let seen = seen(&world);
    assert_eq!(
        names(&seen),
        BTreeSet::from(["PATH", "HOME", "LANG", "TZ", "DOCKER_HOST", "KUBECONFIG"])
    );
    for secret in [world.admin_token(), "syncpw", "c4n4ry-cl13nt", "eyJ"] {
        assert!(!seen.contains(secret), "{secret}\n{seen}");
    }
}

#[tokio::test]
async fn unset_variables_stay_unset_for_mas_cli() {
    let world = started(the_table()).await;
    let toml = spy(&world);
    program(&world).file(&world, &toml).run("sync").exits(0);
    assert_eq!(names(&seen(&world)), BTreeSet::from(["PATH"]));
}

#[tokio::test]
async fn our_own_command_line_shows_no_secret() {
    let world = started(the_table()).await;
    world.synapse.faults().on("/whoami").answer(Fault::Hang);
    let mut child = program(&world).start("sync");
    while world.synapse.requests().count("/whoami") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let shown = std::fs::read(format!("/proc/{}/cmdline", child.id())).expect("it is running");
    child.kill().expect("it is ours");
    child.wait().expect("it has ended");
    assert_eq!(String::from_utf8_lossy(&shown), format!("{PROGRAM}\0sync\0"));
}
