//! Tests what an old MAS does differently, or not at all.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{TestApi, sent};
use crate::standins::{World, mas_cli};

/// Starts a MAS of this version with `ann`, active and logged in, and `dave`, locked and
/// deactivated.
async fn old(version: &str) -> TestApi {
    let world =
        World::new("example.org").account("ann").disabled_account("dave").mas_version(version);
    let api = TestApi::start(world).await;
    api.world.login_by_oauth2("ann").expect("a login");
    api
}

#[tokio::test]
async fn an_endpoint_is_not_there_before_the_version_that_brought_it() {
    for (before, since, method, path) in [
        ("v0.19.0", "v0.20.0", Method::POST, "users/ID/reactivate"),
        ("v1.2.0", "v1.3.0", Method::GET, "upstream-oauth-providers"),
        ("v1.3.0", "v1.4.0-rc.0", Method::GET, "version"),
        ("v1.3.0", "v1.4.0", Method::GET, "upstream-oauth-providers/01H8PKNWKKRPCBW4YGH1RWV279"),
        ("v1.4.0", "v1.5.0", Method::GET, "personal-sessions"),
        ("v1.19.0", "v1.20.0", Method::GET, "oauth2-clients/OWN"),
    ] {
        for (version, expected) in
            [(before, StatusCode::NOT_FOUND), (since, StatusCode::OK), ("dev", StatusCode::OK)]
        {
            let api = old(version).await;
            let path =
                path.replace("ID", &api.id("dave")).replace("OWN", api.world.mas_client_id());
            assert_eq!(
                sent(api.request(method.clone(), &path)).await.0,
                expected,
                "{version} {path}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_web_page_for_everyone() {
    let mut api = old("v1.3.0").await;
    api.token = "unknown".to_owned();
    for path in ["version", "compat-sessions/01H8PKNWKKRPCBW4YGH1RWV279/finish", "nothing"] {
        let answer = api.request(Method::POST, path).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert!(answer.text().await.expect("text").starts_with("<!doctype html>"), "{path}");
    }
}

#[tokio::test]
async fn sessions_do_not_end_one_by_one_before_1_4() {
    for (version, expected) in [("v1.3.0", StatusCode::NOT_FOUND), ("v1.4.0", StatusCode::OK)] {
        let api = old(version).await;
        for list in ["compat-sessions", "oauth2-sessions", "user-sessions"] {
            api.world.login("ann").expect("a login");
            let (_, open) = api.get(&format!("{list}?filter[user]={}", api.id("ann"))).await;
            let id = open["data"][0]["id"].as_str().expect("an open session");
            assert_eq!(
                api.post(&format!("{list}/{id}/finish")).await.0,
                expected,
                "{version} {list}"
            );
        }
    }
}

#[tokio::test]
async fn a_filter_that_an_old_mas_does_not_know_yet_is_ignored() {
    for (version, found, is_counted) in
        [("v1.2.0", 3, true), ("v1.3.0", 1, true), ("v1.4.0", 1, false)]
    {
        let (_, body) = old(version).await.get("users?count=false&filter[search]=dav").await;
        assert_eq!(body["data"].as_array().map(Vec::len), Some(found), "{version}");
        assert_eq!(body.get("meta").is_some(), is_counted, "{version}");
    }
}

#[tokio::test]
async fn rows_grew_with_time() {
    for (version, has_guests, has_cursor) in
        [("v1.2.0", false, false), ("v1.3.0", true, false), ("v1.4.0", true, true)]
    {
        let (_, body) = old(version).await.get("users").await;
        let row = &body["data"][0];
        assert!(row["attributes"]["username"].is_string());
        assert_eq!(row["attributes"].get("legacy_guest").is_some(), has_guests, "{version}");
        assert_eq!(row.get("meta").is_some(), has_cursor, "{version}");
    }
}

#[tokio::test]
async fn before_0_20_unlocking_reactivates_on_the_homeserver_and_deactivating_always_erases() {
    let api = old("v0.19.0").await;
    let (status, _) = api.post(&format!("users/{}/unlock", api.id("dave"))).await;
    assert_eq!(status, StatusCode::OK);
    assert!(!api.world.state_of("dave").synapse.expect("seeded").deactivated);
    assert!(!api.mas("dave").locked && api.mas("dave").deactivated);

    let ask = api.request(Method::POST, &format!("users/{}/deactivate", api.id("ann")));
    let (status, body) = sent(ask.json(&json!({"skip_erase": true}))).await;
    let at_once = &body["data"]["attributes"];
    assert_eq!((status, at_once["deactivated_at"].is_null()), (StatusCode::OK, true));
    assert!(at_once["locked_at"].is_string());
    assert!(api.world.settle().await);
    assert!(api.is_erased("ann") && api.mas("ann").deactivated);
}

#[tokio::test]
async fn before_1_14_a_lock_does_not_reach_the_homeserver() {
    for (version, reaches) in [("v1.13.0", false), ("v1.14.0", true)] {
        let api = old(version).await;
        assert_eq!(api.post(&format!("users/{}/lock", api.id("ann"))).await.0, StatusCode::OK);
        assert!(api.world.settle().await);
        assert!(api.mas("ann").locked);
        assert_eq!(api.world.state_of("ann").synapse.expect("seeded").locked, reaches, "{version}");

        let lock = ["manage", "unlock-user", "dave"].map(Into::into).to_vec();
        assert_eq!(mas_cli::execute(lock, Some(api.world.mas_cli_config().into())).await.exit, 0);
        let add = ["manage", "add-email", "dave", "dave@example.org"].map(Into::into).to_vec();
        assert_eq!(mas_cli::execute(add, Some(api.world.mas_cli_config().into())).await.exit, 0);
        assert!(api.world.settle().await);
        assert_eq!(
            api.world.state_of("dave").synapse.expect("seeded").locked,
            !reaches,
            "{version}"
        );
    }
}
