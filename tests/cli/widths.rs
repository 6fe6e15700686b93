//! What is printed fits terminals of 80 and 120 columns, with 3 actions and with 3,000, and is whole
//! in a pipe.

use std::fs;

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::{
    BY_MAS, NO_LIMITS, Program, Run, group, program, settings, started, the_table,
};
use crate::sections::state_file;

const WIDTHS: [u16; 2] = [80, 120];

/// The program with a state file, without limits and without a pager.
fn open(world: &RunningWorld) -> Program {
    let state = state_file(world);
    program(world).file(world, &format!("{state}{NO_LIMITS}")).env("MATRIX_KEYCLOAK_SYNC_PAGER", "")
}

/// Checks that all but commands fit, and compares it with the snapshot `wide_COLUMNS_NAME`.
fn fits(world: &RunningWorld, run: &Run, columns: u16, name: &str) {
    let plain = anstream::adapter::strip_str(&run.stdout).to_string();
    // A progress bar is overwritten by what follows.
    let last = |line: &str| line.rsplit('\r').next().unwrap_or_default().to_owned() + "\n";
    let plain: String = plain.lines().map(last).collect();
    let is_too_long = |line: &&str| line.chars().count() > usize::from(columns);
    let long: Vec<_> = plain.lines().filter(is_too_long).collect();
    let is_command = |line: &str| {
        ["matrix-keycloak-sync ", "mas-cli "].iter().any(|name| line.trim_start().starts_with(name))
    };
    assert_eq!(
        long.iter().filter(|line| !is_command(line)).collect::<Vec<_>>(),
        [&""; 0],
        "{name}"
    );
    assert!(run.stderr.is_empty(), "{name}: {}", run.stderr);
    Run { stdout: shortened(&plain), stderr: String::new(), ..*run }
        .matches(world, &format!("wide_{columns}_{name}"));
}

/// Leaves out the middle of a long text: its lines differ only in their numbers.
fn shortened(text: &str) -> String {
    const END: usize = 40;
    let lines: Vec<_> = text.lines().collect();
    if lines.len() <= 3 * END {
        return text.to_owned();
    }
    let omitted = format!("[… {} lines …]", lines.len() - 2 * END);
    let parts = [&lines[..END], &[omitted.as_str()], &lines[lines.len() - END..]];
    parts.concat().join("\n") + "\n"
}

#[tokio::test]
async fn every_command_fits_the_terminal_with_three_actions() {
    let world = started(the_table().account("old-timer")).await;
    let plan = world.directory().join("plan.json").display().to_string();
    let save = open(&world).run(&format!("plan --out {plan}"));
    save.exits(0);
    for columns in WIDTHS {
        for (name, command) in [
            ("plan", "plan"),
            ("explain", "explain dave"),
            ("doctor", "doctor"),
            ("empty_history", "history"),
            ("help", "--help"),
            ("plan_help", "plan --help"),
        ] {
            fits(&world, &open(&world).on_columns(columns, command), columns, name);
        }
    }
    open(&world).run(&format!("apply {plan}")).exits(4);
    for columns in WIDTHS {
        for (name, command) in [
            ("apply_of_an_applied_plan", format!("apply {plan} --yes")),
            ("plan_after_apply", "plan".to_owned()),
            ("history", "history".to_owned()),
            ("history_of_a_run", "history 1".to_owned()),
            ("undo", "undo 1 --dry-run".to_owned()),
        ] {
            let run = open(&world).on_columns(columns, &command);
            fits(&world, &Run { stderr: String::new(), ..run }, columns, name);
        }
    }
}

#[tokio::test]
async fn three_thousand_actions_are_cut_on_a_terminal_and_whole_in_a_pipe() {
    let world = started(group().members(3, "m").accounts(3, "m").leavers(3000, "x")).await;
    let open = || open(&world).file(&world, &format!("{}{NO_LIMITS}", state_file(&world)));
    for columns in WIDTHS {
        fits(&world, &open().on_columns(columns, "plan"), columns, "plan_of_3000");
    }
    let listed = |run: &Run| run.stdout.matches("\n    - x").count();
    let full = open().on_columns(80, "plan --full --color never");
    let piped = open().run("plan");
    assert_eq!([&full, &piped].map(listed), [3000, 3000]);
    let paged = world.directory().join("paged");
    let command = format!("cat > {}", paged.display());
    let run = open()
        .env("MATRIX_KEYCLOAK_SYNC_PAGER", &command)
        .on_columns(80, "plan --full --color never");
    assert_eq!((run.code, run.stdout.as_str()), (0, ""));
    let paged = Run { stdout: fs::read_to_string(paged).expect("the pager wrote it"), ..run };
    assert_eq!(listed(&paged), 3000);
}

#[tokio::test]
async fn refused_plan_of_three_thousand_actions_is_cut_and_names_the_command_that_shows_all() {
    let world = started(group().members(3, "m").accounts(3, "m").leavers(3000, "x")).await;
    let plan = world.directory().join("plan.json").display().to_string();
    let open = || {
        let limited = program(&world).file(&world, &state_file(&world));
        limited.env("MATRIX_KEYCLOAK_SYNC_PAGER", "")
    };
    open().run(&format!("plan --out {plan}")).exits(0);
    for columns in WIDTHS {
        for (name, command) in [
            ("refused_sync_of_3000", "sync".to_owned()),
            ("refused_apply_of_3000", format!("apply {plan}")),
            ("history_of_a_refused_run_of_3000", "history 1".to_owned()),
            ("report_of_3000", "report".to_owned()),
        ] {
            let run = open().on_terminal_of(columns, &command, "n\n");
            fits(&world, &run, columns, name);
        }
    }
}

#[tokio::test]
async fn undo_of_three_thousand_actions_shows_all_before_and_is_cut_if_it_is_refused() {
    const LOCKS: &str = "[policy]\ndisable = \"lock\"\nlock_sessions = \"keep\"\n";
    let world = started(group().members(3, "m").accounts(3, "m").leavers(3000, "x")).await;
    let open = |limits: &str| {
        let sections = format!("{}{}{LOCKS}{limits}", state_file(&world), settings(&world, BY_MAS));
        let program = program(&world).file(&world, &sections).hiding(world.mas_client_secret());
        program.env("MATRIX_KEYCLOAK_SYNC_PAGER", "")
    };
    let run = open("[limits]\nmax_disable = 3000\nmax_disable_percent = 100\n").run("sync");
    run.exits(0);
    for columns in WIDTHS {
        for (name, command) in [
            ("undo_of_3000", "undo 1 --dry-run"),
            ("refused_undo_of_3000", "undo 1"),
            ("history_of_3000", "history 1"),
            ("report_of_3000_disabled", "report"),
        ] {
            let run = open("").on_terminal_of(columns, command, "n\n");
            fits(&world, &run, columns, name);
        }
    }
}

#[tokio::test]
async fn warnings_and_errors_of_the_command_line_fit_the_terminal_too() {
    let world = started(the_table()).await;
    for columns in WIDTHS {
        let open = || program(&world).file(&world, "state_file = \"off\"\n");
        let run = open().on_terminal_of(columns, "plan", "");
        assert!(run.stdout.contains("WARN"), "{}", run.stdout);
        fits(&world, &run, columns, "plan_with_a_warning");
        let run = open().on_terminal_of(columns, "--color never history --since yesterday", "");
        assert!(!run.stdout.contains('\u{1b}'), "{:?}", run.stdout);
        fits(&world, &run, columns, "wrong_command_line");
    }
}

#[tokio::test]
async fn pager_gets_no_secret_and_a_missing_one_loses_nothing() {
    let world = started(the_table()).await;
    let file = world.directory().join("environment");
    let pager = format!("env > {}; cat > /dev/null", file.display());
    let show = |pager: &str| {
        open(&world).env("MATRIX_KEYCLOAK_SYNC_PAGER", pager).on_columns(80, "plan --color never")
    };
    show(&pager).exits(0);
    let environment = fs::read_to_string(&file).expect("the pager wrote it");
    assert!(environment.contains("LESS=FRX"), "{environment}");
    for secret in ["KC_", "MATRIX_ADMIN_TOKEN"] {
        assert!(!environment.contains(secret), "{environment}");
    }
    show("no-such-pager").exits(0).prints(&["+ bob", "- dave"]);
}

#[tokio::test]
async fn plan_on_a_terminal_has_colour() {
    let world = started(the_table()).await;
    let run = open(&world).on_columns(80, "plan --color always");
    assert!(run.stdout.contains("\u{1b}[1m\u{1b}[32m+\u{1b}[0m bob"), "{:?}", run.stdout);
    let run = open(&world).env("NO_COLOR", "1").on_columns(80, "plan");
    assert!(!run.stdout.contains('\u{1b}'), "{:?}", run.stdout);
}
