//! A state file and a saved plan that version 0.1.0 wrote: this version reads both.
//!
//! They are from `demo --serve` of 0.1.0, where alice, bob and zoe were members, frank was a member
//! disabled in Keycloak, dave was outside the group, and Keycloak did not know mallory. Bob's
//! account was disabled, the others were active. The plan was saved first. Run 1 was refused by
//! `limits.max_disable`, run 2 applied the same plan, run 3 was `undo 2`, and run 4 applied it
//! again. Since then, mallory's account is gone.

use std::path::{Path, PathBuf};

use matrix_keycloak_sync::standins::{RunningWorld, World};
use serde_json::{Value, json};

use crate::harness::{
    NO_LIMITS, Program, account, everyone, group, program, set_mode, started, write,
};
use crate::sections::state_file;

const STATE: &[u8] = include_bytes!("../upgrades/0.1-state.db");
const PLAN: &str = include_str!("../upgrades/0.1-plan.json");

/// The tables' version in a file of 0.1.
const VERSION_OF_0_1: u32 = 2;

fn users() -> World {
    group().member("alice").account("alice").member("bob").user("dave").disabled_member("frank")
}

/// The accounts when the plan was saved.
fn before() -> World {
    users().disabled_account("bob").account("dave").account("frank")
}

/// The accounts after run 4.
fn after() -> World {
    users().account("bob").disabled_account("dave").disabled_account("frank")
}

/// Puts the state file there, as 0.1 left it.
fn upgraded(world: &RunningWorld) -> PathBuf {
    let path = world.directory().join("state.db");
    std::fs::write(&path, STATE).expect("a writable directory");
    set_mode(&path, 0o644);
    path
}

/// The program with the state file. It keeps runs forever, because these become older each day.
fn remembering(world: &RunningWorld, more: &str) -> Program {
    let own = format!("history_keep = \"forever\"\n{}{NO_LIMITS}{more}", state_file(world));
    program(world).file(world, &own)
}

/// Every run, newest first, with its result and its counts.
fn runs(world: &RunningWorld) -> Vec<Value> {
    let history = remembering(world, "").run("history --format json").exits(0).json();
    let runs = history["runs"].as_array().expect("a list");
    let fields = ["run", "command", "result", "activated", "disabled", "not_done", "undoes"];
    runs.iter().map(|run| fields.iter().map(|field| run[*field].clone()).collect()).collect()
}

fn runs_of_0_1() -> Vec<Value> {
    vec![
        json!([4, "sync", "in_step", 1, 3, 0, null]),
        json!([3, "undo", "in_step", 3, 1, 0, 2]),
        json!([2, "sync", "in_step", 1, 3, 0, null]),
        json!([1, "sync", "refused", 0, 0, 4, null]),
    ]
}

/// What the header of the database says: the number that grows with each change of the tables, the version of
/// the tables, and the program.
fn header(path: &Path) -> [u32; 3] {
    let bytes = std::fs::read(path).expect("a state file");
    [40, 60, 68].map(|at| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes")))
}

fn save(world: &RunningWorld, plan: &str) -> String {
    write(world, "plan.json", plan).display().to_string()
}

#[tokio::test]
async fn history_lists_the_runs_of_0_1_and_leaves_the_file_as_it_is() {
    let world = started(after()).await;
    let path = upgraded(&world);
    assert_eq!(runs(&world), runs_of_0_1());
    remembering(&world, "").run("history 2").exits(0).prints(&[
        "Run 2: sync, in step",
        "@bob:example.org: in the group",
        "@dave:example.org: not in the group",
        "@frank:example.org: disabled in Keycloak",
        "@mallory:example.org: not in Keycloak",
    ]);
    assert!(std::fs::read(path).expect("a state file") == STATE, "the file is another one");
}

#[tokio::test]
async fn first_run_that_may_write_migrates_the_file_and_the_next_one_changes_no_table() {
    let world = started(after()).await;
    let path = upgraded(&world);
    let [_, version, application] = header(&path);
    assert_eq!((version, application), (VERSION_OF_0_1, 0));
    remembering(&world, "").run("sync").exits(0);
    let migrated = header(&path);
    assert!(migrated[1] > VERSION_OF_0_1 && migrated[2] != 0, "{migrated:?}");
    assert_eq!(runs(&world), runs_of_0_1());
    remembering(&world, "").run("sync").exits(0);
    assert_eq!(header(&path), migrated);
    assert_eq!(runs(&world), runs_of_0_1());
}

#[tokio::test]
async fn account_that_0_1_disabled_still_counts_as_disabled_by_this_program() {
    let world = started(after()).await;
    upgraded(&world);
    world.join("dave");
    remembering(&world, "[policy]\nreactivate = \"own\"\n").run("sync").exits(0);
    assert_eq!(world.state_of("dave"), account(false, false));
}

#[tokio::test]
async fn run_of_0_1_can_be_undone() {
    let world = started(after()).await;
    let path = upgraded(&world);
    remembering(&world, "").run("undo 4 --dry-run").exits(0).prints(&[
        "+ dave ",
        "+ frank ",
        "activate mallory: the account is gone",
        ": a member now",
    ]);
    let earlier = remembering(&world, "").run("undo 2 --dry-run").exits(0);
    earlier.prints(&["run 4 has changed it since"]);
    assert!(std::fs::read(path).expect("a state file") == STATE, "the file is another one");
    // Bob is a member, so his account needs a yes.
    remembering(&world, "").run("undo 4").exits(4);
    assert_eq!(
        ["bob", "dave", "frank"].map(|name| world.state_of(name)),
        [account(false, false); 3]
    );
}

#[tokio::test]
async fn plan_of_0_1_is_applied() {
    let world = started(before()).await;
    let plan = save(&world, PLAN);
    let run = program(&world).file(&world, NO_LIMITS).run(&format!("apply {plan}")).exits(0);
    run.prints(&["Done: 1 activated, 2 disabled, 1 left out", "mallory: the account is gone"]);
    assert_eq!(
        ["bob", "dave", "frank"].map(|name| world.state_of(name)),
        [account(false, false), account(true, true), account(true, true)]
    );
}

#[tokio::test]
async fn plan_of_0_1_over_a_limit_needs_its_digest() {
    let world = started(before()).await;
    let plan = save(&world, PLAN);
    let accounts = everyone(&world);
    let refused = program(&world).run(&format!("apply {plan}")).exits(3);
    refused.tells(&["--approve d7ba51ad"]);
    assert_eq!(everyone(&world), accounts);
    let approved = program(&world).run(&format!("apply {plan} --approve d7ba51ad")).exits(0);
    approved.prints(&["Done: 1 activated, 2 disabled, 1 left out"]);
}

#[tokio::test]
async fn plan_of_0_1_that_was_changed_or_is_for_another_policy_is_refused() {
    let world = started(before()).await;
    let accounts = everyone(&world);
    let plan = save(&world, PLAN);
    let lock = program(&world).file(&world, "[policy]\ndisable = \"lock\"\n");
    let run = lock.run(&format!("apply {plan}")).exits(1);
    run.tells(&["it was made with policy.disable = \"deactivate\", and that is \"lock\" now"]);
    let changed = save(&world, &PLAN.replace("disabled_in_keycloak", "not_in_group"));
    let run = program(&world).run(&format!("apply {changed}")).exits(1);
    run.tells(&["its digest does not match its actions on this server"]);
    assert_eq!(everyone(&world), accounts);
}
