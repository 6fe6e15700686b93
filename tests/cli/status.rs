//! `status`, and what the listener of `watch` tells of itself.

use std::fs::File;

use matrix_keycloak_sync::model::Server;
use matrix_keycloak_sync::standins::{RunningWorld, World};
use serde_json::{Value, json};

use crate::harness::{NO_LIMITS, Program, group, listening, own_error, program, started, write};
use crate::snapshots::assert_snapshot;
use crate::watch::watching::{self, QUICK, Watching, until_so};

/// Nothing may be disabled.
const NOTHING: &str = "[limits]\nmax_disable = 0\n";

/// One member with an account, and one user outside the group with another.
fn with_dave() -> World {
    group().member("alice").account("alice").user("dave").account("dave")
}

/// A `watch` of these sections.
fn watch(world: &RunningWorld, sections: &str) -> Watching {
    watching::start(world, program(world).file(world, sections))
}

/// The program with the configuration of a running `watch`.
fn beside(world: &RunningWorld) -> Program {
    let config = world.directory().join("config.toml").display().to_string();
    program(world).env("MATRIX_KEYCLOAK_SYNC_CONFIG", &config)
}

/// Returns `/status.json` once it has this state.
async fn status(watching: &Watching, state: &str) -> Value {
    let mut status = Value::Null;
    until_so(state, async || {
        let Some((200, text)) = watching.ask("/status.json").await else { return false };
        status = serde_json::from_str(&text).expect("JSON");
        status["state"] == state
    })
    .await;
    status
}

#[tokio::test]
async fn status_of_a_watch_that_is_in_step_ends_with_0() {
    let world = started(with_dave()).await;
    let watching = watch(&world, &format!("{QUICK}{NO_LIMITS}"));
    let json = status(&watching, "in_step").await;
    assert_eq!((&json["ready"], &json["read"]["accounts"]), (&true.into(), &3.into()));
    assert_eq!(json["changes"][0]["disabled"], 1);
    beside(&world).run("status").exits(0).matches(&world, "status_in_step");
}

#[tokio::test]
async fn status_of_a_refused_plan_has_the_command_of_this_installation() {
    let world = started(with_dave()).await;
    let watching = watch(&world, &format!("{QUICK}{NOTHING}"));
    let json = status(&watching, "refused").await;
    let digest = json["decision"]["digest"].as_str().expect("a digest");
    assert_eq!(json["decision"]["refused_by"][0], "max_disable");
    let run = beside(&world)
        .env("MATRIX_KEYCLOAK_SYNC_COMMAND", "docker exec sync matrix-keycloak-sync")
        .run("status")
        .exits(1);
    let line =
        format!("\n  docker exec sync matrix-keycloak-sync sync --approve {}\n", &digest[7..39]);
    run.prints(&[&line]).matches(&world, "status_refused");
    let approve = format!("sync --approve {}", &digest[7..39]);
    beside(&world).run(&approve).exits(0);
    watching.signal("HUP");
    let json = status(&watching, "in_step").await;
    assert_eq!(json["decision"], Value::Null);
    assert_eq!(json["changes"][0]["disabled"], 1, "of another command: {json}");
}

#[tokio::test]
async fn status_names_what_waits_for_an_approval_and_is_ready() {
    let world = started(with_dave().account("ghost")).await;
    let watching = watch(&world, &format!("{QUICK}{NO_LIMITS}"));
    let json = status(&watching, "needs_approval").await;
    assert_eq!((&json["decision"]["actions"], &json["ready"]), (&1.into(), &true.into()));
    beside(&world).run("status").exits(0).matches(&world, "status_waiting");
}

#[tokio::test]
async fn status_of_a_failed_run_has_its_error_and_hint() {
    let world = started(with_dave()).await;
    world.keycloak.faults().on("/members").answer(own_error(Server::Keycloak, 500, "<b>"));
    let watching = watch(&world, &format!("{QUICK}{NO_LIMITS}"));
    let json = status(&watching, "failed").await;
    assert!(json["failure"]["hint"].is_string(), "{json}");
    beside(&world).run("status").exits(1).prints(&[
        "example.org: Failed since ",
        "The last run failed: Keycloak: GET ",
        "\nhint: ",
    ]);
    let (_, page) = watching.ask("/").await.expect("a page");
    assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"), "{page}");
}

#[tokio::test]
async fn status_without_a_watch_or_of_something_else_is_an_error_with_a_hint() {
    let world = started(with_dave()).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let free = taken.local_addr().expect("bound");
    drop(taken);
    let at =
        |listen: &str| program(&world).file(&world, &format!("[watch]\nlisten = {listen:?}\n"));
    let hint = "hint: Check that `watch` runs, with the same configuration.";
    at(&free.to_string()).run("status").exits(1).tells(&["no watch answers at", hint]);
    let other = world.synapse.url().trim_start_matches("http://").to_owned();
    let told = ["is not the watch of this configuration", "because: the answer is no status"];
    at(&other).run("status").exits(1).tells(&told);
    at("off").run("status").exits(78).tells(&["watch.listen"]);
}

#[tokio::test]
async fn status_of_another_server_or_version_is_an_error_with_a_hint() {
    let world = started(with_dave()).await;
    let of = |version: u32, server_name: &str| {
        let answer = json!({
            "version": version, "server_name": server_name, "state": "in_step", "ready": true,
            "since": "2026-11-30T07:00:00Z", "time": "2026-11-30T07:00:00Z", "changes": [],
        });
        let address = listening(&answer.to_string());
        program(&world).file(&world, &format!("[watch]\nlisten = \"{address}\"\n")).run("status")
    };
    of(1, "example.org").exits(0).prints(&["example.org: In step"]);
    of(1, "example.com").exits(1).tells(&[
        "because: it is the watch of example.com, and server_name is example.org\n",
        "hint: Give each `watch` an address of its own",
    ]);
    of(2, "example.org").exits(1).tells(&[
        "because: its status has version 2, and this program reads version 1\n",
        "hint: Use one version of this program for both",
    ]);
}

#[tokio::test]
async fn status_of_a_plan_that_was_not_rechecked_counts_nothing() {
    let world = started(with_dave()).await;
    let watching = watch(&world, &format!("{QUICK}[limits]\nmax_look = 0\n"));
    status(&watching, "refused").await;
    beside(&world).run("status").exits(1).prints(&["\nThe plan waits for a decision:\n"]);
    let (_, page) = watching.ask("/").await.expect("a page");
    assert!(page.contains("The plan waits for a decision") && !page.contains('`'), "{page}");
}

#[tokio::test]
async fn no_name_leaves_a_listener_that_is_not_on_loopback_or_is_asked_by_another_name() {
    let world = started(with_dave().account("ghost")).await;
    let everywhere = QUICK.replace("127.0.0.1", "0.0.0.0");
    let watching = watch(&world, &format!("{everywhere}{NO_LIMITS}"));
    status(&watching, "needs_approval").await;
    for path in ["/", "/status.json"] {
        let (_, text) = watching.ask(path).await.expect("an answer");
        assert!(!text.contains("ghost") && text.contains("sync --approve "), "{path}: {text}");
    }
    beside(&world)
        .run("status")
        .exits(0)
        .prints(&["1 action waits for a decision", "sync --approve "]);
    assert_eq!(watching.stop(), 0);

    let watching = watch(&world, &format!("{QUICK}{NO_LIMITS}"));
    status(&watching, "needs_approval").await;
    let ask = async |host: &str| {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let request = client.get(format!("http://{}/", watching.address())).header("host", host);
        request.send().await.expect("an answer").text().await.expect("a text")
    };
    assert!(ask("localhost:9464").await.contains("ghost"));
    assert!(!ask("rebound.example").await.contains("ghost"));
}

#[tokio::test]
async fn page_allows_its_own_style_and_nothing_else() {
    let world = started(with_dave()).await;
    let watching = watch(&world, &format!("{QUICK}{NO_LIMITS}"));
    status(&watching, "in_step").await;
    let answer = reqwest::get(format!("http://{}/", watching.address())).await.expect("an answer");
    let policy = answer.headers()["content-security-policy"].to_str().expect("ASCII").to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let page = answer.text().await.expect("a text");
    for foreign in
        ["<script", "src=", "url(", "@import", "http://", "https://", "onload", "style=\""]
    {
        assert!(!page.contains(foreign), "{foreign} in {page}");
    }
    let body = page.split("</style>").nth(1).expect("a body");
    assert_snapshot("status_page", &body.replace(watching.address(), "LISTENER"));
}

#[tokio::test]
async fn page_of_a_new_watch_shows_the_history_of_the_state_file() {
    let world = started(with_dave()).await;
    program(&world).file(&world, NO_LIMITS).run("sync").exits(0);
    assert!(world.settle().await);
    let log = world.directory().join("watch.log");
    File::create(&log).expect("a writable directory");
    write(&world, "config.toml", "");
    let watching = watch(&world, &format!("{QUICK}{NO_LIMITS}"));
    let json = status(&watching, "in_step").await;
    assert_eq!((&json["changes"][0]["disabled"], &json["changes"][1]), (&1.into(), &Value::Null));
    let (_, page) = watching.ask("/").await.expect("a page");
    // The reading of the recorded run, and the one of the first full run.
    assert!(page.contains("members from 1 to 1, accounts from 3 to 3."), "{page}");
}
