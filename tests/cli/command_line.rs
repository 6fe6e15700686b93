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
        "Exit codes:\n   0  in step",
    ]);
}

#[test]
fn help_and_version_are_data() {
    assert_eq!(bare().run("--help").exits(0).stderr, "");
    let version = concat!("matrix-keycloak-sync ", env!("CARGO_PKG_VERSION"));
    assert_eq!(bare().run("-V").exits(0).stdout, format!("{version}\n"));
    let whole = bare().run("--version").exits(0).stdout;
    let build = whole.strip_prefix(version).and_then(|rest| rest.strip_suffix(")\n"));
    let target = format!(
        "{}-unknown-linux-{}",
        std::env::consts::ARCH,
        if cfg!(target_env = "musl") { "musl" } else { "gnu" }
    );
    assert!(
        build.is_some_and(|build| build.starts_with(" (") && build.ends_with(&target)),
        "{whole}"
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
fn completions_contain_every_command_for_users_and_no_other() {
    for shell in ["bash", "zsh", "fish"] {
        let run = bare().run(&format!("completions {shell}")).exits(0);
        let run = run.prints(&["plan", "sync", "apply", "explain", "detailed", "approve"]);
        let without_the_demo = run.stdout.replace("stand-ins", "");
        assert!(!without_the_demo.contains("stand-in"), "{shell}");
    }
}

/// `clap_complete` replaces the hyphens of the program's name in two different ways.
/// `packaging/shells.sh` tries the scripts in real shells.
#[test]
fn bash_completion_knows_the_commands_that_it_finds() {
    let script = bare().run("completions bash").exits(0).stdout;
    let found: Vec<_> = script
        .lines()
        .filter_map(|line| line.trim().strip_prefix("cmd=\"")?.strip_suffix('"'))
        .filter(|command| !command.is_empty())
        .collect();
    assert!(found.len() > 10, "{found:?}");
    for command in found {
        assert!(script.contains(&format!("\n        {command})\n")), "{command}");
    }
}

#[test]
fn man_pages_have_every_command_exit_code_and_variable() {
    let page = bare().run("man").exits(0);
    page.prints(&["plan", "sync", "EXIT STATUS", "\\fB78\\fR", "FILES", "EXAMPLES", "KC_URL"]);
    let page = bare().run("man sync").exits(0);
    page.prints(&[".TH MATRIX-KEYCLOAK-SYNC-SYNC", "approve", "EXAMPLES"]);
    bare().run("man stand-in").exits(64);
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
