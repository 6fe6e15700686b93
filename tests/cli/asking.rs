//! On a terminal `sync`, `apply` and `undo` ask before they change anything; elsewhere they do not.

use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::{NO_LIMITS, Program, account, group, program, started, the_table};
use crate::sections::state_file;

/// The program with a state file. Dave would be disabled, and Bob activated.
fn remembering(world: &RunningWorld) -> Program {
    program(world).file(world, &state_file(world))
}

const QUESTION: &str = "Activate 1 account, disable 1 account for good?";

#[tokio::test]
async fn sync_on_a_terminal_asks_and_does_nothing_without_a_yes() {
    let (declined, stopped) = ("not confirmed", "stopped by a signal");
    for (typed, end) in [
        ("n\n", declined),
        ("\n", declined),
        ("not yet\n", declined),
        ("maybe\n", declined),
        ("\x04", declined),
        ("\x03", stopped),
    ] {
        let world = started(the_table()).await;
        let run = remembering(&world).on_terminal("sync", typed).exits(1);
        run.prints(&[QUESTION, &format!("\nerror: {end}; nothing was changed")]);
        assert_eq!(world.state_of("dave"), account(false, false), "{typed:?}");
        assert_eq!(world.state_of("bob"), account(true, true), "{typed:?}");
    }
}

#[tokio::test]
async fn sync_on_a_terminal_goes_on_with_a_yes() {
    let world = started(the_table()).await;
    remembering(&world)
        .on_terminal("sync", "y\n")
        .exits(0)
        .prints(&[QUESTION, "1 activated, 1 disabled"]);
    assert_eq!(world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn every_name_is_shown_before_the_question_in_json_too() {
    let world = started(the_table()).await;
    let run = remembering(&world).on_terminal("sync --format json", "n\n").exits(1);
    let (before, _) = run.stdout.split_once(QUESTION).expect("a question");
    assert!(before.contains(" bob") && before.contains(" dave"), "{before}");
    assert!(!run.stdout.contains("\"actions\""), "{}", run.stdout);
    let piped = remembering(&world).run("sync --format json").exits(0);
    assert_eq!((piped.actions().len(), piped.stderr.contains("Disable")), (2, false));
}

#[tokio::test]
async fn every_name_is_shown_where_the_question_is_asked_also_if_data_goes_to_a_file() {
    let world = started(the_table()).await;
    let path = world.directory().join("data");
    let into_file = || remembering(&world).data_to(File::create(&path).expect("writable"));
    let data = || std::fs::read_to_string(&path).expect("a file");
    let run = into_file().on_terminal("--color never sync", "y\n").exits(0);
    let (before, _) = run.stdout.split_once(QUESTION).expect("a question");
    assert!(before.contains("+ bob") && before.contains("- dave"), "{before}");
    assert!(data().contains("- dave") && data().contains("Done"), "{}", data());
    let run = into_file().on_terminal("--color never undo 1", "n\n").exits(1);
    let (before, _) = run.stdout.split_once("[y/N]").expect("a question");
    assert!(before.contains("+ dave") && before.contains("have to be invited again"), "{before}");
    // No one is asked.
    let run = into_file().on_terminal("--color never undo 1 --yes", "").exits(0);
    assert!(!run.stdout.contains("+ dave") && data().contains("+ dave"), "{}", run.stdout);
}

#[tokio::test]
async fn option_and_approval_answer_and_a_plan_without_changes_asks_nothing() {
    for answer in ["--yes", "--approve"] {
        let world = started(the_table()).await;
        let digest = remembering(&world).run("plan --format json").json()["digest"].clone();
        let digest = digest.as_str().expect("a text");
        let line =
            if answer == "--yes" { answer.to_owned() } else { format!("--approve {digest}") };
        let run = remembering(&world).on_terminal(&format!("sync {line}"), "n\n").exits(0);
        assert!(!run.stdout.contains("[y/N]"), "{}", run.stdout);
        let run = remembering(&world).on_terminal("sync", "n\n").exits(0);
        assert!(!run.stdout.contains("[y/N]"), "{}", run.stdout);
    }
}

#[tokio::test]
async fn question_ends_with_a_signal_and_the_metrics_are_written() {
    let world = started(the_table()).await;
    let figures = world.directory().join("figures.prom");
    let line = format!("sync --metrics-file {}", figures.display());
    let (mut sync, mut terminal) = remembering(&world).start_on_terminal(&line);
    let mut shown = String::new();
    let mut some = [0; 4096];
    while let Ok(count) = terminal.read(&mut some) {
        shown += &String::from_utf8_lossy(&some[..count]);
        if shown.ends_with("[y/N] ") {
            std::process::Command::new("kill").arg(sync.id().to_string()).status().expect("kill");
        }
    }
    assert_eq!(sync.wait().expect("a child of ours").code(), Some(1), "{shown}");
    assert!(shown.ends_with("error: stopped by a signal; nothing was changed\r\n"), "{shown}");
    assert!(figures.exists());
    assert_eq!(world.state_of("dave"), account(false, false));
}

#[tokio::test]
async fn plan_that_changes_while_the_question_is_open_is_not_carried_out() {
    let slow = |world: &RunningWorld, change: &dyn Fn(&RunningWorld)| {
        change(world);
        std::thread::sleep(Duration::from_secs(6));
    };
    let end = |name: &str| format!("the plan changed while the question was open (disable {name}:");
    let world = started(the_table()).await;
    let rejoins = || slow(&world, &|world| world.join("dave"));
    remembering(&world)
        .on_terminal_after(80, "sync", "y\n", rejoins)
        .exits(1)
        .prints(&[&end("dave")]);
    assert_eq!(world.state_of("dave"), account(false, false));

    let world = started(the_table()).await;
    let file = world.directory().join("plan.json").display().to_string();
    remembering(&world).run(&format!("plan --out {file}")).exits(0);
    let line = format!("apply {file}");
    let rejoins = || slow(&world, &|world| world.join("dave"));
    remembering(&world)
        .on_terminal_after(80, &line, "y\n", rejoins)
        .exits(1)
        .prints(&[&end("dave")]);
    assert_eq!(world.state_of("dave"), account(false, false));

    // Only the members who were asked about may be disabled.
    let world =
        started(group().members(2, "b").disabled_account("b00000").disabled_account("b00001"))
            .await;
    let open = || program(&world).file(&world, &format!("{}{NO_LIMITS}", state_file(&world)));
    open().run("sync").exits(0);
    assert!(world.settle().await);
    world.leave("b00001");
    let rejoins = || slow(&world, &|world| world.join("b00001"));
    open().on_terminal_after(80, "undo 1", "y\n", rejoins).exits(1).prints(&[&end("b00001")]);
    assert_eq!(["b00000", "b00001"].map(|name| world.state_of(name)), [account(false, false); 2]);

    let world = started(the_table()).await;
    let nothing = || slow(&world, &|_| ());
    remembering(&world).on_terminal_after(80, "sync", "y\n", nothing).exits(0);
    assert_eq!(world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn closed_terminal_ends_the_question_and_the_metrics_are_written() {
    let world = started(the_table()).await;
    let figures = world.directory().join("figures.prom");
    let line = format!("sync --metrics-file {}", figures.display());
    let (mut sync, mut terminal) = remembering(&world).start_on_terminal(&line);
    let (mut shown, mut some) = (String::new(), [0; 4096]);
    while !shown.ends_with("[y/N] ") {
        let count = terminal.read(&mut some).expect("it waits for an answer");
        shown += &String::from_utf8_lossy(&some[..count]);
    }
    drop(terminal);
    assert_eq!(sync.wait().expect("a child of ours").code(), Some(1), "{shown}");
    assert!(figures.exists());
    assert_eq!(world.state_of("dave"), account(false, false));
}

#[tokio::test]
async fn apply_on_a_terminal_asks_too() {
    let world = started(the_table()).await;
    let file = world.directory().join("plan.json").display().to_string();
    remembering(&world).run(&format!("plan --out {file}")).exits(0);
    remembering(&world).on_terminal(&format!("apply {file}"), "n\n").exits(1).prints(&[QUESTION]);
    remembering(&world).on_terminal(&format!("apply {file} --yes"), "n\n").exits(0);
    assert_eq!(world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn undo_on_a_terminal_asks_about_current_members_and_about_the_rest() {
    let world = started(the_table()).await;
    remembering(&world).run("sync").exits(0);
    let run = remembering(&world).on_terminal("undo 1", "n\n").exits(1);
    run.prints(&["Also disable 1 current member?", "Activate 1 account?"]);
    assert_eq!(world.state_of("dave"), account(true, true));
    let run = remembering(&world).on_terminal("undo 1", "y\n").exits(0);
    run.prints(&[
        "Also disable 1 current member?",
        "Activate 1 account, disable 1 account for good?",
    ]);
    assert!(world.settle().await);
    assert_eq!(world.state_of("dave"), account(false, false));
    assert_eq!(world.state_of("bob"), account(true, true));
}

#[tokio::test]
async fn undo_without_changes_needs_neither_writer_nor_lock() {
    let world = started(the_table()).await;
    remembering(&world).run("sync").exits(0);
    let lock = world.directory().join("matrix-keycloak-sync-corp-example.org.lock");
    let held = std::fs::File::options().write(true).open(lock).expect("the run has made it");
    held.try_lock().expect("it is free");
    remembering(&world).run("undo 1").exits(5);
    remembering(&world).env("PATH", "/nowhere").run("undo 1 --dry-run").exits(0);
}

#[tokio::test]
async fn approval_of_a_plan_that_is_done_has_nothing_left_to_do() {
    let world = started(the_table()).await;
    let digest = remembering(&world).run("plan --format json").json()["digest"].clone();
    let digest = digest.as_str().expect("a text");
    remembering(&world).run("sync").exits(0);
    remembering(&world).run(&format!("sync --approve {digest}")).exits(0);
    world.join("dave");
    remembering(&world).run(&format!("sync --approve {digest}")).exits(3);
}
