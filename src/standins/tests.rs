//! Tests what the recordings cannot show: time, failures, and one server changing another.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::mas_cli::{self, Output};
use super::world::{MasUserState, ServerStates, SynapseAccountState};
use super::{Auth, Fault, RunningWorld, World, runtime};

async fn started(world: World) -> RunningWorld {
    world.start().await.expect("the world starts")
}

async fn mas_cli(world: &RunningWorld, arguments: &[&str]) -> Output {
    let arguments = arguments.iter().map(Into::into).collect();
    mas_cli::execute(arguments, Some(world.mas_cli_config().into())).await
}

async fn token(world: &RunningWorld) -> String {
    let url = format!("{}/realms/corp/protocol/openid-connect/token", world.keycloak.url());
    let form = "grant_type=client_credentials&client_id=matrix-sync&client_secret=syncsecret";
    let request = runtime::client()
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    answer["access_token"].as_str().expect("a token").to_owned()
}

async fn get(url: &str, token: &str) -> reqwest::Result<reqwest::Response> {
    runtime::client().get(url).bearer_auth(token).timeout(Duration::from_secs(30)).send().await
}

fn members_url(world: &RunningWorld, query: &str) -> String {
    let id = world
        .keycloak
        .state()
        .realm("corp")
        .group_by_path("/matrix-users")
        .expect("seeded")
        .id
        .clone();
    format!("{}/admin/realms/corp/groups/{id}/members?{query}", world.keycloak.url())
}

async fn names(url: &str, token: &str) -> Vec<String> {
    let rows: Vec<Value> = get(url, token).await.expect("an answer").json().await.expect("JSON");
    rows.iter().map(|row| row["username"].as_str().unwrap_or_default().to_owned()).collect()
}

fn four() -> World {
    World::new("example.org").group("/matrix-users").members(4, "u")
}

#[tokio::test]
async fn a_member_removed_between_two_pages_hides_another_one() {
    let world = started(four()).await;
    let token = token(&world).await;
    let state = world.keycloak.shared();
    world.keycloak.faults().on("/members").times(1).after(move |_| {
        state.lock().realm("corp").leave("u00000", "/matrix-users");
    });
    assert_eq!(names(&members_url(&world, "first=0&max=2"), &token).await, ["u00000", "u00001"]);
    assert_eq!(names(&members_url(&world, "first=2&max=2"), &token).await, ["u00003"]);
}

#[tokio::test]
async fn members_come_by_the_hundred_unless_all_are_asked_for() {
    let world = started(World::new("example.org").group("/matrix-users").members(250, "u")).await;
    let token = token(&world).await;
    assert_eq!(names(&members_url(&world, ""), &token).await.len(), 100);
    assert_eq!(names(&members_url(&world, "max=-1"), &token).await.len(), 250);
}

#[tokio::test]
async fn a_token_expires() {
    let lifetime = Duration::from_millis(150);
    let world = started(four().token_lifetimes(lifetime, lifetime)).await;
    let token = token(&world).await;
    let url = members_url(&world, "");
    assert_eq!(get(&url, &token).await.expect("an answer").status(), 200);
    tokio::time::sleep(lifetime).await;
    assert_eq!(get(&url, &token).await.expect("an answer").status(), 401);
}

#[tokio::test]
async fn a_realm_says_where_its_tokens_come_from() {
    let world = started(four()).await;
    let at = |realm: &str| {
        format!("{}/realms/{realm}/.well-known/openid-configuration", world.keycloak.url())
    };
    let discovery = async || -> Value {
        get(&at("corp"), "").await.expect("an answer").json().await.expect("JSON")
    };
    let issuer = format!("{}/realms/corp", world.keycloak.url());
    assert_eq!(discovery().await["issuer"], issuer);
    assert_eq!(
        discovery().await["token_endpoint"],
        format!("{issuer}/protocol/openid-connect/token")
    );
    assert_eq!(get(&at("nowhere"), "").await.expect("an answer").status(), 404);
    "https://id.example.org".clone_into(&mut world.keycloak.state().url);
    assert_eq!(discovery().await["issuer"], "https://id.example.org/realms/corp");
}

#[tokio::test]
async fn an_old_keycloak_puts_subgroups_inside_and_has_no_children() {
    let world = started(four().group("/matrix-users/contractors").old_keycloak()).await;
    let token = token(&world).await;
    let at = |path: &str| format!("{}/admin/realms/corp/{path}", world.keycloak.url());
    let group: Value = get(&at("group-by-path/matrix-users"), &token)
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(group["subGroups"][0]["name"], "contractors");
    assert!(group.get("access").is_none() && group.get("subGroupCount").is_none());
    let id = group["id"].as_str().expect("an ID");
    assert_eq!(
        get(&at(&format!("groups/{id}/children")), &token).await.expect("an answer").status(),
        405
    );
}

#[tokio::test]
async fn every_fault_does_what_it_says() {
    let world = started(four()).await;
    let token = token(&world).await;
    let url = members_url(&world, "first=2&max=2");
    let faults = world.keycloak.faults();
    let once = |fault| faults.on("/members").times(1).answer(fault);

    once(Fault::Status(503, "busy".to_owned()));
    assert_eq!(get(&url, &token).await.expect("an answer").status(), 503);
    once(Fault::TooManyRequests { retry_after_secs: 7 });
    assert_eq!(get(&url, &token).await.expect("an answer").headers()["retry-after"], "7");
    once(Fault::Html);
    assert!(
        get(&url, &token)
            .await
            .expect("an answer")
            .text()
            .await
            .expect("text")
            .starts_with("<!doctype")
    );
    once(Fault::EmptyList);
    assert!(names(&url, &token).await.is_empty());
    once(Fault::RepeatPage);
    assert_eq!(names(&url, &token).await, ["u00000", "u00001"]);
    once(Fault::Reset);
    assert!(get(&url, &token).await.is_err());
    once(Fault::CutBody);
    let cut = get(&url, &token).await.expect("status and headers arrive");
    assert!(cut.content_length() > Some(200));
    assert!(cut.bytes().await.is_err());
    once(Fault::Hang);
    let hung = tokio::time::timeout(Duration::from_millis(200), get(&url, &token)).await;
    assert!(hung.is_err());
    assert_eq!(names(&url, &token).await, ["u00002", "u00003"]);
    assert_eq!(world.keycloak.requests().count("/members"), 9);
}

#[tokio::test]
async fn a_rule_lets_the_first_ones_pass() {
    let world = started(four()).await;
    let token = token(&world).await;
    world
        .keycloak
        .faults()
        .on("/members")
        .skip(1)
        .times(1)
        .answer(Fault::Status(500, String::new()));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(
            get(&members_url(&world, ""), &token).await.expect("an answer").status().as_u16(),
        );
    }
    assert_eq!(statuses, [200, 500, 200]);
}

#[tokio::test]
async fn disabling_ends_in_both_servers_and_activating_takes_two_calls() {
    let world = started(World::new("example.org").account("dave")).await;
    world.login("dave").expect("dave can log in");
    assert_eq!(
        mas_cli(&world, &["manage", "lock-user", "--deactivate", "--", "dave"]).await.exit,
        0
    );
    assert!(world.settle().await);
    let disabled = ServerStates {
        mas: Some(MasUserState { locked: true, deactivated: true, sessions: 0 }),
        synapse: Some(SynapseAccountState { deactivated: true, locked: true, erased: false }),
    };
    assert_eq!(world.state_of("dave"), disabled);
    mas_cli(&world, &["manage", "unlock-user", "--reactivate", "dave"]).await;
    assert!(world.settle().await);
    assert_eq!(
        world.state_of("dave").synapse.map(|seen| (seen.deactivated, seen.locked)),
        Some((false, true))
    );
    mas_cli(&world, &["manage", "unlock-user", "dave"]).await;
    assert!(world.settle().await);
    assert_eq!(
        world.state_of("dave").synapse.map(|seen| (seen.deactivated, seen.locked)),
        Some((false, false))
    );
}

#[tokio::test]
async fn an_open_session_outlives_the_lock_but_not_kill_sessions() {
    let world = started(World::new("example.org").account("judy")).await;
    let token = world.login("judy").expect("judy can log in");
    assert_eq!(world.whoami(&token).await.expect("an answer"), 200);
    mas_cli(&world, &["manage", "lock-user", "judy"]).await;
    assert!(world.settle().await);
    assert_eq!(world.whoami(&token).await.expect("an answer"), 200);
    mas_cli(&world, &["manage", "kill-sessions", "judy"]).await;
    assert!(world.settle().await);
    assert_eq!(world.whoami(&token).await.expect("an answer"), 401);
}

#[tokio::test]
async fn synapse_needs_mas_for_a_token_that_it_does_not_remember() {
    let world = started(World::new("example.org").account("judy")).await;
    let known = world.login("judy").expect("judy can log in");
    assert_eq!(world.whoami(&known).await.expect("an answer"), 200);
    let new = world.login("judy").expect("judy can log in");
    world.mas.stop().await;
    assert_eq!(world.whoami(&known).await.expect("an answer"), 200);
    assert_eq!(world.whoami(&new).await.expect("an answer"), 503);
    world.mas.restart().expect("the port is still free");
    assert_eq!(world.whoami(&new).await.expect("an answer"), 200);
}

#[tokio::test]
async fn a_job_waits_for_a_homeserver_that_is_down() {
    let world = started(World::new("example.org").account("dave").job_delay(Duration::ZERO)).await;
    world.synapse.server().stop().await;
    mas_cli(&world, &["manage", "lock-user", "dave"]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.synapse.server().restart().expect("the port is still free");
    assert!(world.settle().await);
    assert_eq!(world.state_of("dave").synapse.map(|seen| seen.locked), Some(true));
}

#[tokio::test]
async fn a_registered_user_gets_a_token_that_works_at_once() {
    let world = started(World::new("example.org").job_delay(Duration::ZERO)).await;
    let registered =
        mas_cli(&world, &["manage", "register-user", "--yes", "new", "-p", "secret"]).await;
    assert!(registered.stderr.contains("User registered"), "{}", registered.stderr);
    assert!(world.settle().await);
    let admin = "--yes-i-want-to-grant-synapse-admin-privileges";
    let issued = mas_cli(&world, &["manage", "issue-compatibility-token", "new", admin]).await;
    let (_, rest) = issued.stderr.split_once("Compatibility token issued: ").expect("a token");
    let token = rest.split(' ').next().expect("a token");
    assert_eq!(world.whoami(token).await.expect("an answer"), 200);
    let list = format!("{}/_synapse/admin/v3/users?guests=false", world.synapse.url());
    assert_eq!(get(&list, token).await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn newest_accounts_come_first_and_those_of_one_second_by_name() {
    let world = started(World::new("example.org")).await;
    for (name, millis) in [("bea", 5900), ("ada", 5100), ("old", 4999), ("new", 6000)] {
        world.synapse.state().add_account(name).created = 4_000_000_000_000 + millis;
    }
    let users = format!("{}/_synapse/admin/v3/users?guests=false&locked=true", world.synapse.url());
    let list = format!("{users}&order_by=creation_ts&dir=b&from=0&limit=4");
    let answer: Value =
        get(&list, world.admin_token()).await.expect("an answer").json().await.expect("JSON");
    let rows = answer["users"].as_array().expect("a list").iter();
    let rows: Vec<_> =
        rows.map(|row| (row["name"].as_str(), row["creation_ts"].as_u64())).collect();
    let row = |name, second: u64| (Some(name), Some(4_000_000_000_000 + second * 1000));
    assert_eq!(
        rows,
        [
            row("@new:example.org", 6),
            row("@ada:example.org", 5),
            row("@bea:example.org", 5),
            row("@old:example.org", 4)
        ]
    );
}

#[tokio::test]
async fn ten_thousand_members_are_served_in_pages_each_once() {
    let world =
        World::new("example.org").group("/matrix-users").members(10_000, "u").accounts(10_000, "u");
    let world = started(world).await;
    let token = token(&world).await;
    let mut seen = BTreeSet::new();
    for page in 0..10 {
        seen.extend(
            names(&members_url(&world, &format!("first={}&max=1000", page * 1000)), &token).await,
        );
    }
    assert_eq!(seen.len(), 10_000);
    assert_eq!(world.env(Auth::Password).len(), 10);
}
