//! The limits of `watch`: they count over an hour, and a refused plan waits for an administrator.

use matrix_keycloak_sync::standins::Fault;
use serde_json::{Value, json};

use super::watching::{QUICK, start, until_so};
use super::{becomes, by_mas_cli, watching};
use crate::harness::{account, everyone, group, program, script, started};
use crate::sections::state_file;

const TWO: &str = "[limits]\nmax_disable = 2\nmax_disable_percent = 100\n";

#[tokio::test]
async fn small_steps_do_not_bypass_a_limit_with_a_state_file_or_without() {
    for state_file in ["", "state_file = \"off\"\n"] {
        let world = started(group().members(5, "c").accounts(5, "c")).await;
        let watching = start(&world, by_mas_cli(&world, &format!("{state_file}{QUICK}{TWO}")));
        watching.is_ready().await;
        for name in ["c00000", "c00001"] {
            world.leave(name);
            becomes(&world, name, true, true).await;
        }
        world.leave("c00002");
        assert_eq!(watching.is_not_ready().await, "not ready: a plan was refused\n");
        watching.has_run("kind=\"full\",result=\"refused\"", 1).await;
        watching.has_logged(
            "1 account would be disabled after 2 within an hour, limits.max_disable is 2",
        );
        assert_eq!(world.state_of("c00002"), account(false, false), "{state_file}");
    }
}

#[tokio::test]
async fn retried_account_counts_once() {
    let world = started(group().members(5, "c").accounts(5, "c")).await;
    let watching = watching(&world, "[limits]\nmax_disable = 1\nmax_disable_percent = 100\n").await;
    world.mas.faults().on("/stand-in/manage").times(1).answer(Fault::Status(500, String::new()));
    world.leave("c00000");
    becomes(&world, "c00000", true, true).await;
    assert_eq!(watching.metric("refused").await, Some(0.0));
    watching.has_logged("1 not done: incomplete; the rest is tried again");
    assert_eq!(
        watching.metric("actions_total{action=\"disable\",outcome=\"failed\"}").await,
        Some(1.0)
    );
}

#[tokio::test]
async fn earlier_actions_count_after_a_restart_if_there_is_a_state_file() {
    let world = started(group().members(5, "c").accounts(5, "c")).await;
    let sections = format!("{}{QUICK}{TWO}", state_file(&world));
    let first = start(&world, by_mas_cli(&world, &sections));
    first.is_ready().await;
    for name in ["c00000", "c00001"] {
        world.leave(name);
        becomes(&world, name, true, true).await;
    }
    first.has_done(2.0).await;
    assert_eq!(first.stop(), 0);
    std::fs::remove_file(world.directory().join("watch.log")).expect("it was written");
    world.leave("c00002");
    let second = start(&world, by_mas_cli(&world, &sections));
    assert_eq!(second.is_not_ready().await, "not ready: a plan was refused\n");
    second.has_run("kind=\"full\",result=\"refused\"", 1).await;
    second.has_logged("after 2 within an hour");
}

#[tokio::test]
async fn without_a_plan_to_approve_no_command_approves() {
    let world = started(group().members(3, "c").accounts(3, "c").leavers(3, "x")).await;
    let sections = format!("{QUICK}[limits]\nmax_look = 1\n");
    let watching = start(&world, by_mas_cli(&world, &sections));
    assert_eq!(watching.is_not_ready().await, "not ready: a plan was refused\n");
    watching.has_run("kind=\"full\",result=\"refused\"", 1).await;
    watching.offers_no_approval("There is no plan to approve yet.").await;
}

#[tokio::test]
async fn refused_plan_changes_nothing_and_waits_for_an_approval() {
    let world = started(group().members(5, "c").accounts(5, "c")).await;
    let input = world.directory().join("hook.json");
    let hook = script(&world, "hook", &format!("cat >> {}", input.display()));
    let watching =
        watching(&world, &format!("on_refused = [{:?}]\n{TWO}", hook.to_string_lossy())).await;
    let before = everyone(&world);
    {
        // All at once, or the first would be a small step.
        let mut state = world.keycloak.state();
        for name in ["c00000", "c00001", "c00002"] {
            state.realm("corp").leave(name, "/matrix-users");
        }
    }
    assert_eq!(watching.is_not_ready().await, "not ready: a plan was refused\n");
    watching.has_run("kind=\"full\",result=\"refused\"", 1).await;
    watching.has_logged("3 accounts would be disabled, limits.max_disable is 2");
    assert_eq!(everyone(&world), before);
    assert_eq!(watching.metric("refused").await, Some(1.0));

    until_so("the hook's input", async || {
        input.exists() && std::fs::metadata(&input).is_ok_and(|file| file.len() > 0)
    })
    .await;
    let input: Value =
        serde_json::from_slice(&std::fs::read(&input).expect("a file")).expect("JSON, once");
    let digest = input["digest"].as_str().expect("a digest").to_owned();
    assert_eq!((&input["event"], &input["kind"]), (&"refused".into(), &"full".into()));
    assert_eq!(input["refused_by"], json!(["max_disable"]));
    // The log shows the digits that are enough, and the hook gets all.
    watching.has_logged(&format!("sync --approve {} ", &digest["sha256:".len()..][..32]));
    assert_eq!(watching.times(&digest), 0, "{}", watching.log());

    // A plan refused as a whole is not done piece by piece.
    world.keycloak.state().realm("corp").enable_user("c00000");
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(everyone(&world), before);

    program(&world).file(&world, TWO).run(&format!("sync --approve {digest}")).exits(0);
    watching.signal("HUP");
    watching.is_ready().await;
    assert_eq!(watching.metric("refused").await, Some(0.0));
}

#[tokio::test]
async fn full_run_that_is_refused_is_in_the_history() {
    let world = started(group().members(5, "c").accounts(5, "c").leavers(3, "gone")).await;
    let watching = start(&world, by_mas_cli(&world, &format!("{QUICK}{TWO}")));
    assert_eq!(watching.is_not_ready().await, "not ready: a plan was refused\n");
    let history = program(&world).file(&world, TWO).run("history --format json").exits(0).json();
    let last = &history["runs"][0];
    assert_eq!((&last["command"], &last["result"]), (&"watch".into(), &"refused".into()));
}

#[tokio::test]
async fn account_that_waits_for_an_approval_is_reported_by_the_full_run() {
    let world = started(group().member("alice").account("alice").account("ghost")).await;
    let input = world.directory().join("hook.json");
    let path = input.display();
    let hook = script(&world, "hook", &format!("cat > {path}.new && mv {path}.new {path}"));
    let watching =
        watching(&world, &format!("on_refused = [{:?}]\n{TWO}", hook.to_string_lossy())).await;
    watching.has_logged("1 account waits for an approval");
    until_so("the hook's input", async || input.exists()).await;
    let input: Value =
        serde_json::from_slice(&std::fs::read(&input).expect("a file")).expect("JSON");
    let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
    assert_eq!(text(&input["event"]), "needs_approval");
    assert!(text(&input["reasons"][0]).starts_with("ghost: "), "{input}");
    assert!(text(&input["command"]).ends_with(&text(&input["digest"])[7..39]), "{input}");
}
