//! `--metrics-file`: what the textfile collector of Prometheus reads after every run, however it
//! ended.

use std::fs::File;
use std::path::PathBuf;

use matrix_keycloak_sync::standins::{Fault, RunningWorld};

use crate::harness::{
    BY_MAS, NO_LIMITS, Program, Run, everyone, group, mas_cli, program, program_by, started,
    state_folder, the_table, write,
};

fn file(world: &RunningWorld) -> PathBuf {
    world.directory().join("sync.prom")
}

/// A run that leaves metrics behind.
fn sync(world: &RunningWorld, program: Program) -> Run {
    program.run(&format!("sync --metrics-file {}", file(world).display()))
}

/// The value of a sample in the file.
fn value(world: &RunningWorld, sample: &str) -> Option<f64> {
    let text = std::fs::read_to_string(file(world)).expect("a file");
    let value = |line: &str| {
        line.strip_prefix("matrix_keycloak_sync_")?.strip_prefix(sample)?.trim().parse().ok()
    };
    text.lines().find_map(value)
}

fn runs(world: &RunningWorld, result: &str) -> Option<f64> {
    value(world, &format!("runs_total{{kind=\"full\",result=\"{result}\"}}"))
}

/// Checks what a run of the table finds and does, with any writer.
fn assert_tells_the_table(world: &RunningWorld) {
    for (sample, expected) in [
        ("members", 3.0),
        ("accounts{state=\"active\"}", 3.0),
        ("accounts{state=\"deactivated\"}", 2.0),
        ("accounts{state=\"locked\"}", 0.0),
        ("not_registered", 1.0),
        ("planned_actions{action=\"activate\"}", 1.0),
        ("planned_actions{action=\"disable\"}", 1.0),
        ("kept_accounts{reason=\"token_owner\"}", 1.0),
        ("actions_total{action=\"activate\",outcome=\"done\"}", 1.0),
        ("actions_total{action=\"disable\",outcome=\"done\"}", 1.0),
        ("actions_total{action=\"disable\",outcome=\"failed\"}", 0.0),
        ("refused", 0.0),
        ("run_failures_in_a_row", 0.0),
        ("run_duration_seconds_count{kind=\"full\"}", 1.0),
    ] {
        assert_eq!(value(world, sample), Some(expected), "{sample}");
    }
    assert_eq!(runs(world, "in_step"), Some(1.0));
    assert!(value(world, "last_success_timestamp_seconds") > Some(1_700_000_000.0));
}

#[tokio::test]
async fn metrics_of_a_run_show_what_it_found_and_did() {
    let world = started(the_table()).await;
    sync(&world, program(&world).file(&world, NO_LIMITS)).exits(0);
    assert_tells_the_table(&world);
}

#[tokio::test]
async fn request_counts_match_the_servers_logs() {
    let world = started(the_table()).await;
    world
        .synapse
        .faults()
        .on("/_synapse/admin/v3/users?")
        .times(1)
        .answer(Fault::Status(503, String::new()));
    sync(&world, program(&world).file(&world, NO_LIMITS)).exits(0);
    let text = std::fs::read_to_string(file(&world)).expect("a file");
    let asked = |server: &str| {
        let begin = format!("matrix_keycloak_sync_requests_total{{server=\"{server}\"");
        let values = text
            .lines()
            .filter(|line| line.starts_with(&begin))
            .filter_map(|line| line.rsplit(' ').next());
        values.filter_map(|value| value.parse::<usize>().ok()).sum::<usize>()
    };
    // Token requests and retries are counted too.
    let seen = world.keycloak.requests().all().len();
    // The next page of members is requested ahead, and is dropped once the first one is short.
    assert!((seen - 1..=seen).contains(&asked("keycloak")), "{seen} were seen:\n{text}");
    // MAS has its own connection to the homeserver.
    let by_mas = world.synapse.requests().count("/_synapse/mas/");
    assert_eq!(asked("synapse"), world.synapse.requests().all().len() - by_mas);
    assert_eq!(value(&world, "requests_total{server=\"synapse\",status=\"503\"}"), Some(1.0));
    // Its version, its administrators, and two calls for each account.
    assert_eq!(value(&world, "requests_total{server=\"mas-cli\",status=\"0\"}"), Some(6.0));
}

#[tokio::test]
async fn requests_to_mas_are_counted_too() {
    let world = started(the_table()).await;
    let protect = "[policy]\nprotect = [\"matrix-sync-bot\"]\n";
    sync(&world, program_by(&world, BY_MAS, &format!("{protect}{NO_LIMITS}"))).exits(0);
    assert!(value(&world, "requests_total{server=\"mas\",status=\"200\"}") > Some(5.0));
    assert_eq!(value(&world, "requests_total{server=\"synapse\",status=\"200\"}"), None);
}

#[tokio::test]
async fn calls_of_mas_cli_are_counted_by_their_exit_code() {
    let world = started(the_table()).await;
    let toml = NO_LIMITS.to_owned() + &mas_cli(&world, "case \"$*\" in *lock-user*) exit 3;; esac");
    sync(&world, program(&world).file(&world, &toml)).exits(4);
    assert_eq!(value(&world, "requests_total{server=\"mas-cli\",status=\"3\"}"), Some(2.0));
    assert_eq!(value(&world, "requests_total{server=\"mas-cli\",status=\"0\"}"), Some(2.0));
    assert_eq!(value(&world, "actions_total{action=\"disable\",outcome=\"failed\"}"), Some(1.0));
    assert_eq!(
        (runs(&world, "incomplete"), value(&world, "last_success_timestamp_seconds")),
        (Some(1.0), None)
    );
}

#[tokio::test]
async fn refusal_stays_in_the_metrics_until_it_ends() {
    let world = started(group().members(2, "m").accounts(2, "m").leavers(2, "x")).await;
    sync(&world, program(&world)).exits(3);
    assert_eq!((value(&world, "refused"), runs(&world, "refused")), (Some(1.0), Some(1.0)));
    assert_eq!(value(&world, "planned_actions{action=\"disable\"}"), Some(2.0));
    sync(&world, program(&world).file(&world, NO_LIMITS)).exits(0);
    assert_eq!((value(&world, "refused"), runs(&world, "refused")), (Some(0.0), Some(1.0)));
}

#[tokio::test]
async fn failure_keeps_known_values_and_the_last_success() {
    let world = started(the_table()).await;
    sync(&world, program(&world).file(&world, NO_LIMITS)).exits(0);
    let last_success = value(&world, "last_success_timestamp_seconds");
    world.synapse.faults().on("/whoami").answer(Fault::Status(500, String::new()));
    for failures in [1.0, 2.0] {
        sync(&world, program(&world)).exits(1);
        assert_eq!(value(&world, "run_failures_in_a_row"), Some(failures));
    }
    assert_eq!(value(&world, "last_success_timestamp_seconds"), last_success);
    assert!(value(&world, "last_run_timestamp_seconds") > last_success);
    assert_eq!((runs(&world, "in_step"), runs(&world, "failed")), (Some(1.0), Some(2.0)));
    assert_eq!((value(&world, "members"), value(&world, "refused")), (Some(3.0), Some(0.0)));
    assert_eq!(value(&world, "requests_total{server=\"synapse\",status=\"500\"}"), Some(2.0));
}

#[tokio::test]
async fn wrong_configuration_counts_as_a_failure_in_the_metrics() {
    let world = started(the_table()).await;
    sync(&world, program(&world).env("KC_URL", "nowhere")).exits(78);
    assert_eq!((runs(&world, "failed"), value(&world, "members")), (Some(1.0), None));
}

#[tokio::test]
async fn run_that_finds_the_lock_held_reports_only_that() {
    let world = started(the_table()).await;
    sync(&world, program(&world).file(&world, NO_LIMITS)).exits(0);
    let before = ["last_run_timestamp_seconds", "last_success_timestamp_seconds"]
        .map(|name| value(&world, name));
    let lock = state_folder(&world).join("matrix-keycloak-sync-corp-example.org.lock");
    let held = File::options().write(true).open(lock);
    let held = held.expect("the lock of the run before");
    held.lock().expect("a lock");
    sync(&world, program(&world)).exits(5);
    assert_eq!(
        ["last_run_timestamp_seconds", "last_success_timestamp_seconds"]
            .map(|name| value(&world, name)),
        before
    );
    assert_eq!(
        (runs(&world, "locked"), value(&world, "run_failures_in_a_row")),
        (Some(1.0), Some(0.0))
    );
}

#[tokio::test]
async fn unwritable_metrics_file_is_an_error_that_hides_no_other() {
    let world = started(group().members(2, "m").accounts(2, "m").leavers(2, "x")).await;
    let told = ["cannot write the metrics to /nowhere/sync.prom"];
    program(&world).run("sync --metrics-file /nowhere/sync.prom").exits(3).tells(&told);
    program(&world)
        .file(&world, NO_LIMITS)
        .run("sync --metrics-file /nowhere/sync.prom")
        .exits(4)
        .tells(&told);
    // The actions are done.
    program(&world).run("sync").exits(0);
}

#[tokio::test]
async fn a_dry_run_leaves_no_metrics() {
    let world = started(the_table()).await;
    let before = everyone(&world);
    let run =
        program(&world).run(&format!("sync --dry-run --metrics-file {}", file(&world).display()));
    run.exits(0);
    assert_eq!((everyone(&world), file(&world).exists()), (before, false));
}

#[tokio::test]
async fn files_are_written_through_no_link_and_to_no_pipe() {
    let world = started(the_table()).await;
    let path = |name: &str| world.directory().join(name);
    let precious = write(&world, "precious", "keep me\n");
    std::os::unix::fs::symlink(&precious, path("link")).expect("a writable directory");
    std::os::unix::fs::symlink(path("nowhere"), path("dangling")).expect("a writable directory");
    let made = std::process::Command::new("mkfifo").arg(path("pipe")).status().expect("mkfifo");
    assert!(made.success());
    for (name, why) in [
        ("link", "links are not followed"),
        ("dangling", "links are not followed"),
        ("pipe", "not a regular file"),
    ] {
        let arguments = format!("sync --metrics-file {}", path(name).display());
        program(&world)
            .file(&world, NO_LIMITS)
            .run(&arguments)
            .exits(4)
            .tells(&["write the metrics to", why]);
        let arguments = format!("plan --out {}", path(name).display());
        program(&world).file(&world, NO_LIMITS).run(&arguments).exits(1).tells(&[why]);
    }
    assert_eq!(std::fs::read_to_string(&precious).expect("readable"), "keep me\n");
    assert!(!path("nowhere").exists());
}

/// Without a journal, as on the machines that run the tests, the log goes to stderr.
#[tokio::test]
async fn log_goes_to_stderr_if_there_is_no_journal() {
    if std::path::Path::new("/run/systemd/journal/socket").exists() {
        return;
    }
    let world = started(the_table()).await;
    let line = "JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) matrix-keycloak-sync -v sync";
    program(&world)
        .file(&world, NO_LIMITS)
        .shell(line)
        .exits(0)
        .tells(&["INFO disable @dave:example.org (not in the group): done"]);
}
