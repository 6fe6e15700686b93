//! Tests rooms and messages, and what the end of a session does to a device.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::standins::mas::SessionKind;
use crate::standins::{NewAccount, RunningWorld, World, mas_cli, runtime};

async fn started(world: World) -> RunningWorld {
    world.start().await.expect("the world starts")
}

fn request(world: &RunningWorld, token: &str, method: Method, path: &str) -> RequestBuilder {
    let url = format!("{}{path}", world.synapse.url());
    runtime::client().request(method, url).bearer_auth(token)
}

async fn sent(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    (status, answer.json().await.expect("JSON"))
}

async fn get(world: &RunningWorld, path: &str) -> (StatusCode, Value) {
    sent(request(world, world.admin_token(), Method::GET, path)).await
}

async fn manage(world: &RunningWorld, arguments: &[&str]) {
    let arguments = std::iter::once("manage").chain(arguments.iter().copied());
    let arguments = arguments.map(Into::into).collect();
    let output = mas_cli::execute(arguments, Some(world.mas_cli_config().into())).await;
    assert_eq!(output.exit, 0, "{}", output.stderr);
    assert!(world.settle().await);
}

#[tokio::test]
async fn rooms_of_an_account_have_names_until_it_is_deactivated() {
    let ann = NewAccount::new("ann").room("!ops:example.org", "Ops");
    let world = started(World::new("example.org").with_account(ann)).await;
    let rooms = "/_synapse/admin/v1/users/@ann:example.org/joined_rooms";
    let both = json!({"joined_rooms": ["!lobby:example.org", "!ops:example.org"], "total": 2});
    assert_eq!(get(&world, rooms).await, (StatusCode::OK, both));
    let (_, ops) = get(&world, "/_synapse/admin/v1/rooms/!ops:example.org").await;
    assert_eq!((&ops["name"], &ops["joined_members"]), (&json!("Ops"), &json!(1)));
    let (status, _) = get(&world, "/_synapse/admin/v1/rooms/!none:example.org").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    manage(&world, &["lock-user", "--deactivate", "ann"]).await;
    assert_eq!(get(&world, rooms).await.1, json!({"joined_rooms": [], "total": 0}));
}

#[tokio::test]
async fn transaction_of_another_sender_is_another_message() {
    let room = "!ops:example.org";
    let member = |name| NewAccount::new(name).room(room, "Ops");
    let world =
        started(World::new("example.org").with_account(member("ann")).with_account(member("bob")))
            .await;
    let send = async |name: &str, text: &str| {
        let token = world.login(name).expect("a login");
        let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/1");
        let body = json!({"msgtype": "m.notice", "body": text});
        sent(request(&world, &token, Method::PUT, &path).json(&body)).await.1
    };
    let first = send("ann", "one").await;
    assert_eq!(send("ann", "two").await, first);
    assert_ne!(send("bob", "three").await, first);
    let synapse = world.synapse.state();
    let messages = &synapse.room(room).expect("described").messages;
    let texts: Vec<_> = messages.iter().map(|message| message.content["body"].as_str()).collect();
    assert_eq!(texts, [Some("one"), Some("three")]);
}

#[tokio::test]
async fn suspension_keeps_sessions_and_devices_but_the_end_of_a_session_deletes_its_device() {
    let scope = "urn:matrix:client:api:* urn:matrix:client:device:PHONE";
    let ann = NewAccount::new("ann").session(SessionKind::OAuth2, scope);
    let world = started(World::new("example.org").with_account(ann)).await;
    let devices = "/_synapse/admin/v2/users/@ann:example.org/devices";
    let suspend = request(
        &world,
        world.admin_token(),
        Method::PUT,
        "/_synapse/admin/v1/suspend/@ann:example.org",
    );
    assert_eq!(sent(suspend.json(&json!({"suspend": true}))).await.0, StatusCode::OK);
    let (_, one) = get(&world, devices).await;
    assert_eq!((&one["total"], &one["devices"][0]["device_id"]), (&json!(1), &json!("PHONE")));
    manage(&world, &["kill-sessions", "ann"]).await;
    assert_eq!(get(&world, devices).await.1, json!({"devices": [], "total": 0}));
    assert!(world.synapse.state().account("ann").is_some_and(|account| account.suspended));
}
