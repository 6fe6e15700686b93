//! Every mistake on the command line, with a file or with a number has a message that says what to do.
//! Those in the configuration are in `config_mistakes`.

use std::fmt::Write as _;

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::{Run, program, started, the_table, write};
use crate::sections::state_file;
use crate::snapshots::assert_snapshot;

/// Each with its exit code.
const MISTAKES: [(&str, i32); 24] = [
    ("frobnicate", 64),
    ("plna", 64),
    ("plan --format xml", 64),
    ("plan --fomrat json", 64),
    ("plan --out", 64),
    ("plan --out /nowhere/plan.json", 1),
    ("sync --approve 1234567", 64),
    ("sync --approve sha256:xyz", 64),
    ("sync --dry-run --approve 12345678", 64),
    ("sync --approve 12345678", 3),
    ("apply", 64),
    ("apply /nowhere/plan.json", 1),
    ("apply NOT_A_PLAN", 1),
    ("explain", 64),
    ("explain stranger", 1),
    ("history yesterday", 64),
    ("history 99", 1),
    ("history --since yesterday", 64),
    ("undo", 64),
    ("undo 99", 1),
    ("completions tcsh-9", 64),
    ("man frobnicate", 64),
    ("--color sometimes plan", 64),
    ("--config /nowhere/config.toml plan", 78),
];

fn run(world: &RunningWorld, line: &str) -> Run {
    let not_a_plan = write(world, "not-a-plan.json", "{}").display().to_string();
    let line = line.replace("NOT_A_PLAN", &not_a_plan);
    program(world).file(world, &state_file(world)).run(&line)
}

#[tokio::test]
async fn every_mistake_has_a_message_that_says_what_to_do() {
    let world = started(the_table()).await;
    let mut told = String::new();
    for (line, code) in MISTAKES {
        let run = run(&world, line);
        assert_eq!(run.code, code, "{line}: {run:?}");
        let error = Run { stdout: String::new(), ..run }.printed(&world);
        let error = error.trim_start_matches("--- stderr\n");
        let _ = writeln!(told, "$ {line}\n{}\n", error.trim_end());
    }
    assert_snapshot("mistakes", &told);
}
