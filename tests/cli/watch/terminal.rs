//! `watch` on a terminal: a log for people, until the terminal is closed.

use std::fs::File;
use std::io::Read as _;
use std::process::Command;

use matrix_keycloak_sync::standins::RunningWorld;

use super::watching::{QUICK, start};
use super::{becomes, by_mas_cli, in_step};
use crate::harness::{NO_LIMITS, kill_if_it_hangs, started};
use crate::snapshots::assert_snapshot;

/// Reads on until the terminal shows this.
fn shows(terminal: &mut File, shown: &mut String, text: &str) {
    let mut some = [0; 4096];
    while !shown.contains(text) {
        let count = terminal.read(&mut some).expect(shown);
        *shown += &String::from_utf8_lossy(&some[..count]);
    }
}

#[tokio::test]
async fn closing_the_terminal_ends_watch_and_a_hangup_by_hand_does_not() {
    let world = started(in_step()).await;
    let sections = format!("[watch]\nlisten = \"127.0.0.1:0\"\n{NO_LIMITS}");
    let watch = by_mas_cli(&world, &sections).start_on_terminal("watch --color never");
    let (mut child, mut terminal) = watch;
    let ended = kill_if_it_hangs(child.id());
    let mut shown = String::new();
    shows(&mut terminal, &mut shown, "full run: 2 members, 3 accounts: in step");
    let sent = Command::new("kill").args(["-HUP", &child.id().to_string()]).status();
    assert!(sent.expect("kill").success());
    shows(&mut terminal, &mut shown, "SIGHUP: configuration and secrets reloaded");
    drop(terminal);
    let status = child.wait().expect("a child of ours");
    drop(ended);
    assert_eq!(status.code(), Some(0), "{status}\n{shown}");
}

/// Removes users from the group before anyone can see that only one is gone.
fn leave_together(world: &RunningWorld, names: &[&str]) {
    let mut keycloak = world.keycloak.state();
    let realm = keycloak.realm("corp");
    for name in names {
        realm.leave(name, "/matrix-users");
    }
}

#[tokio::test]
async fn log_has_one_line_for_each_event_and_none_twice() {
    let world = started(in_step().members(3, "c").accounts(3, "c")).await;
    let limits = "[limits]\nmax_disable = 2\nmax_disable_percent = 100\n";
    let watching = start(&world, by_mas_cli(&world, &format!("{QUICK}{limits}")));
    watching.is_ready().await;
    world.leave("alice");
    becomes(&world, "alice", true, true).await;
    watching.has_done(1.0).await;
    leave_together(&world, &["c00000", "c00001", "c00002"]);
    watching.is_not_ready().await;
    let log = watching.log();
    assert_eq!(watching.stop(), 0);
    assert_snapshot("log_of_watch", &log);
}
