//! `watch`: changes in Keycloak reach Matrix in the same way as in every other run.

mod directory;
mod limits;
mod mas_config;
mod people;
pub(crate) mod registered;
mod roles;
mod service;
mod terminal;
pub(crate) mod watching;

use std::fs::File;
use std::time::Duration;

use matrix_keycloak_sync::standins::{Auth, Fault, RunningWorld, World};

use self::watching::{FAILED, IN_STEP, QUICK, Watching, start, until_so};
use crate::harness::{
    BY_BOTH, BY_MAS, NO_LIMITS, Program, account, everyone, group, program_by, program_with,
    proxy_page, script, started, state_folder, write,
};
use crate::sections::state_file;

/// Alice and bob are members with accounts, and nothing is left to do.
fn in_step() -> World {
    group().member("alice").account("alice").member("bob").account("bob")
}

/// The program with mas-cli, a service account, and these sections in its file.
fn by_mas_cli(world: &RunningWorld, sections: &str) -> Program {
    program_with(world, Auth::ClientCredentials).file(world, sections)
}

/// A `watch` that has made its first run.
async fn watching(world: &RunningWorld, sections: &str) -> Watching {
    let watching = start(world, by_mas_cli(world, &format!("{QUICK}{sections}")));
    watching.is_ready().await;
    watching
}

/// Waits until both servers show the account in this state.
async fn becomes(world: &RunningWorld, name: &str, locked: bool, deactivated: bool) {
    let shown = async || world.state_of(name) == account(locked, deactivated);
    until_so(&format!("{name} is locked: {locked}, deactivated: {deactivated}"), shown).await;
}

#[tokio::test]
async fn user_who_leaves_the_group_is_disabled_and_the_session_ends() {
    let world = started(in_step()).await;
    let watching = watching(&world, NO_LIMITS).await;
    let token = world.login("alice").expect("alice is active");
    world.leave("alice");
    becomes(&world, "alice", true, true).await;
    assert_eq!(world.whoami(&token).await.expect("an answer"), 401);
    assert_eq!(world.state_of("bob"), account(false, false));
    watching.has_done(1.0).await;
    assert_eq!(watching.metric("event_lag_seconds_count").await, Some(1.0));
    watching.has_logged("users in events: 1 member, 3 accounts, 1 action done: in step");
    assert_eq!(watching.stop(), 0);
}

#[tokio::test]
async fn only_the_changed_user_is_rechecked_and_no_list_is_read() {
    let world = started(in_step().accounts(30, "c").members(30, "c")).await;
    let _watching = watching(&world, NO_LIMITS).await;
    let lists = || {
        (world.keycloak.requests().count("/members"), world.synapse.requests().count("/v3/users"))
    };
    let before = lists();
    world.leave("alice");
    becomes(&world, "alice", true, true).await;
    assert_eq!(lists(), before);
}

#[tokio::test]
async fn returning_member_is_activated() {
    let world = started(in_step().user("carol").disabled_account("carol")).await;
    let _watching = watching(&world, NO_LIMITS).await;
    world.join("carol");
    becomes(&world, "carol", false, false).await;
}

#[tokio::test]
async fn every_change_of_a_user_counts() {
    let world = started(in_step().member("carol").account("carol")).await;
    let _watching = watching(&world, NO_LIMITS).await;
    world.keycloak.state().realm("corp").disable_user("alice");
    world.keycloak.state().realm("corp").delete_user("bob");
    world.rename_in_keycloak("carol", "caroline");
    for name in ["alice", "bob"] {
        becomes(&world, name, true, true).await;
    }
    // The state file remembers whose account it is.
    assert_eq!(world.state_of("carol"), account(false, false));
    world.keycloak.state().realm("corp").enable_user("alice");
    becomes(&world, "alice", false, false).await;
}

#[tokio::test]
async fn account_created_after_the_last_full_run_is_found() {
    let world = started(in_step().member("zoe").user("yuri").account("matrix-users")).await;
    let _watching = watching(&world, NO_LIMITS).await;
    world.synapse.state().add_account("zoe");
    world.mas.state().add_user("zoe");
    world.leave("zoe");
    becomes(&world, "zoe", true, true).await;
}

#[tokio::test]
async fn watch_works_with_the_admin_api_too() {
    for way in [BY_MAS, BY_BOTH] {
        let world = started(in_step().user("carol").disabled_account("carol")).await;
        let watching = start(&world, program_by(&world, way, &format!("{QUICK}{NO_LIMITS}")));
        watching.is_ready().await;
        world.leave("alice");
        world.join("carol");
        becomes(&world, "alice", true, true).await;
        becomes(&world, "carol", false, false).await;
        watching.has_done(2.0).await;
        assert_eq!(watching.stop(), 0, "{way:?}");
    }
}

#[tokio::test]
async fn full_runs_suffice_without_events_and_that_is_logged_once() {
    let often = QUICK.replace("1h", "1s");
    let world = started(in_step()).await;
    world.keycloak.state().realm("corp").save_events = false;
    let unsaved = start(&world, by_mas_cli(&world, &format!("{often}{NO_LIMITS}")));
    unsaved.is_ready().await;
    world.leave("alice");
    becomes(&world, "alice", true, true).await;
    unsaved.has_run(IN_STEP, 3).await;
    assert_eq!(unsaved.times("the realm saves no admin events"), 1, "{}", unsaved.log());

    let world = started(in_step().service_roles(&["view-users"])).await;
    let forbidden = start(&world, by_mas_cli(&world, &format!("{often}{NO_LIMITS}")));
    forbidden.is_ready().await;
    world.leave("alice");
    becomes(&world, "alice", true, true).await;
    forbidden.has_run(IN_STEP, 3).await;
    assert_eq!(forbidden.times("grant the role view-events"), 1, "{}", forbidden.log());
    assert_eq!(forbidden.metric("events_available").await, Some(0.0));

    let world = started(in_step()).await;
    world.keycloak.faults().on("/admin-events").answer(proxy_page(403));
    let blocked = start(&world, by_mas_cli(&world, &format!("{often}{NO_LIMITS}")));
    blocked.is_ready().await;
    blocked.has_run(IN_STEP, 2).await;
    blocked.has_logged("a proxy or load balancer between here and Keycloak answered 403");
    assert_eq!(blocked.times("grant the role view-events"), 0, "{}", blocked.log());

    let world = started(in_step()).await;
    let off = often.replace("events_every = \"1s\"", "events_every = \"off\"");
    let off = start(&world, by_mas_cli(&world, &format!("{off}{NO_LIMITS}")));
    off.is_ready().await;
    world.leave("alice");
    becomes(&world, "alice", true, true).await;
    assert_eq!(world.keycloak.requests().count("/admin-events"), 0);
}

#[tokio::test]
async fn missed_events_cause_a_full_run() {
    let world = started(in_step()).await;
    world.join("alice");
    world.leave("bob");
    world.join("bob");
    let watching = watching(&world, NO_LIMITS).await;
    {
        let mut state = world.keycloak.state();
        let realm = state.realm("corp");
        realm.silently(|realm| realm.leave("alice", "/matrix-users"));
        realm.forget_events();
    }
    becomes(&world, "alice", true, true).await;
    watching.has_run("kind=\"full\"", 2).await;
}

#[tokio::test]
async fn no_account_is_disabled_if_the_group_is_deleted() {
    let world = started(in_step()).await;
    let watching = watching(&world, NO_LIMITS).await;
    let before = everyone(&world);
    world.keycloak.state().realm("corp").delete_group("/matrix-users");
    assert_eq!(watching.is_not_ready().await, "not ready: the last run failed\n");
    watching.has_logged("there is no group");
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn member_in_the_list_is_kept_if_no_event_explains_another_answer() {
    let world = started(in_step()).await;
    let watching = watching(&world, NO_LIMITS).await;
    world.keycloak.faults().on("/groups?").answer(Fault::EmptyList);
    let before = (everyone(&world), world.keycloak.requests().count("/members"));
    world.keycloak.state().realm("corp").enable_user("alice");
    until_so("the list is read again", async || {
        world.keycloak.requests().count("/members") > before.1
    })
    .await;
    watching.has_run(IN_STEP, 2).await;
    assert_eq!(everyone(&world), before.0);
}

#[tokio::test]
async fn answer_older_than_the_event_is_not_believed() {
    let world = started(in_step()).await;
    let watching = watching(&world, NO_LIMITS).await;
    let before = everyone(&world);
    // Out and in again within one recheck, and Keycloak does not show the second change yet.
    world.keycloak.faults().on("/groups?").answer(Fault::EmptyList);
    {
        let mut state = world.keycloak.state();
        let realm = state.realm("corp");
        realm.leave("alice", "/matrix-users");
        realm.join("alice", "/matrix-users");
    }
    watching.has_run(IN_STEP, 2).await;
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn answer_without_the_group_is_not_believed_if_the_newest_event_says_joined() {
    let world = started(in_step()).await;
    let watching = watching(&world, NO_LIMITS).await;
    let before = (everyone(&world), world.keycloak.requests().count("/members"));
    world.keycloak.faults().on("/groups?").answer(Fault::EmptyList);
    {
        let mut state = world.keycloak.state();
        let realm = state.realm("corp");
        realm.leave("alice", "/matrix-users");
        // Two events of the same millisecond have no order.
        std::thread::sleep(Duration::from_millis(5));
        realm.join("alice", "/matrix-users");
    }
    until_so("the list is read again", async || {
        world.keycloak.requests().count("/members") > before.1
    })
    .await;
    watching.has_run(IN_STEP, 2).await;
    assert_eq!(everyone(&world), before.0);
}

#[tokio::test]
async fn watch_keeps_running_if_a_server_is_down_for_a_while() {
    let world = started(in_step()).await;
    world.keycloak.server().stop().await;
    let watching = start(&world, by_mas_cli(&world, &format!("{QUICK}{NO_LIMITS}")));
    assert_eq!(watching.is_not_ready().await, "not ready: the last run failed\n");
    watching.has_logged("the run failed: Keycloak");
    world.keycloak.server().restart().expect("the port is free");
    watching.is_ready().await;
    world.synapse.server().stop().await;
    world.leave("alice");
    watching.has_run(FAILED, 2).await;
    world.synapse.server().restart().expect("the port is free");
    becomes(&world, "alice", true, true).await;
    watching.is_ready().await;
    watching.has_logged("the run failed: Synapse");
    assert_eq!(watching.runs("kind=\"people\",result=\"failed\"").await, 1);
}

#[tokio::test]
async fn watch_waits_for_other_runs_between_its_own() {
    let world = started(in_step()).await;
    let watching = watching(&world, NO_LIMITS).await;
    by_mas_cli(&world, NO_LIMITS).run("sync").exits(0);
    let before = world.keycloak.requests().count("/members");
    world.keycloak.faults().on("/members").answer(Fault::Hang);
    let mut other = by_mas_cli(&world, NO_LIMITS).start("sync");
    until_so("the other run reads", async || world.keycloak.requests().count("/members") > before)
        .await;
    world.leave("alice");
    watching.has_run("result=\"locked\"", 1).await;
    other.kill().expect("running");
    other.wait().expect("killed");
    world.keycloak.faults().clear();
    becomes(&world, "alice", true, true).await;
}

#[tokio::test]
async fn actions_are_in_the_history() {
    let world = started(in_step()).await;
    let state = state_file(&world);
    let watching = start(&world, by_mas_cli(&world, &format!("{state}{QUICK}{NO_LIMITS}")));
    watching.is_ready().await;
    world.leave("alice");
    becomes(&world, "alice", true, true).await;
    watching.has_done(1.0).await;
    assert_eq!(watching.stop(), 0);
    let history = by_mas_cli(&world, &format!("{state}{NO_LIMITS}"))
        .run("history --format json")
        .exits(0)
        .json();
    assert_eq!(
        (&history["runs"][0]["command"], &history["runs"][0]["disabled"]),
        (&"watch".into(), &1.into())
    );
}

#[tokio::test]
async fn replaced_secret_is_used_without_a_restart() {
    let world = started(in_step()).await;
    let file = write(&world, "token", "wrong");
    let program = by_mas_cli(&world, &format!("{QUICK}{NO_LIMITS}"))
        .without("MATRIX_ADMIN_TOKEN")
        .env("MATRIX_ADMIN_TOKEN_FILE", &file.display().to_string())
        .hiding(world.admin_token());
    let watching = start(&world, program);
    assert_eq!(watching.is_not_ready().await, "not ready: the last run failed\n");
    watching.has_logged("401");
    write(&world, "token", world.admin_token());
    watching.is_ready().await;
    watching.has_logged("a file with a secret has changed");
}

#[tokio::test]
async fn lock_that_another_run_holds_for_two_intervals_is_a_failure() {
    let world = started(in_step()).await;
    let folder = state_folder(&world);
    std::fs::create_dir_all(&folder).expect("a folder");
    let lock =
        File::create(folder.join("matrix-keycloak-sync-corp-example.org.lock")).expect("a file");
    lock.try_lock().expect("the lock is free");
    let hooked = world.directory().join("hooked");
    let hook = script(&world, "hook", &format!("cat > {}", hooked.display()));
    let settings = "[watch]\ninterval = \"1s\"\nlisten = \"127.0.0.1:0\"\n";
    let settings = format!("{settings}on_refused = [{:?}]\n", hook.to_string_lossy());
    let watching = start(&world, by_mas_cli(&world, &settings));
    assert_eq!(watching.is_not_ready().await, "not ready: another run holds the lock\n");
    until_so("the failure is reported", async || hooked.exists()).await;
    watching.has_logged("the run failed: another run holds the lock");
    drop(lock);
    watching.is_ready().await;
}

#[tokio::test]
async fn metrics_show_what_was_done_since_the_last_full_run() {
    let world = started(in_step().member("carol").account("carol")).await;
    let watching = watching(&world, NO_LIMITS).await;
    for (name, done) in [("alice", 1.0), ("bob", 2.0)] {
        world.leave(name);
        watching.has_done(done).await;
    }
    assert_eq!(watching.metric("accounts{state=\"deactivated\"}").await, Some(1.0), "alice");
}
