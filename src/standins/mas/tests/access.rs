//! Tests who may use the Admin API, on which listener, and for how long.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{PERSONAL, TestApi, ask_for_scope, ask_for_token, sent};
use crate::standins::mas::{AdminApi, ClientAuth, SessionKind};
use crate::standins::{World, mas_cli, runtime};

#[tokio::test]
async fn a_client_gets_in_the_way_it_is_registered_and_no_other() {
    for (auth, other) in
        [(ClientAuth::Basic, ClientAuth::Post), (ClientAuth::Post, ClientAuth::Basic)]
    {
        let world = World::new("example.org")
            .mas_api_client("somebody", "else's")
            .mas_api_client_auth(auth);
        let world = world.start().await.expect("the world starts");
        assert_eq!(sent(ask_for_token(&world, auth)).await.0, StatusCode::OK);
        assert_eq!(sent(ask_for_token(&world, other)).await.0, StatusCode::UNAUTHORIZED);
    }
    let forgotten = World::new("example.org")
        .mas_api_client_not_admin()
        .start()
        .await
        .expect("the world starts");
    let (status, body) = sent(ask_for_token(&forgotten, ClientAuth::Basic)).await;
    assert_eq!((status, body["error"].as_str()), (StatusCode::FORBIDDEN, Some("invalid_scope")));
}

#[tokio::test]
async fn discovery_says_what_the_settings_say_by_then() {
    let world = World::new("example.org").start().await.expect("the world starts");
    let discovery = async || {
        let url = format!("{}/.well-known/openid-configuration", world.mas.url());
        sent(runtime::client().get(url)).await.1
    };
    let before = discovery().await;
    assert_eq!(before["token_endpoint"], format!("{}oauth2/token", world.mas_issuer()));
    {
        let settings = &mut world.mas.state().settings;
        "https://auth.example.org/".clone_into(&mut settings.issuer);
        settings.token_endpoint_auth_methods = vec!["private_key_jwt".to_owned()];
    }
    let after = discovery().await;
    assert_eq!(after["issuer"], "https://auth.example.org/");
    assert_eq!(after["token_endpoint"], "https://auth.example.org/oauth2/token");
    assert_eq!(after["token_endpoint_auth_methods_supported"], json!(["private_key_jwt"]));
    world.mas.state().settings.token_endpoint =
        Some("https://elsewhere.example.org/token".to_owned());
    assert_eq!(discovery().await["token_endpoint"], "https://elsewhere.example.org/token");
}

#[tokio::test]
async fn every_client_gets_the_scope_of_the_graphql_api_and_none_that_needs_a_user() {
    let mut api = TestApi::start(World::new("example.org")).await;
    api.world.mas.state().settings.admin_clients.clear();
    let ask = async |scope: &str| sent(ask_for_scope(&api.world, ClientAuth::Basic, scope)).await;
    for scope in [
        "urn:mas:admin",
        "urn:synapse:admin:*",
        "urn:matrix:client:api:*",
        "urn:mas:graphql:*+urn:mas:admin",
    ] {
        let (status, body) = ask(scope).await;
        assert_eq!(
            (status, body["error"].as_str()),
            (StatusCode::FORBIDDEN, Some("invalid_scope")),
            "{scope}"
        );
    }
    let (status, body) = ask("urn:mas:graphql:*").await;
    assert_eq!((status, body["scope"].as_str()), (StatusCode::OK, Some("urn:mas:graphql:*")));
    api.token = body["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(api.get("version").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_client_shows_what_the_configuration_file_makes_of_it() {
    let api = TestApi::start(World::new("example.org")).await;
    let path = format!("oauth2-clients/{}", api.world.mas_client_id());
    let back = "https://app.example.org/back";
    let client = api.world.mas_client_id().to_owned();
    api.world
        .mas
        .state()
        .client_mut(&client)
        .expect("the world's client")
        .redirect_uris
        .push(back.to_owned());
    let (status, body) = api.get(&path).await;
    assert_eq!((status, body["data"]["id"].as_str()), (StatusCode::OK, Some(client.as_str())));
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let expected = json!({
        "client_id": client, "client_name": null, "client_uri": null, "logo_uri": null, "redirect_uris": [back],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials", device], "is_static": true,
    });
    assert_eq!(body["data"]["attributes"], expected);
    let (status, body) = api.get("oauth2-clients/01H8PKNWKKRPCBW4YGH1RWV279").await;
    let title = "OAuth 2.0 client ID 01H8PKNWKKRPCBW4YGH1RWV279 not found";
    assert_eq!((status, body), (StatusCode::NOT_FOUND, json!({"errors": [{"title": title}]})));
}

#[tokio::test]
async fn a_token_lives_as_long_as_it_says() {
    let lifetime = Duration::from_millis(200);
    let api = TestApi::start(World::new("example.org").mas_api_token_lifetime(lifetime)).await;
    assert_eq!(api.get("version").await, (StatusCode::OK, json!({"version": "v1.22.0"})));
    tokio::time::sleep(lifetime).await;
    assert_eq!(api.get("version").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_listener_without_the_api_answers_with_a_web_page() {
    let api = TestApi::start(World::new("example.org")).await;
    let public = || {
        let url = format!("{}/api/admin/v1/version", api.world.mas.url());
        runtime::client().get(url).bearer_auth(&api.token).send()
    };
    let answer = public().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert!(answer.text().await.expect("text").starts_with("<!doctype html>"));
    for (served, inside, outside) in [
        (AdminApi::Both, StatusCode::OK, StatusCode::OK),
        (AdminApi::Nowhere, StatusCode::NOT_FOUND, StatusCode::NOT_FOUND),
    ] {
        api.world.mas.state().settings.admin_api = served;
        assert_eq!(api.get("version").await.0, inside);
        assert_eq!(public().await.expect("an answer").status(), outside);
    }
    api.world.mas.state().settings.admin_api = AdminApi::Public;
    assert_eq!(api.world.mas_admin_url(), api.world.mas.url());
    assert_eq!(api.get("version").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_personal_token_opens_both_servers_until_its_actor_is_deactivated() {
    let world =
        World::new("example.org").account("ann").account("bot").introspection_cache(Duration::ZERO);
    let mut api = TestApi::start(world).await;
    let body = json!({"actor_user_id": api.id("bot"), "human_name": "sync", "scope": PERSONAL});
    let (status, made) = sent(api.request(Method::POST, "personal-sessions").json(&body)).await;
    assert_eq!(status, StatusCode::CREATED);
    let made = &made["data"]["attributes"];
    assert_eq!(made["owner_client_id"], json!(api.world.mas_client_id()));
    api.token = made["access_token"]
        .as_str()
        .filter(|token| token.starts_with("mpt_"))
        .expect("a token")
        .to_owned();
    let users = format!("{}/_synapse/admin/v3/users?guests=false", api.world.synapse.url());
    let synapse = |token: &str| sent(runtime::client().get(&users).bearer_auth(token));
    assert_eq!(synapse(&api.token).await.0, StatusCode::OK);
    assert_eq!(api.get("users").await.0, StatusCode::OK);

    let kill = ["manage", "kill-sessions", "bot"].map(Into::into).to_vec();
    assert_eq!(mas_cli::execute(kill, Some(api.world.mas_cli_config().into())).await.exit, 0);
    assert_eq!(api.get("users").await.0, StatusCode::OK);
    let path = format!("users/{}/deactivate", api.id("bot"));
    assert_eq!(
        sent(api.request(Method::POST, &path).json(&json!({"skip_erase": true}))).await.0,
        StatusCode::OK
    );
    assert_eq!(api.get("users").await.0, StatusCode::UNAUTHORIZED);
    assert!(api.world.settle().await);
    assert_eq!(synapse(&api.token).await.0, StatusCode::UNAUTHORIZED);
    assert!(api.world.sessions_of("bot", SessionKind::Personal).is_empty());

    // A token of mas-cli opens Synapse only.
    api.token = api.world.admin_token().to_owned();
    assert_eq!(synapse(&api.token).await.0, StatusCode::OK);
    assert_eq!(api.get("users").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_personal_session_is_revoked_once() {
    let mut api = TestApi::start(World::new("example.org").account("ann")).await;
    let revoker = api.token.clone();
    api.token = api.world.personal_token("ann", PERSONAL).expect("a token");
    assert_eq!(api.get("version").await.0, StatusCode::OK);
    let id = api.world.sessions_of("ann", SessionKind::Personal).remove(0).id;
    let used = std::mem::replace(&mut api.token, revoker);
    let path = format!("personal-sessions/{id}/revoke");
    assert_eq!(api.post(&path).await.0, StatusCode::OK);
    assert_eq!(api.post(&path).await.0, StatusCode::CONFLICT);
    api.token = used;
    assert_eq!(api.get("version").await.0, StatusCode::UNAUTHORIZED);
}
