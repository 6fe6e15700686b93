//! Administrators made in MAS are kept, and no run that writes goes on without knowing them.

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::{Program, account, everyone, mas_cli, program, started, the_table};
use crate::watch::watching::{QUICK, start};

const LIST: &str = "*list-admin-users";

/// Dave is outside the group and an administrator in MAS, which Synapse does not know.
async fn dave_is_an_administrator() -> RunningWorld {
    let world = started(the_table()).await;
    world.mas.state().user_mut("dave").expect("seeded").admin = true;
    world
}

/// A mas-cli whose list of administrators runs this instead; all else works.
fn with_list(world: &RunningWorld, instead: &str, more: &str) -> Program {
    let toml = mas_cli(world, &format!("case \"$*\" in {LIST}) {instead};; esac"));
    program(world).file(world, &(toml + more))
}

/// What MAS's database answers when it is full, once.
const FULL_ONCE: &str = "[ -e \"$0.done\" ] || { : > \"$0.done\"; \
    echo 'Error: remaining connection slots are reserved for roles with the SUPERUSER attribute' >&2; exit 1; }";

/// Ways in which the list fails, and what the run says. None of them means that mas-cli has no such
/// command.
const FAILING: [(&str, &str); 8] = [
    (FULL_ONCE, "remaining connection slots"),
    // The lines have the level INFO, which a RUST_LOG in the container can hide.
    ("exit 0", "listed no administrators"),
    ("echo 'Welcome to the jump host' >&2; exit 0", "listed no administrators"),
    (
        "echo '2026-11-28T13:11:15.375114Z  INFO mas_cli::commands::manage:390 The following users can request admin \
         privileges (2 total):' >&2; exit 0",
        "listed no administrators",
    ),
    // Exit code 2 alone may come from a shell, or from another wrong word.
    ("echo 'sh: 1: Syntax error: word unexpected' >&2; exit 2", "Syntax error"),
    ("echo \"error: unexpected argument '--config' found\" >&2; exit 2", "unexpected argument"),
    ("exit 127", "failed"),
    ("kill -KILL $$", "failed"),
];

#[tokio::test]
async fn accounts_to_disable_are_skipped_if_the_administrators_of_mas_are_unknown() {
    for (instead, told) in FAILING {
        let world = dave_is_an_administrator().await;
        let run = with_list(&world, instead, "").run("sync").exits(4);
        run.tells(&["the administrators made in MAS are unknown: ", told]);
        let states = ["bob", "dave"].map(|name| world.state_of(name));
        assert_eq!(states, [account(false, false); 2], "{instead}");
    }
}

#[tokio::test]
async fn run_that_would_only_disable_fails_if_the_administrators_of_mas_are_unknown() {
    let world = dave_is_an_administrator().await;
    world.leave("bob");
    let before = everyone(&world);
    let run = with_list(&world, FULL_ONCE, "").run("sync").exits(1);
    run.tells(&[
        "the administrators made in MAS are unknown, so no account is disabled",
        "remaining connection slots",
        "hint: ",
    ]);
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn next_run_keeps_the_administrator_once_the_list_works_again() {
    let world = dave_is_an_administrator().await;
    with_list(&world, FULL_ONCE, "").run("sync").exits(4);
    let run = with_list(&world, FULL_ONCE, "").run("sync --format json").exits(0);
    assert_eq!(run.kept(), ["dave admin"]);
    assert_eq!(["bob", "dave"].map(|name| world.state_of(name)), [account(false, false); 2]);
}

#[tokio::test]
async fn apply_and_undo_skip_them_too_if_the_administrators_of_mas_are_unknown() {
    let world = dave_is_an_administrator().await;
    let file = world.directory().join("plan.json").display().to_string();
    with_list(&world, "exit 0", "").run(&format!("plan --out {file}")).exits(0);
    let run = with_list(&world, FULL_ONCE, "").run(&format!("apply {file}")).exits(4);
    run.tells(&["the administrators made in MAS are unknown", "remaining connection slots"]);
    assert_eq!(world.state_of("dave"), account(false, false));

    let world = started(the_table()).await;
    program(&world).run("sync").exits(0);
    world.mas.state().user_mut("bob").expect("seeded").admin = true;
    let dry = with_list(&world, "exit 1", "").run("undo 1 --dry-run").exits(0);
    let dry = dry.tells(&["administrators made in MAS are unknown: "]);
    assert!(!dry.stdout.contains("--approve"), "{}", dry.stdout);
    let run = with_list(&world, "exit 1", "").run("undo 1 --yes").exits(4);
    run.tells(&["the administrators made in MAS are unknown"]);
    assert_eq!(world.state_of("bob"), account(false, false));
}

#[tokio::test]
async fn plan_warns_and_prints_no_approving_command_if_the_administrators_are_unknown() {
    for (instead, _) in FAILING {
        let world = dave_is_an_administrator().await;
        for command in ["plan", "sync --dry-run"] {
            let run = with_list(&world, instead, "").run(command).exits(0);
            let run = run.tells(&[
                "administrators made in MAS are unknown: ",
                "a sync would disable no account",
            ]);
            assert!(!run.stdout.contains("sync --approve "), "{}", run.stdout);
            let _ = std::fs::remove_file(world.directory().join("my-mas-cli.done"));
        }
    }
    let world = started(the_table().account("local")).await;
    let approving = "sync --approve ";
    with_list(&world, "", "").run("explain local").exits(0).prints(&[approving]);
    let run = with_list(&world, "exit 1", "").run("explain local").exits(0);
    assert!(!run.stdout.contains(approving), "{}", run.stdout);
}

#[tokio::test]
async fn refusal_offers_no_approval_that_could_disable_an_unknown_administrator() {
    let world = dave_is_an_administrator().await;
    let file = world.directory().join("plan.json").display().to_string();
    let limited = |line: &str, limit: &str| {
        with_list(&world, LACKS, &format!("[limits]\n{limit} = 0\n")).run(line)
    };
    limited(&format!("plan --out {file}"), "max_disable").exits(0);
    let apply = format!("apply {file}");
    for (line, again) in [("sync", " plan"), (&*apply, " plan")] {
        let refused = limited(line, "max_disable").exits(3).tells(&[UNKNOWN]);
        assert!(!refused.stderr.contains("--approve"), "{}", refused.stderr);
        let event = limited(&format!("--log-format json {line}"), "max_disable").exits(3).stderr;
        assert!(event.contains(&format!("{again}\"")) && !event.contains("--approve"), "{event}");
    }
    let world = started(the_table()).await;
    program(&world).run("sync").exits(0);
    let limited = with_list(&world, LACKS, "[limits]\nmax_activate = 0\n");
    let refused = limited.run("undo 1").exits(3).tells(&[UNKNOWN]);
    assert!(!refused.stderr.contains("--approve"), "{}", refused.stderr);
}

#[tokio::test]
async fn run_that_leaves_accounts_waiting_says_why_it_offers_no_approval() {
    let world = started(the_table().account("stranger")).await;
    let run = with_list(&world, LACKS, "").run("sync").exits(4);
    let run = run.tells(&["1 account waits for an approval.\n", UNKNOWN]);
    assert!(!run.stderr.contains("--approve"), "{}", run.stderr);
    let world = started(the_table()).await;
    program(&world).run("sync").exits(0);
    let undo = with_list(&world, LACKS, "").run("undo 1").exits(4);
    let undo = undo.tells(&["1 account was not disabled, because it belongs", UNKNOWN]);
    assert!(!undo.stderr.contains("--approve"), "{}", undo.stderr);
}

#[tokio::test]
async fn watch_offers_no_approval_that_could_disable_an_unknown_administrator() {
    let world = started(the_table().account("stranger")).await;
    let watching = start(&world, with_list(&world, LACKS, QUICK));
    watching.has_run("kind=\"full\",result=\"in_step\"", 1).await;
    watching.offers_no_approval("an approval could disable one of them.").await;
    let config = world.directory().join("config.toml").display().to_string();
    let status = program(&world).env("MATRIX_KEYCLOAK_SYNC_CONFIG", &config).run("status");
    let told = ["1 action waits for a decision:", "- stranger: ", "The administrators of MAS are"];
    assert!(!status.prints(&told).stdout.contains("If it is right, run"));
}

#[tokio::test]
async fn approval_of_activations_alone_is_offered_though_the_administrators_are_unknown() {
    let world = started(the_table()).await;
    program(&world).run("sync").exits(0);
    // Another run has disabled bob again, so that only the activation of dave is left to undo.
    world.leave("bob");
    program(&world).run("sync").exits(0);
    let limited = || with_list(&world, LACKS, "[limits]\nmax_activate = 0\n");
    limited().run("undo 1 --dry-run").exits(0).prints(&["undo 1 --approve "]);
    limited().run("undo 1").exits(3).tells(&["undo 1 --approve "]);
}

/// A mas-cli before 1.3 has no such command.
const LACKS: &str = "echo \"error: unrecognized subcommand 'list-admin-users'\" >&2; exit 2";

const UNKNOWN: &str = "The administrators of MAS are unknown, and an approval could disable one";

#[tokio::test]
async fn mas_cli_before_1_3_lacks_the_list_and_the_run_goes_on_with_a_warning() {
    let world = started(the_table()).await;
    let run = with_list(&world, LACKS, "").run("sync").exits(0);
    run.tells(&["this mas-cli does not list them"]);
    assert_eq!(world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn run_needs_no_list_if_it_disables_no_one_or_if_administrators_are_not_protected() {
    let world = started(the_table()).await;
    let run = with_list(&world, "exit 1", "[policy]\nprotect = [\"dave\"]\n").run("sync").exits(0);
    assert!(!run.stderr.contains("administrators"), "{}", run.stderr);
    with_list(&world, "exit 1", "[policy]\nprotect_admins = false\n").run("sync").exits(0);
    assert_eq!(world.state_of("dave"), account(true, true));
}
