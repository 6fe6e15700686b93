//! Replays every exchange recorded with the real servers (`tests/contract`) against the stand-ins.
//!
//! A stand-in that drifts from the recordings would let the product pass its tests and fail in service.
//! Values are compared one by one, except for those that two runs of a real server do not share either.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use matrix_keycloak_sync::standins::keycloak::{Client, Realm, Roles};
use matrix_keycloak_sync::standins::mas_cli;
use matrix_keycloak_sync::standins::{Auth, RunningWorld, World};
use regex::Regex;
use serde_json::{Value, json};

/// Fields whose values belong to one run: times, tokens, and IDs that no path names.
const OF_ONE_RUN: [&str; 14] = [
    "access_token",
    "refresh_token",
    "session_state",
    "device_id",
    "time",
    "realmId",
    "clientId",
    "userId",
    "resourcePath",
    "createdTimestamp",
    "creation_ts",
    "last_seen_ts",
    "validated_at",
    "added_at",
];
/// Fields that a real server leaves empty or fills, whichever the account has.
const MAY_BE_NULL: [&str; 1] = ["last_seen_ts"];

fn recording(name: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/contract").join(name);
    let text = fs::read_to_string(path).expect("the recording is in the repository");
    serde_json::from_str(&text).expect("the recording is JSON")
}

/// Collects every difference between what was recorded and what came.
fn differences(at: &str, field: &str, recorded: &Value, came: &Value, found: &mut Vec<String>) {
    match (recorded, came) {
        (Value::Object(recorded), Value::Object(came)) => {
            let names = |row: &serde_json::Map<String, Value>| row.keys().cloned().collect::<BTreeSet<_>>();
            if names(recorded) != names(came) {
                found.push(format!("{at}: fields {:?}, recorded {:?}", names(came), names(recorded)));
            }
            for (name, value) in recorded {
                if let Some(other) = came.get(name) {
                    differences(&format!("{at}.{name}"), name, value, other, found);
                }
            }
        }
        (Value::Array(recorded), Value::Array(came)) => {
            if recorded.len() != came.len() {
                found.push(format!("{at}: {} rows, recorded {}", came.len(), recorded.len()));
            }
            for (number, (value, other)) in recorded.iter().zip(came).enumerate() {
                differences(&format!("{at}[{number}]"), field, value, other, found);
            }
        }
        (Value::String(recorded), Value::String(came)) if field == "representation" => {
            let read = |text| serde_json::from_str::<Value>(text).expect("an event quotes JSON");
            differences(at, "", &read(recorded), &read(came), found);
        }
        _ if may_differ(at, field, recorded, came) => {}
        _ if recorded == came => {}
        _ => found.push(format!("{at}: {came}, recorded {recorded}")),
    }
}

fn may_differ(at: &str, field: &str, recorded: &Value, came: &Value) -> bool {
    if recorded.is_null() != came.is_null() {
        return MAY_BE_NULL.contains(&field);
    }
    let same_type = recorded.is_string() == came.is_string() && recorded.is_number() == came.is_number();
    // The recorded server had 100,000 accounts more than fit into a test.
    let large_total = field == "total" && recorded.as_u64() > Some(1000);
    let id_of_event = field == "id" && at.contains("event");
    same_type && (OF_ONE_RUN.contains(&field) || large_total || id_of_event)
}

async fn replay(base: &str, exchange: &Value, token: &str) -> Vec<String> {
    let name = exchange["name"].as_str().unwrap_or_default();
    let (request, response) = (&exchange["request"], &exchange["response"]);
    let path = request["path"].as_str().expect("a recorded path");
    let method = request["method"].as_str().and_then(|method| method.parse().ok()).expect("a recorded method");
    let mut call = reqwest::Client::new().request(method, format!("{base}{path}"));
    if let Some(header) = request["headers"]["authorization"].as_str() {
        call = call.header("authorization", header.replace("<token>", token));
    }
    if let Some(form) = request["body"].as_object() {
        let pairs = form.iter().map(|(name, value)| (name, value.as_str().unwrap_or_default()));
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        call = call.header("content-type", "application/x-www-form-urlencoded").body(body);
    }
    let came = call.send().await.expect("the stand-in answers");
    let mut found = Vec::new();
    if json!(came.status().as_u16()) != response["status"] {
        found.push(format!("{name}: status {}, recorded {}", came.status(), response["status"]));
    }
    let kind = came.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if essence(kind) != essence(response["content_type"].as_str().unwrap_or_default()) {
        found.push(format!("{name}: content type {kind}, recorded {}", response["content_type"]));
    }
    let body: Value = came.json().await.expect("the stand-in answers in JSON");
    differences(name, "", &response["body"], &body, &mut found);
    found
}

fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

fn nothing(found: &[String]) {
    assert!(found.is_empty(), "the stand-in differs:\n{}", found.join("\n"));
}

const GROUPS: [(&str, &str); 4] = [
    ("/matrix-users", "37dd3e50-b749-4ea8-a198-e24f52b7dc92"),
    ("/matrix-users/contractors", "4ccbc0d8-26ce-4bda-9460-fccd24c2ea90"),
    ("/staff", "fe3c0fd3-332a-460a-b90b-efb8068dcce6"),
    ("/staff/matrix-users", "b7cf884f-fbf3-4757-9db3-7f0f04aadc26"),
];
const PEOPLE: [(&str, &str, &str); 8] = [
    ("alice", "fa4918d5-ee08-4111-8360-0d859fef89ee", "/matrix-users"),
    ("bob", "9d2eb96a-2e13-4b1e-a7f2-de934857e0f0", "/matrix-users"),
    ("carol", "871d3423-e0da-4fe2-832a-e2ab09dbbc15", "/matrix-users"),
    ("erin", "37f14790-c75e-4413-b7bf-86fedb28ce85", "/matrix-users/contractors"),
    ("frank", "ac2547dd-7582-4079-9533-519fc8f20fcf", "/matrix-users"),
    ("grace", "9f9cb223-fb20-409b-825a-8dde20c72d37", "/matrix-users"),
    ("henry_k", "edb1f8ef-2142-4fcb-a391-4a71e70fe79c", "/matrix-users"),
    ("dave", "5a7b2c6e-93a1-4d0f-8a60-2f4f0c7f7f10", ""),
];

fn seed_people(realm: &mut Realm) {
    for (path, id) in GROUPS {
        realm.add_group_with_id(path, id);
    }
    for (name, id, group) in PEOPLE {
        realm.set_user_id(name, id);
        realm.join(name, group);
    }
    if let Some(henry) = realm.user_mut("henry_k") {
        henry.first_name = Some("Henry_K".to_owned());
    }
    realm.set_enabled("frank", false);
}

/// The eight changes that the recorded admin events tell of, oldest first.
fn change_what_the_events_tell(realm: &mut Realm) {
    realm.event_time = Some(1_795_429_749_400);
    realm.leave("grace", "/matrix-users");
    realm.join("grace", "/matrix-users");
    realm.set_enabled("grace", false);
    realm.set_enabled("grace", true);
    realm.add_user("temp1");
    realm.delete_user("temp1");
    realm.add_group("/temp-group");
    realm.delete_group("/temp-group");
}

async fn recorded_keycloak() -> RunningWorld {
    let names = PEOPLE.map(|(name, _, _)| name);
    let world = names.iter().fold(World::new("corp.test"), |world, name| world.user(name));
    let world = world.service_roles(&["view-users"]).start().await.expect("the world starts");
    {
        let mut state = world.keycloak.state();
        let realm = state.realm("corp");
        realm.silently(seed_people);
        change_what_the_events_tell(realm);
        let clients: [(&str, &str, Option<&[&str]>); 4] = [
            ("mas", "massecret", None),
            ("no-role", "secret", Some(&[])),
            ("query", "secret", Some(&["query-users", "query-groups"])),
            ("events", "secret", Some(&["view-users", "view-events"])),
        ];
        for (id, secret, roles) in clients {
            let client = Client { secret: Some(secret.into()), service_account: roles.map(Roles::of) };
            realm.clients.insert(id.to_owned(), client);
        }
    }
    world
}

async fn keycloak_token(world: &RunningWorld, client: &str, secret: &str) -> String {
    let url = format!("{}/realms/corp/protocol/openid-connect/token", world.keycloak.url());
    let answer: Value = reqwest::Client::new()
        .post(url)
        .basic_auth(client, Some(secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials")
        .send()
        .await
        .expect("Keycloak answers")
        .json()
        .await
        .expect("a token");
    answer["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn keycloak_answers_as_recorded() {
    let world = recorded_keycloak().await;
    let mut found = Vec::new();
    for exchange in recording("keycloak.json") {
        let (client, secret) = match exchange["name"].as_str().unwrap_or_default() {
            "service account with no role" => ("no-role", "secret"),
            "service account with query-users + query-groups" => ("query", "secret"),
            "admin events without view-events" => ("matrix-sync", "syncsecret"),
            name if name.starts_with("admin events") => ("events", "secret"),
            _ => ("matrix-sync", "syncsecret"),
        };
        let token = keycloak_token(&world, client, secret).await;
        found.extend(replay(&world.keycloak.url(), &exchange, &token).await);
    }
    nothing(&found);
}

async fn recorded_synapse() -> RunningWorld {
    let world = World::new("test.local")
        .account("alice")
        .account("bob")
        .account("carol")
        .account("dave")
        .account("ivan")
        .locked_account("judy")
        .disabled_account("ken")
        .erased_account("lena")
        .bridge_account("telegram_42", "telegram")
        .bot_account("helper")
        .start()
        .await
        .expect("the world starts");
    {
        let mut state = world.synapse.state();
        for (localpart, displayname) in
            [("alice", Some("alice")), ("bob", Some("bob")), ("carol", Some("carol")), ("dave", None)]
        {
            let account = state.account_mut(localpart).expect("seeded above");
            account.displayname = displayname.map(str::to_owned);
        }
        for localpart in ["ivan", "judy"] {
            let emails = [(format!("{localpart}@corp.test"), 1_795_429_781_323)];
            state.account_mut(localpart).expect("seeded above").emails = emails.into();
        }
    }
    world
}

#[tokio::test]
async fn synapse_answers_as_recorded() {
    let world = recorded_synapse().await;
    let mut found = Vec::new();
    let ordinary = world.login("alice").expect("alice can log in");
    for exchange in recording("synapse.json") {
        let token = match exchange["name"].as_str() {
            Some("users with a token that is not admin") => ordinary.as_str(),
            _ => world.admin_token(),
        };
        found.extend(replay(&world.synapse.url(), &exchange, token).await);
    }
    nothing(&found);
}

async fn recorded_mas() -> RunningWorld {
    let delay = Duration::from_millis(200);
    let world = World::new("test.local").account("mona").job_delay(delay).start().await.expect("the world starts");
    world.mas.state().set_user_id("mona", "01M83ZBQ4SSD5E24ESBVV4PKDK");
    let config = fs::read_to_string(world.mas_cli_config()).expect("the world wrote it");
    let password = Regex::new("mas:[^@]+@").expect("a pattern");
    let address = Regex::new("@[^/]+/").expect("a pattern");
    let unused = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
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
        user.emails = emails.then(|| "mona@corp.test".to_owned()).into_iter().collect();
    }
    let mut synapse = world.synapse.state();
    let account = synapse.account_mut("mona").expect("seeded");
    account.locked = flag("synapse", "locked");
    account.deactivated = flag("synapse", "deactivated");
    account.erased = flag("synapse", "erased");
    account.emails = emails.then(|| ("mona@corp.test".to_owned(), 0)).into_iter().collect();
}

fn state_of_mona(world: &RunningWorld) -> Value {
    let state = world.state_of("mona");
    let (mas, seen) = (state.mas.expect("seeded"), state.synapse.expect("seeded"));
    let synapse = world.synapse.state();
    let account = synapse.account("mona").expect("seeded");
    json!({
        "mas": {"locked": mas.locked, "deactivated": mas.deactivated},
        "synapse": {
            "deactivated": seen.deactivated, "locked": seen.locked, "erased": seen.erased,
            "displayname": account.displayname, "emails": account.emails.len(),
        },
    })
}

#[tokio::test]
async fn mas_cli_does_and_says_what_was_recorded() {
    let world = recorded_mas().await;
    let time = Regex::new(r"\d{4}-\d\d-\d\dT[\d:.]+Z").expect("a pattern");
    let plain = |text: &str| time.replace_all(text, "TIME").into_owned();
    let mut found = Vec::new();
    for call in recording("mas-cli.json") {
        let name = call["name"].as_str().unwrap_or_default();
        if call["before"].is_object() {
            put_back(&world, &call["before"]);
        }
        if name == "kill-sessions --dry-run" {
            for _ in 0..2 {
                world.login("mona").expect("mona can log in");
            }
        }
        let arguments = call["argv"].as_array().expect("recorded arguments").iter().skip(1);
        let arguments = arguments.map(|part| {
            let part = part.as_str().unwrap_or_default();
            let file = std::path::Path::new(part).extension().is_some_and(|kind| kind == "yaml");
            if file { world.directory().join(part).into() } else { OsString::from(part) }
        });
        let came = mas_cli::execute(arguments.collect(), Some(world.mas_cli_config().into())).await;
        let said = json!({"exit": came.exit, "stdout": came.stdout, "stderr": plain(&came.stderr)});
        let recorded = json!({
            "exit": call["exit"], "stdout": call["stdout"],
            "stderr": plain(call["stderr"].as_str().unwrap_or_default()),
        });
        differences(name, "", &recorded, &said, &mut found);
        if call["before"].is_object() {
            differences(&format!("{name}, just after"), "", &call["just_after"], &state_of_mona(&world), &mut found);
        }
        assert!(world.settle().await, "{name}: jobs are left");
        if call["before"].is_object() {
            differences(&format!("{name}, settled"), "", &call["settled"], &state_of_mona(&world), &mut found);
        }
    }
    nothing(&found);
}

#[tokio::test]
async fn the_environment_of_a_world_names_what_the_product_needs() {
    let world = World::new("example.org").group("/staff/matrix-users").start().await.expect("the world starts");
    let names = |auth| world.env(auth).into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
    let nine = [
        "KC_URL",
        "KC_REALM",
        "KC_GROUP_NAME",
        "KC_CLIENT_ID",
        "KC_ADMIN_USER",
        "KC_ADMIN_PASS",
        "MATRIX_URL",
        "MATRIX_ADMIN_TOKEN",
        "MATRIX_SERVER_NAME",
        "MAS_CONFIG",
    ];
    assert_eq!(names(Auth::Password), nine.map(str::to_owned).into());
    assert!(names(Auth::ClientCredentials).contains("KC_CLIENT_SECRET"));
}
