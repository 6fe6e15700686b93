//! As a service: signals, the service manager, a configuration that changes.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use matrix_keycloak_sync::standins::RunningWorld;

use super::watching::{QUICK, start, until_so};
use super::{becomes, by_mas_cli, in_step, watching};
use crate::harness::{NO_LIMITS, Program, account, group, started, write};
use crate::sections::state_file;

/// The service manager.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(world: &RunningWorld) -> Self {
        let path = world.directory().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_mins(1))).expect("a socket of ours");
        Self { socket, path }
    }

    /// Returns the program as its service.
    fn of(&self, program: Program) -> Program {
        program.env("NOTIFY_SOCKET", &self.path.display().to_string())
    }

    /// Waits for the next message.
    fn next(&self) -> String {
        let mut buffer = [0; 4000];
        let length = self.socket.recv(&mut buffer).expect("it says something");
        String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned()
    }

    /// Waits for a message that begins like this.
    fn hears(&self, begin: &str) {
        while !self.next().starts_with(begin) {}
    }
}

#[tokio::test]
async fn signal_while_idle_ends_with_success() {
    for name in ["TERM", "INT"] {
        let world = started(in_step()).await;
        let mut watching = watching(&world, NO_LIMITS).await;
        watching.signal(name);
        assert_eq!(watching.end(), 0);
    }
}

#[tokio::test]
async fn signal_during_changes_finishes_current_actions_and_reports_the_rest() {
    let world = started(group().member("alice").account("alice").leavers(40, "c")).await;
    let mut watching = start(&world, by_mas_cli(&world, &format!("{QUICK}{NO_LIMITS}")));
    until_so("changes are made", async || world.mas.requests().count("/stand-in/manage") >= 8)
        .await;
    watching.signal("TERM");
    assert_eq!(watching.end(), 4);
    assert!(world.settle().await);
    let states: Vec<_> = (0..40).map(|number| world.state_of(&format!("c{number:05}"))).collect();
    let disabled = states.iter().filter(|state| **state == account(true, true)).count();
    let left = states.iter().filter(|state| **state == account(false, false)).count();
    assert_eq!((disabled + left, disabled > 0 && left > 0), (40, true));
}

#[tokio::test]
async fn configuration_is_read_again_on_sighup_and_not_used_if_it_is_wrong() {
    let world = started(in_step().member("carol")).await;
    let protecting = |name: &str| format!("{QUICK}{NO_LIMITS}[policy]\nprotect = [{name:?}]\n");
    let manager = Manager::new(&world);
    let mut watching = start(&world, manager.of(by_mas_cli(&world, &protecting("alice"))));
    watching.is_ready().await;
    write(&world, "config.toml", &protecting("bob").replace("1h", "soon"));
    watching.signal("HUP");
    manager.hears("RELOADING=1");
    manager.hears("READY=1");
    watching.has_logged("the old one stays in use");
    let log = watching.log();
    let line = log.lines().find(|line| line.contains("SIGHUP, but")).expect("a line");
    let said =
        ["config.toml:", ": watch.interval = \"soon\": expected ", "; the old one stays in use"];
    assert!(said.iter().all(|words| line.contains(words)) && !log.contains('^'), "{log}");
    world.leave("bob");
    becomes(&world, "bob", true, true).await;
    write(&world, "config.toml", &protecting("stranger"));
    world.leave("alice");
    watching.signal("HUP");
    becomes(&world, "alice", true, true).await;
    watching.has_done(2.0).await;
    watching.signal("TERM");
    assert_eq!(watching.end(), 0);
}

#[tokio::test]
async fn a_wrong_configuration_or_a_taken_port_is_an_error_at_the_start() {
    let world = started(in_step()).await;
    by_mas_cli(&world, "[watch]\ninterval = \"0s\"\n")
        .run("watch")
        .exits(78)
        .tells(&["watch.interval"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = format!("[watch]\nlisten = \"{}\"\n", taken.local_addr().expect("bound"));
    by_mas_cli(&world, &listen).run("watch").exits(1).tells(&["(watch.listen)", "in use"]);
}

#[tokio::test]
async fn service_manager_is_notified_of_start_watchdog_and_stop() {
    let world = started(in_step()).await;
    let manager = Manager::new(&world);
    let program = manager.of(by_mas_cli(&world, &format!("{QUICK}{NO_LIMITS}")));
    let mut watching = start(&world, program.env("WATCHDOG_USEC", "1000000"));
    assert_eq!(manager.next(), "READY=1");
    let mut seen = Vec::new();
    while !seen.contains(&"STATUS=in step".to_owned()) || !seen.contains(&"WATCHDOG=1".to_owned()) {
        seen.push(manager.next());
    }
    watching.signal("TERM");
    assert_eq!(watching.end(), 0);
    while seen.last().is_none_or(|last| last != "STOPPING=1") {
        seen.push(manager.next());
    }
}

#[tokio::test]
async fn state_file_that_is_removed_or_replaced_is_opened_again_before_the_next_change() {
    for (replaced, log_stays) in [(false, false), (true, false), (true, true)] {
        let world = started(in_step()).await;
        let path = world.directory().join("state.db");
        let sections = format!("{}{QUICK}{NO_LIMITS}", state_file(&world));
        let watching = start(&world, by_mas_cli(&world, &sections));
        watching.is_ready().await;
        for end in ["", "-wal", "-shm"] {
            let file = format!("{}{end}", path.display());
            if replaced && end.is_empty() {
                std::fs::copy(&file, format!("{file}.new")).expect("it is there");
                std::fs::rename(format!("{file}.new"), &file).expect("ours");
            } else if !log_stays {
                let _ = std::fs::remove_file(&file);
            }
        }
        until_so("it is noticed", async || watching.times("was removed or replaced") > 0).await;
        world.leave("alice");
        becomes(&world, "alice", true, true).await;
        watching.has_done(1.0).await;
        assert_eq!(watching.times("was removed or replaced"), 1, "{}", watching.log());
        let history = by_mas_cli(&world, &sections).run("history --format json").exits(0).json();
        assert_eq!(history["runs"][0]["disabled"], 1, "{replaced}: {history}");
    }
}
