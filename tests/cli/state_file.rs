//! The state file: its path, who may read it, and what happens without one or with an older one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use matrix_keycloak_sync::standins::{NewAccount, NewUser, RunningWorld};

use crate::harness::{
    BY_MAS, NO_LIMITS, Program, Run, account, group, mas_cli, program, program_by, started,
    state_folder, the_table,
};
use crate::sections::state_file;

const OFF: &str = "state_file = \"off\"\n";

/// The program in this world, with this in its file.
fn with(world: &RunningWorld, file: &str) -> Program {
    program(world).file(world, file)
}

fn default_file(world: &RunningWorld) -> PathBuf {
    state_folder(world).join("corp@example.org.db")
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o777
}

/// Returns whether the run has warned that nothing is remembered.
fn warns_of_no_memory(run: &Run) -> bool {
    run.stderr.contains(
        "accounts that were never tied to a Keycloak user are disabled without an approval",
    )
}

#[tokio::test]
async fn run_creates_a_private_default_file_without_the_key() {
    let world = started(the_table()).await;
    program(&world).run("sync").exits(0);
    assert_eq!((mode(&state_folder(&world)), mode(&default_file(&world))), (0o700, 0o600));
    program(&world).run("history").exits(0).prints(&["sync", "in step"]);
}

#[tokio::test]
async fn state_folder_is_private_even_if_new_files_are_public() {
    let world = started(the_table()).await;
    let modes = || {
        let entries = std::fs::read_dir(state_folder(&world)).expect("a folder");
        let paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
        assert!(paths.len() >= 2, "a state file and a lock: {paths:?}");
        for path in paths {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        assert_eq!(mode(&state_folder(&world)), 0o700);
    };
    let seen = world.directory().join("seen");
    let look = format!("stat -c '%a %n' {}/* >>{}", state_folder(&world).display(), seen.display());
    let looking = with(&world, &format!("{NO_LIMITS}{}", mas_cli(&world, &look)));
    looking.shell("umask 000; matrix-keycloak-sync sync").exits(0);
    modes();
    // During the run, SQLite had files of its own there.
    let seen = std::fs::read_to_string(seen).expect("mas-cli was run");
    assert!(seen.contains(".db-wal"), "{seen}");
    assert!(seen.lines().all(|line| line.starts_with("600 ")), "{seen}");
}

#[tokio::test]
async fn the_state_directory_of_a_unit_comes_before_the_folder_of_the_user() {
    let world = started(the_table()).await;
    let folder = world.directory().join("unit");
    let list = format!("{}:/elsewhere", folder.display());
    program(&world).env("STATE_DIRECTORY", &list).run("sync").exits(0);
    assert!(folder.join("state.db").exists() && !default_file(&world).exists());
    assert!(
        folder.join("matrix-keycloak-sync-corp-example.org.lock").exists(),
        "the lock is in its folder"
    );
}

#[tokio::test]
async fn only_the_last_folder_of_a_given_path_is_created() {
    let world = started(the_table()).await;
    let at = |path: &Path| format!("state_file = {:?}\n", path.to_string_lossy());
    let path = world.directory().join("own/state.db");
    with(&world, &at(&path)).run("sync").exits(0);
    assert_eq!((mode(path.parent().expect("a folder")), mode(&path)), (0o700, 0o600));
    let deep = world.directory().join("not/mounted/state.db");
    let told = ["the state file", "not/mounted/state.db: cannot be opened", "Check `state_file`"];
    with(&world, &at(&deep)).run("sync").exits(1).tells(&told);
    with(&world, &at(&deep)).run("plan").exits(0);
}

#[tokio::test]
async fn a_command_that_only_reads_creates_no_file_and_no_folder() {
    let world = started(the_table()).await;
    for command in ["plan", "sync --dry-run", "explain dave", "history", "doctor"] {
        program(&world).run(command);
        assert!(!state_folder(&world).exists(), "{command}");
    }
}

#[tokio::test]
async fn a_default_place_that_cannot_be_written_is_a_warning() {
    let world = started(the_table()).await;
    let file = world.directory().join("file");
    std::fs::write(&file, "").expect("a writable directory");
    let nowhere =
        |more: &str| with(&world, more).env("XDG_STATE_HOME", &file.display().to_string());
    let told = [
        "nothing is remembered, because the state file",
        "Set `state_file` to a path that this user can write",
    ];
    nowhere(NO_LIMITS).run("plan").exits(0).tells(&told);
    nowhere(NO_LIMITS).run("sync").exits(0).tells(&told);
}

#[tokio::test]
async fn run_ends_if_a_key_needs_a_state_file_and_none_can_be_written() {
    let world = started(the_table()).await;
    let file = world.directory().join("file");
    std::fs::write(&file, "").expect("a writable directory");
    let nowhere =
        |more: &str| with(&world, more).env("XDG_STATE_HOME", &file.display().to_string());
    for (more, key) in [
        ("[policy]\ngrace = \"1h\"\n", "policy.grace needs the state file"),
        ("[policy]\nreactivate = \"own\"\n", "policy.reactivate = \"own\" needs the state file"),
    ] {
        nowhere(more).run("sync").exits(1).tells(&[key, "Set `state_file` to a path"]);
        nowhere(more).run("plan").exits(0);
    }
    nowhere("").run("undo 1").exits(1).tells(&["`undo` needs the state file"]);
    assert_eq!(world.state_of("dave"), account(false, false));
}

#[tokio::test]
async fn every_run_without_a_memory_warns() {
    let world = started(the_table()).await;
    for command in ["plan", "sync --dry-run", "sync", "sync", "doctor"] {
        let run = with(&world, &format!("{OFF}{NO_LIMITS}")).run(command);
        let text = format!("{}{}", run.stdout, run.stderr);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words.matches("never tied to a Keycloak user").count(), 1, "{command}: {text}");
    }
    assert!(!state_folder(&world).exists());
    assert!(!warns_of_no_memory(&program(&world).run("plan")));
}

#[tokio::test]
async fn restored_file_is_noticed_and_its_records_do_not_count() {
    let world = started(the_table()).await;
    let own = format!("{NO_LIMITS}[policy]\nreactivate = \"own\"\n");
    with(&world, &own).run("sync").exits(0);
    let (file, backup) = (default_file(&world), world.directory().join("backup.db"));
    std::fs::copy(&file, &backup).expect("a backup");
    with(&world, &own).run("sync").exits(0);
    std::fs::copy(&backup, &file).expect("restored");
    world.join("dave");
    let planned = with(&world, &own).run("plan --format json").exits(0);
    assert_eq!(planned.kept(), ["bob not_ours", "dave not_ours"]);
    let first = with(&world, &own).run("sync --format json").exits(0);
    assert_eq!(first.kept(), ["bob not_ours", "dave not_ours"]);
    first.tells(&["is older than the last run, or new: grace periods start again"]);
    let second = with(&world, &own).run("sync").exits(0);
    assert!(!second.stderr.contains("older than the last run"), "{}", second.stderr);
}

#[tokio::test]
async fn an_email_address_in_mas_protects_an_account_if_a_restored_file_names_a_deleted_user() {
    let ada = NewUser::member("ada").email("ada@corp.test");
    let world = group()
        .with_user(NewUser::member("lost"))
        .with_account(NewAccount::new("lost").email("ada@corp.test"));
    let world = started(world.with_user(ada).members(3, "u").accounts(3, "u")).await;
    world.remove_account("matrix-sync-bot");
    let run = |arguments: &str| program_by(&world, BY_MAS, NO_LIMITS).run(arguments);
    run("sync").exits(0);
    let (file, backup) = (default_file(&world), world.directory().join("backup.db"));
    std::fs::copy(&file, &backup).expect("a backup");
    run("sync").exits(0);
    std::fs::copy(&backup, &file).expect("restored");
    world.remove_user("lost");
    assert_eq!(run("plan --format json").exits(0).kept(), ["lost may_be_member"]);
}

#[tokio::test]
async fn two_realms_in_one_file_each_have_their_history() {
    let world = started(the_table()).await;
    let state = state_file(&world);
    with(&world, &state).run("sync").exits(0);
    let other = with(&world, &state).env("KC_REALM", "other");
    other.run("history").exits(0).prints(&["No run has changed anything yet."]);
    with(&world, &state)
        .env("KC_REALM", "other")
        .run("history 1")
        .exits(1)
        .tells(&["there is no run 1"]);
}
