//! The stand-in for mas-cli against `mas-cli.json`, `mas-cli-lifecycle.json` and the recordings of
//! older versions: its output, and its changes in MAS and Synapse.

use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use matrix_keycloak_sync::standins::mas::Email;
use matrix_keycloak_sync::standins::mas_cli;
use matrix_keycloak_sync::standins::{RunningWorld, World};
use regex::Regex;
use serde_json::{Value, json};

use crate::compare::{Created, differences, nothing, recording};

async fn recorded_mas(version: &str, calls: &[Value]) -> RunningWorld {
    let delay = Duration::from_millis(200);
    let world = World::new("test.local")
        .account("mona")
        .mas_version(version)
        .job_delay(delay)
        .start()
        .await
        .expect("the world starts");
    let id = Regex::new(r"user\.id=(\w+)").expect("a pattern");
    let id = calls.iter().find_map(|call| id.captures(call["stderr"].as_str()?));
    world.mas.state().set_user_id("mona", &id.expect("mona's ID")[1]);
    let config = fs::read_to_string(world.mas_cli_config()).expect("the world wrote it");
    let password = Regex::new("mas:[^@]+@").expect("a pattern");
    let address = Regex::new("@[^/]+/").expect("a pattern");
    let unused = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a port");
    for (name, text) in [
        ("db-only.yaml", config.clone()),
        ("bad-password.yaml", password.replace(&config, "mas:wrong@").into_owned()),
        ("db-down.yaml", address.replace(&config, format!("@{unused}/")).into_owned()),
        ("broken.yaml", "{ this is: [not YAML".to_owned()),
    ] {
        fs::write(world.directory().join(name), text).expect("the directory can be written");
    }
    world
}

/// Puts mona into the state that was recorded before a call.
fn put_back(world: &RunningWorld, before: &Value) {
    let flag = |side: &str, name: &str| before[side][name].as_bool().unwrap_or_default();
    let at = |set: bool| set.then(|| "2026-11-23T10:31:26.130018Z".to_owned());
    let emails = before["synapse"]["emails"].as_u64() > Some(0);
    {
        let mut mas = world.mas.state();
        let user = mas.user_mut("mona").expect("seeded");
        user.locked_at = at(flag("mas", "locked"));
        user.deactivated_at = at(flag("mas", "deactivated"));
        let id = user.id.clone();
        mas.remove_emails(&id);
        if emails {
            mas.add_email(Email::new(&id, "mona@corp.test"));
        }
    }
    let mut synapse = world.synapse.state();
    let account = synapse.account_mut("mona").expect("seeded");
    account.locked = flag("synapse", "locked");
    account.deactivated = flag("synapse", "deactivated");
    account.erased = flag("synapse", "erased");
    account.displayname = before["synapse"]["displayname"].as_str().map(str::to_owned);
    account.emails = emails.then(|| ("mona@corp.test".to_owned(), 0)).into_iter().collect();
}

fn state_of(world: &RunningWorld, localpart: &str) -> Value {
    let state = world.state_of(localpart);
    let mas = state.mas.expect("a user of MAS");
    let synapse = world.synapse.state();
    let account = synapse.account(localpart);
    json!({
        "mas": {"locked": mas.locked, "deactivated": mas.deactivated},
        "synapse": {
            "deactivated": state.synapse.map(|seen| seen.deactivated),
            "locked": state.synapse.map(|seen| seen.locked),
            "erased": state.synapse.map(|seen| seen.erased),
            "displayname": account.and_then(|account| account.displayname.clone()),
            "emails": account.map_or(0, |account| account.emails.len()),
        },
    })
}

/// Calls the stand-in as recorded and collects every difference; IDs that the recording made have
/// no value, except for that of a registered user, which later calls name.
async fn called(
    world: &RunningWorld,
    created: &mut Created,
    call: &Value,
    localpart: &str,
) -> Vec<String> {
    let name = call["name"].as_str().unwrap_or_default();
    let of_one_run = r"\d{4}-\d\d-\d\dT[\d:.]+Z|email\.id=\w+|thread 'main' \(\d+\)";
    let of_one_run = Regex::new(of_one_run).expect("a pattern");
    let plain = |text: &str| of_one_run.replace_all(text, "…").into_owned();
    let arguments = call["argv"].as_array().expect("recorded arguments").iter().skip(1);
    let arguments = arguments.map(|part| {
        let part = part.as_str().unwrap_or_default();
        let file = std::path::Path::new(part).extension().is_some_and(|kind| kind == "yaml");
        if file { world.directory().join(part).into() } else { OsString::from(part) }
    });
    let came = mas_cli::execute(arguments.collect(), Some(world.mas_cli_config().into())).await;
    let recorded = call["stderr"].as_str().unwrap_or_default();
    let registered = Regex::new(r"User registered user\.id=(\w+)").expect("a pattern");
    let made = (registered.captures(&came.stderr), registered.captures(recorded));
    if let (Some(here), Some(recorded)) = made {
        created.learn(&here[1], &recorded[1]);
    }
    let recorded =
        json!({"exit": call["exit"], "stdout": call["stdout"], "stderr": plain(recorded)});
    let said = json!({
        "exit": came.exit, "stdout": created.as_recorded(&came.stdout),
        "stderr": plain(&created.as_recorded(&came.stderr)),
    });
    let mut found = Vec::new();
    differences(name, "", &recorded, &said, &mut found);
    if call["just_after"].is_object() {
        let at = format!("{name}, just after");
        differences(&at, "", &call["just_after"], &state_of(world, localpart), &mut found);
    }
    assert!(world.settle().await, "{name}: jobs are left");
    if call["settled"].is_object() {
        let at = format!("{name}, settled");
        differences(&at, "", &call["settled"], &state_of(world, localpart), &mut found);
    }
    found
}

/// What depends on the version of the program, not of MAS's database.
const OF_THE_PROGRAM: [&str; 2] = ["version", "manage --help"];

async fn replayed(version: &str, calls: &[Value]) -> Vec<String> {
    let world = recorded_mas(version, calls).await;
    let mut found = Vec::new();
    for call in calls {
        if call["before"].is_object() {
            put_back(&world, &call["before"]);
        }
        if call["name"] == "kill-sessions --dry-run" {
            for _ in 0..2 {
                world.login("mona").expect("mona can log in");
            }
        }
        found.extend(called(&world, &mut Created::default(), call, "mona").await);
    }
    found
}

#[tokio::test]
async fn mas_cli_does_and_says_what_was_recorded() {
    nothing(&replayed("v1.22.0", &recording("mas-cli.json")).await);
}

#[tokio::test]
async fn mas_cli_does_and_says_what_was_recorded_with_older_versions() {
    for version in ["1.4.1", "1.12.0"] {
        let mut calls = recording(&format!("mas-cli-{version}.json"));
        calls.retain(|call| !OF_THE_PROGRAM.iter().any(|name| call["name"] == *name));
        for call in &mut calls {
            if version == "1.12.0" && call["name"] == "lock-user --deactivate" {
                // The recorded worker was half done when MAS was asked.
                call["just_after"] = Value::Null;
            }
        }
        nothing(&replayed(&format!("v{version}"), &calls).await);
    }
}

/// A check of the whole installation, which this program never asks for.
const NOT_PLAYED: &str = "doctor";

#[tokio::test]
async fn mas_cli_registers_users_and_makes_administrators_as_recorded() {
    let world = World::new("test.local").start().await.expect("the world starts");
    let mut created = Created::default();
    created.learn(&world.keycloak.url(), "http://keycloak.test");
    let mut found = Vec::new();
    for call in recording("mas-cli-lifecycle.json") {
        if call["name"] != NOT_PLAYED {
            found.extend(called(&world, &mut created, &call, "cli71465").await);
        }
    }
    nothing(&found);
    assert!(world.mas.state().user("cli71465b").is_none(), "after a panic nothing was created");
}
