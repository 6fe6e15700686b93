//! `[notify]`: a command and a Matrix room hear of changes, refusals and failures.

mod bot;
mod delivery;

use matrix_keycloak_sync::standins::{Auth, NewAccount, RunningWorld, World};
use serde_json::{Value, json};

use crate::harness::{
    NO_LIMITS, Program, Run, group, own_error, program, program_with, script, started, the_table,
};
use crate::snapshots::assert_snapshot;
use crate::watch::watching::{QUICK, Watching, start, until_so};

/// The room.
pub(crate) const ROOM: &str = "!ops:example.org";

/// A bot that is in the room, and in no group.
fn with_bot(world: World) -> World {
    world.with_account(NewAccount::new("ops-bot").room(ROOM, "Ops"))
}

/// The section with a new token of the bot.
fn notify(world: &RunningWorld) -> (String, String) {
    let token = world.login("ops-bot").expect("the bot is active");
    (format!("[notify]\nroom = {ROOM:?}\naccess_token = {token:?}\n"), token)
}

/// The program that notifies the room, with more sections.
fn notifying(world: &RunningWorld, more: &str) -> Program {
    let (section, token) = notify(world);
    let program = program_with(world, Auth::ClientCredentials);
    program.file(world, &format!("{section}{more}")).hiding(&token)
}

/// The texts that the room has got.
fn messages(world: &RunningWorld) -> Vec<String> {
    contents(world).iter().map(|it| it["body"].as_str().expect("a text").to_owned()).collect()
}

fn contents(world: &RunningWorld) -> Vec<Value> {
    let synapse = world.synapse.state();
    let room = synapse.room(ROOM).expect("the bot is in it");
    let of_bot = |sender: &str| sender == "@ops-bot:example.org";
    assert!(room.messages.iter().all(|it| of_bot(&it.sender) && it.kind == "m.room.message"));
    room.messages.iter().map(|it| it.content.clone()).collect()
}

/// A hook that appends its input to this file.
fn hook(world: &RunningWorld) -> (String, std::path::PathBuf) {
    let input = world.directory().join("done.json");
    let hook = script(world, "hook", &format!("cat >> {}", input.display()));
    (format!("on_done = [{:?}]\n", hook.to_string_lossy()), input)
}

fn json_in(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON, once")
}

fn many_leavers() -> World {
    with_bot(group().members(5, "c").accounts(5, "c").leavers(28, "gone"))
}

#[tokio::test]
async fn command_gets_the_plan_with_outcomes_after_a_run_that_changed_something() {
    let world = started(the_table()).await;
    let (on_done, input) = hook(&world);
    let sync = || program(&world).file(&world, &format!("[notify]\n{on_done}"));
    let printed = sync().run("sync --format json").exits(0).json();
    assert_eq!(json_in(&input), printed);
    assert_eq!(printed["actions"][0]["outcome"], "done");
    std::fs::remove_file(&input).expect("it was written");
    sync().run("plan").exits(0);
    sync().run("sync").exits(0);
    assert!(!input.exists(), "nothing was changed");
}

#[tokio::test]
async fn command_does_not_run_for_a_dry_run_a_refusal_or_apply() {
    let world = started(group().members(5, "c").accounts(5, "c").leavers(28, "gone")).await;
    let (on_done, input) = hook(&world);
    let by = || program(&world).file(&world, &format!("[notify]\n{on_done}"));
    by().run("sync --dry-run").exits(0);
    let refused = by().run("sync --format json").exits(3).json();
    let path = world.directory().join("plan.json").display().to_string();
    by().run(&format!("plan --out {path}")).exits(0);
    let digest = refused["digest"].as_str().expect("a digest");
    by().run(&format!("apply {path} --approve {digest}")).exits(0);
    assert!(!input.exists());
}

#[tokio::test]
async fn room_gets_counts_and_few_names_after_a_run_that_changed_something() {
    let world = started(with_bot(the_table())).await;
    notifying(&world, "").run("sync").exits(0);
    assert_snapshot(
        "notify_changes",
        &serde_json::to_string_pretty(&contents(&world)).expect("JSON"),
    );
    notifying(&world, "").run("sync").exits(0);
    assert_eq!(messages(&world).len(), 1, "nothing was changed");
}

#[tokio::test]
async fn a_message_has_at_most_ten_names() {
    let world = started(many_leavers()).await;
    notifying(&world, NO_LIMITS).run("sync").exits(0);
    assert_snapshot("notify_many_changes", &messages(&world).join("\n"));
}

#[tokio::test]
async fn refusal_says_what_to_run_here_and_is_reported_once_a_digest() {
    let world = started(many_leavers()).await;
    let refused = || {
        let program = notifying(&world, "[watch]\ninterval = \"1s\"\n");
        program.env("MATRIX_KEYCLOAK_SYNC_COMMAND", "sudo mks-run").run("sync").exits(3)
    };
    refused();
    assert_snapshot("notify_refused", &messages(&world).join("\n"));
    later().await;
    refused();
    assert_eq!(messages(&world).len(), 1);
    world.leave("c00000");
    later().await;
    refused();
    let messages = messages(&world);
    assert!(messages.len() == 2 && messages[1].contains("29 accounts would be"), "{messages:?}");
}

/// Waits until the shortest interval is over.
async fn later() {
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
}

#[tokio::test]
async fn without_a_plan_to_approve_a_refusal_says_what_to_check() {
    let world = started(many_leavers()).await;
    notifying(&world, "[limits]\nmax_look = 3\n").run("sync").exits(3);
    let messages = messages(&world);
    assert!(messages[0].ends_with("raise `limits.max_look`."), "{messages:?}");
    assert!(!messages[0].contains("--approve"), "{messages:?}");
}

#[tokio::test]
async fn failure_is_reported_at_the_first_time_and_escaped() {
    let world = started(with_bot(the_table())).await;
    let answer = || {
        let error = own_error(matrix_keycloak_sync::model::Server::Keycloak, 500, "<b>&\u{202e}");
        world.keycloak.faults().on("/members").answer(error);
    };
    let sync = || notifying(&world, "[watch]\ninterval = \"1s\"\n").run("sync");
    answer();
    sync().exits(1);
    later().await;
    sync().exits(1);
    let sent = contents(&world);
    assert_eq!(sent.len(), 1, "{sent:?}");
    let [plain, html] = ["body", "formatted_body"].map(|key| sent[0][key].as_str().expect("text"));
    assert!(plain.contains("a run failed\n- Keycloak: GET"), "{plain}");
    assert!(plain.contains("<b>&\\u{202e}") && html.contains("&lt;b&gt;&amp;\\u{202e}"), "{html}");

    world.keycloak.faults().clear();
    later().await;
    sync().exits(0);
    answer();
    later().await;
    sync().exits(1);
    assert_eq!(messages(&world).len(), 3, "it worked in between");
}

#[tokio::test]
async fn account_that_waits_for_an_approval_is_reported_once_a_digest() {
    let world = started(with_bot(the_table().account("ghost"))).await;
    let sync = || notifying(&world, "[watch]\ninterval = \"1s\"\n").run("sync").exits(4);
    sync();
    assert_snapshot("notify_waiting", &messages(&world).join("\n"));
    later().await;
    sync();
    assert_eq!(messages(&world).len(), 1);
}

#[tokio::test]
async fn apply_and_undo_report_what_they_changed() {
    let world = started(with_bot(the_table())).await;
    let by = || notifying(&world, "[watch]\ninterval = \"1s\"\n");
    let path = world.directory().join("plan.json").display().to_string();
    by().run(&format!("plan --out {path}")).exits(0);
    by().run(&format!("apply {path}")).exits(0);
    later().await;
    by().run("undo 1").exits(4);
    let heads: Vec<_> = messages(&world)
        .iter()
        .map(|text| text.lines().next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        heads,
        [
            "Matrix accounts of example.org (realm corp): 1 activated, 1 disabled",
            "Matrix accounts of example.org (realm corp): 1 activated"
        ]
    );
}

#[tokio::test]
async fn one_message_an_interval_and_the_next_one_counts_what_was_left_out() {
    let world = started(with_bot(the_table())).await;
    let sync = |interval: &str| -> Run {
        let path = world.directory().join("sync.prom").display().to_string();
        let sections = format!("{NO_LIMITS}[watch]\ninterval = {interval:?}\n");
        notifying(&world, &sections).run(&format!("sync --metrics-file {path}")).exits(0)
    };
    sync("1h");
    world.leave("alice");
    sync("1h");
    world.leave("bob");
    sync("1h");
    assert_eq!(messages(&world).len(), 1);
    let metrics = std::fs::read_to_string(world.directory().join("sync.prom")).expect("a file");
    for sample in ["outcome=\"left_out\",to=\"room\"} 2", "outcome=\"sent\",to=\"room\"} 1"] {
        assert!(metrics.contains(&format!("notifications_total{{{sample}")), "{metrics}");
    }
    later().await;
    sync("1s");
    assert_snapshot("notify_left_out", &messages(&world)[1]);
}

async fn watching(world: &RunningWorld, more: &str) -> Watching {
    let watching = start(world, notifying(world, &format!("{more}{QUICK}")));
    watching.is_ready().await;
    watching
}

#[tokio::test]
async fn watch_notifies_command_and_room_of_each_change_in_the_background() {
    let world = started(with_bot(the_table())).await;
    let (on_done, input) = hook(&world);
    let watching = watching(&world, &format!("{on_done}{NO_LIMITS}")).await;
    until_so("the room hears of it", async || messages(&world).len() == 1).await;
    until_so("the hook runs", async || input.metadata().is_ok_and(|file| file.len() > 0)).await;
    let head = messages(&world).remove(0).lines().next().unwrap_or_default().to_owned();
    assert_eq!(head, "Matrix accounts of example.org (realm corp): 1 activated, 1 disabled");
    assert_eq!(json_in(&input)["actions"][0]["outcome"], json!("done"));
    let count =
        async |sample: &str| watching.metric(&format!("notifications_total{{{sample}}}")).await;
    until_so("the hook is counted", async || {
        count("outcome=\"sent\",to=\"on_done\"").await == Some(1.0)
    })
    .await;
    assert_eq!(count("outcome=\"sent\",to=\"room\"").await, Some(1.0));

    world.leave("alice");
    watching.has_done(3.0).await;
    until_so("it is left out", async || {
        count("outcome=\"left_out\",to=\"room\"").await == Some(1.0)
    })
    .await;
    assert_eq!(watching.stop(), 0);

    // What was left out outlives a restart.
    let log = world.directory().join("watch.log");
    std::fs::remove_file(log).expect("it was written");
    let quick = QUICK.replace("interval = \"1h\"", "interval = \"1s\"");
    let _again = start(&world, notifying(&world, &format!("{NO_LIMITS}{quick}")));
    until_so("the room hears the rest", async || messages(&world).len() == 2).await;
    assert!(messages(&world)[1].contains("1 run with 1 change"), "{:?}", messages(&world));
}

#[tokio::test]
async fn watch_reports_a_refused_plan_with_the_command_that_approves_it() {
    let world = started(many_leavers()).await;
    let watching = start(&world, notifying(&world, QUICK));
    assert_eq!(watching.is_not_ready().await, "not ready: a plan was refused\n");
    until_so("the room hears of it", async || messages(&world).len() == 1).await;
    let text = messages(&world).remove(0);
    assert!(text.contains("\nIf it is right: matrix-keycloak-sync sync --approve "), "{text}");
    assert_eq!(watching.stop(), 0);
}

#[tokio::test]
async fn watch_reports_a_run_that_fails() {
    let world = started(with_bot(the_table())).await;
    world.keycloak.faults().on("/members").answer(crate::harness::proxy_page(403));
    let watching = start(&world, notifying(&world, QUICK));
    assert_eq!(watching.is_not_ready().await, "not ready: the last run failed\n");
    until_so("the room hears of it", async || messages(&world).len() == 1).await;
    assert!(
        messages(&world)[0].contains("a run failed\n- Keycloak: GET"),
        "{:?}",
        messages(&world)
    );
}

#[tokio::test]
async fn watch_does_not_repeat_what_a_run_by_hand_has_told_the_room() {
    let world = group().members(5, "c").accounts(5, "c").user("dave");
    let world = started(with_bot(world)).await;
    let watching = watching(&world, "[limits]\nmax_disable = 0\n").await;
    world.put_account(&NewAccount::new("dave")).expect("a free name");
    from_its_folder(&world, "sync").exits(3);
    assert_eq!(messages(&world).len(), 1);
    watching.signal("HUP");
    assert_eq!(watching.is_not_ready().await, "not ready: a plan was refused\n");
    assert_eq!(watching.stop(), 0);
    assert_eq!(messages(&world).len(), 1, "{:?}", messages(&world));
}

#[tokio::test]
async fn command_in_the_room_works_in_every_folder() {
    let world = started(many_leavers()).await;
    notifying(&world, "").run("config check").exits(0);
    from_its_folder(&world, "sync").exits(3);
    let config = world.directory().join("config.toml");
    let command = format!("matrix-keycloak-sync --config {} sync --approve ", config.display());
    assert!(messages(&world)[0].contains(&command), "{:?}", messages(&world));
}

/// Runs it in the folder of the configuration that the world has already.
fn from_its_folder(world: &RunningWorld, line: &str) -> Run {
    let here = program_with(world, Auth::ClientCredentials).within(world.directory());
    here.run(&format!("--config config.toml {line}"))
}

#[tokio::test]
async fn no_run_waits_for_the_command_of_another() {
    let world = started(the_table()).await;
    let begun = world.directory().join("begun");
    let slow = script(&world, "slow", &format!("touch {}; sleep 20", begun.display()));
    let sections = format!("[notify]\non_done = [{:?}]\n", slow.to_string_lossy());
    let mut first = program(&world).file(&world, &sections).start("sync");
    until_so("the command runs", async || begun.exists()).await;
    program(&world).file(&world, "").run("sync").exits(0);
    first.kill().expect("it still runs");
    let _ = first.wait();
}
