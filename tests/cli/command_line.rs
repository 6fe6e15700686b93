//! The command line without servers: help, wrong arguments, generated files.

use crate::harness::{bare, program, started, the_table};

#[test]
fn without_a_command_the_help_is_printed() {
    let run = bare().run("").exits(0);
    run.prints(&[
        "Usage: matrix-keycloak-sync",
        "plan",
        "sync",
        "apply",
        "explain",
        "Exit codes: 0 in step",
    ]);
}

#[test]
fn help_and_version_are_data() {
    assert_eq!(bare().run("--help").exits(0).stderr, "");
    assert_eq!(
        bare().run("--version").exits(0).stdout,
        concat!("matrix-keycloak-sync ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn stand_ins_are_not_in_the_help() {
    assert!(!bare().run("--help").stdout.contains("  stand-in "));
}

#[test]
fn a_wrong_command_line_has_an_exit_code_of_its_own() {
    for line in [
        "sing",
        "plan --loudly",
        "plan now",
        "plan --format yaml",
        "sync --dry-run --approve sha256:0",
        "sync --format markdown",
        "sync --approve",
        "doctor --format markdown",
        "doctor keycloak",
        "apply",
        "explain",
        "completions tcsh-9",
        "-q -v plan",
        "--log-format xml plan",
    ] {
        let run = bare().run(line);
        assert_eq!((run.code, run.stdout.as_str()), (64, ""), "{line}\n{run:?}");
        assert!(run.stderr.contains("error: "), "{line}\n{run:?}");
    }
}

#[test]
fn all_missing_keys_are_reported_at_once() {
    let run = bare().run("plan").exits(78);
    run.tells(&[
        "KC_URL",
        "KC_REALM",
        "KC_GROUP_NAME",
        "KC_CLIENT_ID",
        "MATRIX_URL",
        "MATRIX_ADMIN_TOKEN",
        "MATRIX_SERVER_NAME",
    ]);
}

#[test]
fn completions_and_man_pages_hold_every_command() {
    for line in ["completions bash", "completions zsh", "completions fish", "man"] {
        bare()
            .run(line)
            .exits(0)
            .prints(&["plan", "sync", "apply", "explain", "detailed", "approve"]);
    }
}

#[tokio::test]
async fn a_pipe_that_is_closed_is_no_error() {
    let world = started(the_table()).await;
    let run = program(&world).shell("{ matrix-keycloak-sync plan; echo $? >&2; } | true");
    assert_eq!(run.stderr, "0\n");
}

#[tokio::test]
async fn data_goes_to_stdout_and_logs_to_stderr() {
    let world = started(the_table()).await;
    let quiet = program(&world).run("plan --format json").exits(0);
    let loud = program(&world).run("plan --format json -vvv --log-format json").exits(0);
    assert_eq!((quiet.stdout, quiet.stderr.as_str()), (loud.stdout, ""));
    for line in loud.stderr.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect(line);
    }
    assert!(loud.stderr.contains("/members"), "{}", loud.stderr);
}

#[tokio::test]
async fn colour_is_used_only_if_requested() {
    let world = started(the_table()).await;
    let plan = |options: &str| program(&world).run(&format!("plan {options}")).exits(0).stdout;
    assert!(!plan("").contains('\u{1b}') && !plan("--color never").contains('\u{1b}'));
    assert!(plan("--color always").contains('\u{1b}'));
}
