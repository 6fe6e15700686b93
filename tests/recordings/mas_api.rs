//! MAS's stand-in against `mas-admin-api.json` and `mas-lifecycle.json`: discovery, token endpoint
//! and Admin API.

use matrix_keycloak_sync::standins::mas::{ClientAuth, Link, MasSession, Provider, SessionKind};
use matrix_keycloak_sync::standins::{RunningWorld, World};
use serde_json::Value;

use crate::compare::{Created, Target, nothing, recording, replay, replay_after};

const IVAN: &str = "01M83Z8KS5NCTZJQTCBGJ1PYKN";
/// Name, ULID and creation time of the recorded users.
const USERS: [(&str, &str, &str); 11] = [
    ("alice", "01M83YANYY5YJY3H229HTBKSCM", "2026-11-23T10:13:20.478547Z"),
    ("bob", "01M83YAP60QYFPQF84NQNFWVY3", "2026-11-23T10:13:20.704299Z"),
    ("carol", "01M83YAPC0KTX20V4KB42D90SA", "2026-11-23T10:13:20.896563Z"),
    ("dave", "01M83YAPJNQ8WHRSVB8F2CP9D2", "2026-11-23T10:13:21.109056Z"),
    ("erin", "01M83YAPS00000000000000000", "2026-11-23T10:13:21.312000Z"),
    ("frank", "01M83YAQ000000000000000000", "2026-11-23T10:13:21.536000Z"),
    ("grace", "01M83YAQ700000000000000000", "2026-11-23T10:13:21.760000Z"),
    ("ivan", IVAN, "2026-11-23T10:29:41.285214Z"),
    ("judy", "01M83Z8KVYEYYVQ137ESQ454G0", "2026-11-23T10:29:41.374192Z"),
    ("ken", "01M83Z8KYGSJZ1AV7MRJ4F2ZKJ", "2026-11-23T10:29:41.456302Z"),
    ("matrix-sync-bot", "01M83Z8M000000000000000000", "2026-11-23T10:29:41.504000Z"),
];
const PROVIDER: &str = "01H8PKNWKKRPCBW4YGH1RWV279";
/// ULID, creation time and subject of the two recorded links; five more were only counted.
const LINKS: [(&str, &str, &str); 2] = [
    (
        "01M83YANZ40Z5J05VK6RKWJJGF",
        "2026-11-23T10:13:20.484088Z",
        "fa4918d5-ee08-4111-8360-0d859fef89ee",
    ),
    (
        "01M83YAP62EPJ0Y96S9SHM8XNG",
        "2026-11-23T10:13:20.706480Z",
        "9d2eb96a-2e13-4b1e-a7f2-de934857e0f0",
    ),
];
/// ULID, time of opening and device of ivan's sessions.
const SESSIONS: [(&str, &str, &str); 2] = [
    ("01M83ZABP1W0B2N710ZWQ1KA5W", "2026-11-23T10:30:38.529165Z", "4zfUWmYgdl"),
    ("01M83ZABRQY9RXQXT7VA44K2R4", "2026-11-23T10:30:38.615728Z", "aKipdghgYO"),
];

async fn recorded_mas() -> RunningWorld {
    let names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "ivan"];
    let world = names.iter().fold(World::new("corp.test"), |world, name| world.account(name));
    let world = world
        .locked_account("judy")
        .disabled_account("ken")
        .start()
        .await
        .expect("the world starts");
    {
        let mut state = world.mas.state();
        state.add_client("not-listed", "secret", ClientAuth::Basic);
        for (name, id, created) in USERS {
            state.set_user_id(name, id);
            created.clone_into(&mut state.user_mut(name).expect("seeded above").created_at);
        }
        let mut provider =
            Provider::new(PROVIDER, &format!("{}/realms/corp", world.keycloak.url()));
        "2026-11-23T10:12:59.440759Z".clone_into(&mut provider.created_at);
        state.add_provider(provider);
        for (number, (_, user, _)) in USERS.iter().take(7).enumerate() {
            let mut link = Link::new(PROVIDER, &format!("subject {number}"), user);
            if let Some((id, created, subject)) = LINKS.get(number) {
                (link.id, link.created_at) = ((*id).to_owned(), (*created).to_owned());
                (*subject).clone_into(&mut link.subject);
            }
            state.add_link(link);
        }
    }
    world
}

/// Opened late, because a deactivation recorded before ends all sessions.
fn open_sessions(world: &RunningWorld) {
    for (id, created, device) in SESSIONS {
        let mut session = MasSession::new(SessionKind::Compat, IVAN);
        (session.id, session.created_at) = (id.to_owned(), created.to_owned());
        session.device_id = Some(device.to_owned());
        world.mas.state().put_session(session);
    }
}

/// Requests a token for the client with this scope.
pub(crate) async fn token(world: &RunningWorld, scope: &str) -> String {
    let answer: Value = reqwest::Client::new()
        .post(format!("{}/oauth2/token", world.mas.url()))
        .basic_auth(world.mas_client_id(), Some(world.mas_client_secret()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("grant_type=client_credentials{scope}"))
        .send()
        .await
        .expect("MAS answers")
        .json()
        .await
        .expect("a token");
    answer["access_token"]
        .as_str()
        .filter(|token| token.starts_with("mat_"))
        .expect("a token")
        .to_owned()
}

#[tokio::test]
async fn mas_answers_as_recorded() {
    let world = recorded_mas().await;
    let hosts =
        [(world.mas.url(), "http://mas.test"), (world.keycloak.url(), "http://keycloak.test")];
    let client = format!("{}:{}", world.mas_client_id(), world.mas_client_secret());
    let (admin, plain) = (token(&world, "&scope=urn:mas:admin").await, token(&world, "").await);
    let mut found = Vec::new();
    for exchange in recording("mas-admin-api.json") {
        let credentials = match exchange["name"].as_str().unwrap_or_default() {
            "token: wrong secret" => "01J44QC8BCY7FCFM7WGHQGKMTJ:wrong",
            "token: client not listed in policy.data.admin_clients" => "not-listed:secret",
            name if name.starts_with("token: ") => &client,
            "token without the urn:mas:admin scope" => &plain,
            "active compat sessions of a user" => {
                open_sessions(&world);
                &admin
            }
            _ => &admin,
        };
        let path = exchange["request"]["path"].as_str().unwrap_or_default();
        let base =
            if path.starts_with("/api/admin/") { world.mas_admin_url() } else { world.mas.url() };
        found.extend(replay(&Target { base: &base, credentials, hosts: &hosts }, &exchange).await);
        // The recorded server had time for its jobs between two requests.
        assert!(world.settle().await, "{path}: jobs are left");
    }
    nothing(&found);
}

#[tokio::test]
async fn mas_takes_an_account_through_its_life_as_recorded() {
    let world = World::new("test.local").start().await.expect("the world starts");
    let token = token(&world, "&scope=urn:mas:admin").await;
    let target = Target { base: &world.mas_admin_url(), credentials: &token, hosts: &[] };
    let (mut created, mut found) = (Created::default(), Vec::new());
    for exchange in recording("mas-lifecycle.json") {
        found.extend(replay_after(&mut created, &target, &exchange).await);
        assert!(world.settle().await, "{}: jobs are left", exchange["name"]);
    }
    nothing(&found);
}
