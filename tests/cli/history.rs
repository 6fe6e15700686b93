//! `history` lists what was done, and `undo` reverses it.

use serde_json::json;

use crate::harness::{NO_LIMITS, Program, account, group, program, started, the_table, write};
use crate::sections::state_file;
use matrix_keycloak_sync::standins::{Fault, RunningWorld};

/// The program with a state file.
fn remembering(world: &RunningWorld, more: &str) -> Program {
    program(world).file(world, &format!("{}{more}", state_file(world)))
}

#[tokio::test]
async fn run_is_listed_with_its_counts_and_shown_with_its_actions() {
    let world = started(the_table()).await;
    remembering(&world, "").run("sync").exits(0);
    remembering(&world, "")
        .run("history --format json")
        .exits(0)
        .matches(&world, "history_in_json");
    remembering(&world, "").run("history").exits(0).matches(&world, "history");
    remembering(&world, "").run("history 1").exits(0).matches(&world, "history_of_a_run");
    remembering(&world, "")
        .run("history 1 --format json")
        .exits(0)
        .matches(&world, "history_of_a_run_in_json");
}

#[tokio::test]
async fn run_with_nothing_to_do_is_not_listed_and_history_creates_no_file() {
    let world = started(the_table()).await;
    remembering(&world, "").run("history").exits(0).prints(&["No run has changed anything yet."]);
    remembering(&world, "").run("plan").exits(0);
    assert!(!world.directory().join("state.db").exists());
    remembering(&world, "").run("sync").exits(0);
    remembering(&world, "").run("sync").exits(0);
    let runs = remembering(&world, "").run("history --format json").exits(0).json();
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_refused_run_is_listed_as_refused() {
    let world = started(the_table().leavers(30, "c")).await;
    remembering(&world, "").run("sync").exits(3);
    remembering(&world, "").run("history").exits(0).matches(&world, "history_of_a_refusal");
    let run = remembering(&world, "").run("history 1").exits(0);
    run.prints(&["refused, because", "limits.max_disable is"]);
}

#[tokio::test]
async fn runs_are_found_by_account_and_time() {
    let world = started(the_table()).await;
    remembering(&world, "").run("sync").exits(0);
    world.leave("alice");
    remembering(&world, NO_LIMITS).run("sync").exits(0);
    for options in ["--user stranger", "--since 2100-01-01"] {
        let run = remembering(&world, "").run(&format!("history {options}")).exits(0);
        assert_eq!(run.stdout, "No run matches.\n", "{options}");
    }
    let runs = |options: &str| {
        let run = remembering(&world, "").run(&format!("history {options} --format json"));
        let runs = run.exits(0).json()["runs"].as_array().expect("a list").clone();
        runs.iter().map(|run| run["run"].as_u64().expect("a number")).collect::<Vec<_>>()
    };
    assert_eq!(runs("--user dave"), [1]);
    assert_eq!(runs("--user @ALICE:example.org"), [2]);
    assert_eq!(runs("--user nemo"), [0; 0]);
    assert_eq!(runs("--limit 1"), [2]);
    assert_eq!((runs("--since 1h"), runs("--since 2000-01-01")), (vec![2, 1], vec![2, 1]));
    assert_eq!(runs("--since 2999-01-01T00:00:00Z"), [0; 0]);
    remembering(&world, "").run("history --since yesterday").exits(64);
    remembering(&world, "").run("history 1 --limit 1").exits(64);
    remembering(&world, "").run("history --limit 0").exits(64);
    let of_dave = remembering(&world, "").run("history --user DAVE").exits(0);
    of_dave.prints(&["       disable dave, done: not in the group\n"]);
}

#[tokio::test]
async fn refusal_that_repeats_the_last_one_is_counted_and_not_stored_again() {
    let world = started(the_table().leavers(30, "c")).await;
    for _ in 0..3 {
        remembering(&world, "").run("sync").exits(3);
    }
    let history = || remembering(&world, "").run("history --format json").exits(0).json();
    let runs = history();
    let run = &runs["runs"][0];
    assert_eq!(
        json!([runs["runs"].as_array().map(Vec::len), run["result"], run["repeats"]]),
        json!([1, "refused", 2])
    );
    remembering(&world, "").run("history").exits(0).prints(&["refused 3 times"]);
    let narrow = remembering(&world, "").on_columns(80, "history --color never").exits(0);
    assert!(narrow.stdout.ends_with(" refused 3 times\n"), "{}", narrow.stdout);
    assert!(narrow.stdout.lines().all(|line| line.len() <= 80), "{}", narrow.stdout);
    // It began long ago, and goes on.
    let state = rusqlite::Connection::open(world.directory().join("state.db")).expect("a database");
    state.execute("UPDATE runs SET started = 0", []).expect("a table");
    remembering(&world, "").run("history --since 1h").exits(0).prints(&["refused 3 times"]);
    world.join("dave");
    remembering(&world, "").run("sync").exits(3);
    assert_eq!(history()["runs"].as_array().map(Vec::len), Some(2), "another plan");
}

#[tokio::test]
async fn refusal_for_another_reason_is_stored_with_it() {
    let world = started(the_table().leavers(30, "c")).await;
    remembering(&world, "").run("sync").exits(3);
    for _ in 0..2 {
        remembering(&world, "").run("sync --approve 01234567").exits(3);
    }
    remembering(&world, "").run("sync --approve 89abcdef").exits(3);
    let runs = remembering(&world, "").run("history --format json").exits(0).json();
    let repeats: Vec<_> =
        runs["runs"].as_array().expect("runs").iter().map(|run| run["repeats"].clone()).collect();
    assert_eq!(repeats, [json!(null), json!(1), json!(null)]);
    remembering(&world, "").run("history 1").exits(0).prints(&["limits.max_disable is"]);
    remembering(&world, "").run("history 2").exits(0).prints(&["01234567"]);
}

#[tokio::test]
async fn runs_older_than_history_keep_are_deleted_by_the_next_run_that_may_write() {
    let world = started(the_table()).await;
    remembering(&world, "").run("sync").exits(0);
    let state = rusqlite::Connection::open(world.directory().join("state.db")).expect("a database");
    state
        .execute_batch("UPDATE runs SET started = started - 172800000, ended = ended - 172800000")
        .expect("SQL");
    world.leave("alice");
    remembering(&world, NO_LIMITS).run("sync").exits(0);
    let left = |keep: &str| {
        let file = format!("history_keep = \"{keep}\"\n");
        remembering(&world, &file).run("sync").exits(0);
        remembering(&world, &file).run("history --format json").exits(0).json()["runs"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!((left("forever"), left("3d"), left("2d")), (Some(2), Some(2), Some(1)));
    remembering(&world, "history_keep = \"2d\"\n").run("undo 1").exits(1);
    for wrong in ["0s", "1h", "never", "200y"] {
        let file = format!("history_keep = \"{wrong}\"\n");
        remembering(&world, &file).run("sync").exits(78).tells(&["history_keep", "at least a day"]);
    }
}

#[tokio::test]
async fn undo_puts_back_what_a_run_changed_and_says_what_cannot_come_back() {
    let world = started(the_table()).await;
    remembering(&world, NO_LIMITS).run("sync").exits(0);
    let shown = remembering(&world, NO_LIMITS).run("undo 1 --dry-run").exits(0);
    shown.matches(&world, "undo_dry_run");
    assert_eq!(world.state_of("dave"), account(true, true));
    remembering(&world, NO_LIMITS).run("undo 1 --yes").exits(0).matches(&world, "undo");
    assert!(world.settle().await);
    assert_eq!(
        (world.state_of("dave"), world.state_of("bob")),
        (account(false, false), account(true, true))
    );
    remembering(&world, "").run("history").exits(0).prints(&["in step, undoes 1"]);
}

#[tokio::test]
async fn undo_skips_changed_accounts_and_stays_within_the_limits() {
    let world = started(the_table()).await;
    remembering(&world, NO_LIMITS).run("sync").exits(0);
    let refused = remembering(&world, "[limits]\nmax_activate = 0\n").run("undo 1").exits(3);
    refused.matches(&world, "undo_over_a_limit");
    remembering(&world, NO_LIMITS).run("undo 1 --yes").exits(0);
    assert!(world.settle().await);
    let again = remembering(&world, NO_LIMITS).run("undo 1").exits(0);
    again.matches(&world, "undo_after_another_run");
}

#[tokio::test]
async fn undo_disables_no_protected_account() {
    let world = started(the_table()).await;
    remembering(&world, NO_LIMITS).run("sync").exits(0);
    let protect = format!("{NO_LIMITS}[policy]\nprotect = [\"bob\"]\n");
    remembering(&world, &protect)
        .run("undo 1")
        .exits(0)
        .prints(&["kept: protected by policy.protect"]);
    assert_eq!(world.state_of("bob"), account(false, false));
}

#[tokio::test]
async fn a_command_or_key_that_needs_the_state_file_is_a_configuration_error_if_it_is_off() {
    let world = started(the_table()).await;
    let off = |more: &str| program(&world).file(&world, &format!("state_file = \"off\"\n{more}"));
    off("")
        .run("history")
        .exits(78)
        .tells(&["`history` needs the state file", "Remove `state_file`"]);
    off("").run("undo 1").exits(78).tells(&["`undo` needs the state file"]);
    for (key, value) in [("grace", "\"3days\""), ("reactivate", "\"own\"")] {
        let file = format!("[policy]\n{key} = {value}\n");
        off(&file).run("plan").exits(78).tells(&[&format!("policy.{key}"), "needs the state file"]);
    }
}

#[tokio::test]
async fn unknown_run_is_reported() {
    let world = started(the_table()).await;
    // The last one creates the state file.
    for command in ["history 7", "undo 7 --dry-run", "undo 7"] {
        remembering(&world, "")
            .run(command)
            .exits(1)
            .tells(&["there is no run 7", "Run `history` to list the runs."]);
    }
}

#[tokio::test]
async fn unusable_state_file_stops_the_run_before_the_first_change() {
    let world = started(the_table()).await;
    write(
        &world,
        "state.db",
        "this is no database, despite its name; it is long enough to look like one\n",
    );
    let told =
        ["the state file", "state.db", "was not written by this program", "Set `state_file`"];
    for command in ["plan", "history", "sync"] {
        remembering(&world, "").run(command).exits(1).tells(&told);
    }
    assert_eq!(world.state_of("dave"), account(false, false));
}

#[tokio::test]
async fn reactivate_own_activates_only_accounts_this_program_disabled() {
    let world = started(the_table()).await;
    let own = format!("{NO_LIMITS}[policy]\nreactivate = \"own\"\n");
    let first = remembering(&world, &own).run("sync --format json").exits(0);
    assert_eq!(
        (first.actions(), first.kept()),
        (vec!["disable dave not_in_group done".to_owned()], vec!["bob not_ours".to_owned()])
    );
    world.join("dave");
    let second = remembering(&world, &own).run("sync --format json").exits(0);
    assert_eq!(second.actions(), ["activate dave in_group done"]);
}

#[tokio::test]
async fn reactivate_none_activates_no_account() {
    let world = started(the_table()).await;
    let none = program(&world).file(&world, "[policy]\nreactivate = \"none\"\n");
    assert_eq!(none.run("plan --format json").exits(0).kept(), ["bob not_ours"]);
}

#[tokio::test]
async fn user_who_has_left_is_disabled_only_after_the_grace() {
    let world = started(the_table().disabled_member("frank").account("frank")).await;
    let grace =
        |time: &str| remembering(&world, &format!("{NO_LIMITS}[policy]\ngrace = \"{time}\"\n"));
    let first = grace("1h").run("sync --format json").exits(0);
    assert_eq!(
        first.actions(),
        ["activate bob in_group done", "disable frank disabled_in_keycloak done"]
    );
    let kept = &first.json()["kept"][0];
    assert_eq!((&kept["localpart"], &kept["reason"]), (&json!("dave"), &json!("in_grace")));
    assert!(
        kept["until"].as_str().is_some_and(|until| until.ends_with('Z') && until.len() == 20),
        "{kept}"
    );
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let later = grace("1s").run("sync --format json").exits(0);
    assert_eq!(later.actions(), ["disable dave not_in_group done"]);
}

#[tokio::test]
async fn grace_starts_again_if_the_user_comes_back_in_between() {
    let world = started(the_table()).await;
    let grace =
        |time: &str| remembering(&world, &format!("{NO_LIMITS}[policy]\ngrace = \"{time}\"\n"));
    grace("1h").run("sync").exits(0);
    world.join("dave");
    grace("1h").run("sync").exits(0);
    world.leave("dave");
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert_eq!(grace("1s").run("plan --format json").exits(0).actions(), [""; 0]);
}

#[tokio::test]
async fn half_done_disable_of_ours_is_finished_by_the_next_run() {
    let world = started(the_table()).await;
    let by_mas = |world: &RunningWorld| {
        let file = crate::harness::settings(world, crate::harness::BY_BOTH);
        remembering(world, &file).hiding(world.mas_client_secret())
    };
    world.mas.admin().faults().on("/deactivate").answer(Fault::Status(500, String::new()));
    by_mas(&world).run("sync").exits(4);
    assert!(world.settle().await);
    assert_eq!(world.state_of("dave"), account(true, false));
    world.mas.admin().faults().clear();
    let next = by_mas(&world).run("sync --format json").exits(0);
    assert_eq!(next.actions(), ["disable dave not_in_group done"]);
    assert!(world.settle().await);
    assert_eq!(world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn explain_shows_earlier_actions() {
    let world = started(the_table()).await;
    remembering(&world, "").run("explain dave").exits(0);
    remembering(&world, NO_LIMITS).run("sync").exits(0);
    remembering(&world, "")
        .run("explain dave")
        .exits(0)
        .matches(&world, "explain_disabled_by_an_earlier_run");
}

#[tokio::test]
async fn every_action_is_a_line_of_the_audit_log_with_run_digest_reason_and_outcome() {
    let world = started(the_table()).await;
    let run = remembering(&world, NO_LIMITS).run("--log-format json sync --format json").exits(0);
    let lines = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let audit: Vec<_> = lines.filter(|line| line["target"] == "audit").collect();
    let words = |line: &serde_json::Value| {
        ["action", "user_id", "reason", "outcome"]
            .map(|field| line[field].as_str().unwrap_or_default().to_owned())
            .join(" ")
    };
    let expected =
        ["activate @bob:example.org in_group done", "disable @dave:example.org not_in_group done"];
    assert_eq!(audit.iter().map(words).collect::<Vec<_>>(), expected);
    assert!(audit.iter().all(|line| line["run"] == 1 && line["digest"] == run.json()["digest"]));
}

#[tokio::test]
async fn undo_disables_no_account_that_the_run_did_not_activate() {
    let world =
        started(group().member("alice").account("alice").member("bob").disabled_account("bob"))
            .await;
    world.mas.faults().on("/stand-in/manage").answer(Fault::Status(500, String::new()));
    remembering(&world, NO_LIMITS).run("sync").exits(4);
    world.mas.faults().clear();
    remembering(&world, NO_LIMITS).run("sync").exits(0);
    assert_eq!(world.state_of("bob"), account(false, false));
    let nothing = remembering(&world, NO_LIMITS).run("undo 1 --dry-run").exits(0);
    assert!(!nothing.stdout.contains("bob"), "{}", nothing.stdout);
    remembering(&world, NO_LIMITS)
        .run("undo 2 --dry-run")
        .exits(0)
        .prints(&["Left out (1):", "disable bob: a member now"]);
}

/// Lets the state file refuse to change this column of an action.
fn fill_disk_before(world: &RunningWorld, column: &str) {
    let connection =
        rusqlite::Connection::open(world.directory().join("state.db")).expect("a state file");
    let full = format!(
        "CREATE TRIGGER full BEFORE UPDATE OF {column} ON actions BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
    );
    connection.execute_batch(&full).expect("a trigger");
}

#[tokio::test]
async fn action_is_not_tried_if_its_beginning_cannot_be_written_down() {
    let world = started(the_table()).await;
    remembering(&world, NO_LIMITS).run("sync").exits(0);
    world.leave("bob");
    fill_disk_before(&world, "begun");
    let run = remembering(&world, NO_LIMITS).run("sync --format json").exits(4);
    assert_eq!(run.actions(), ["disable bob not_in_group failed"]);
    let told = run.json()["actions"][0]["error"].to_string();
    assert!(told.contains("not tried: ") && told.contains("the disk is full"), "{told}");
    assert_eq!(world.state_of("bob"), account(false, false));
}

#[tokio::test]
async fn run_is_incomplete_if_an_outcome_cannot_be_written_down() {
    let world = started(the_table()).await;
    remembering(&world, NO_LIMITS).run("sync").exits(0);
    world.leave("bob");
    fill_disk_before(&world, "outcome");
    let run = remembering(&world, NO_LIMITS).run("sync --format json").exits(4);
    assert_eq!(run.actions(), ["disable bob not_in_group done"]);
    run.tells(&["the disk is full"]);
}
