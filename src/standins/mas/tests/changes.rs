//! Tests changes of users and their sessions, in MAS and on the homeserver.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{PERSONAL, TestApi, sent};
use crate::standins::World;

#[tokio::test]
async fn a_deactivation_erases_without_skip_erase() {
    let names = ["kept", "empty", "untyped", "form"];
    let api = TestApi::start(
        names.iter().fold(World::new("example.org"), |world, name| world.account(name)),
    )
    .await;
    let ask = |name: &str| api.request(Method::POST, &format!("users/{}/deactivate", api.id(name)));
    let skip = r#"{"skip_erase": true}"#;
    let form = ask("form").header("content-type", "application/x-www-form-urlencoded").body(skip);
    assert_eq!(sent(form).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(
        sent(ask("kept").header("content-type", "application/json").body(skip)).await.0,
        StatusCode::OK
    );
    assert_eq!(sent(ask("untyped").body(skip)).await.0, StatusCode::OK);
    assert_eq!(sent(ask("empty")).await.0, StatusCode::OK);
    assert!(api.world.settle().await);
    assert_eq!(names.map(|name| api.is_erased(name)), [false, true, true, false]);
    assert_eq!(names.map(|name| api.mas(name).deactivated), [true, true, true, false]);
    assert!(!api.mas("kept").locked);
}

#[tokio::test]
async fn reactivating_is_done_when_it_answers_and_leaves_the_lock() {
    let api = TestApi::start(
        World::new("example.org").disabled_account("dave").job_delay(Duration::from_mins(1)),
    )
    .await;
    let path = |what: &str| format!("users/{}/{what}", api.id("dave"));
    assert_eq!(api.post(&path("reactivate")).await.0, StatusCode::OK);
    assert!(!api.world.state_of("dave").synapse.expect("seeded").deactivated);
    assert!(api.mas("dave").locked && !api.mas("dave").deactivated);
    let (_, first) = api.post(&path("lock")).await;
    assert_eq!(api.post(&path("lock")).await.1, first);
    assert_eq!(api.post(&path("unlock")).await.1["data"]["attributes"]["locked_at"], Value::Null);
    api.world.synapse.server().stop().await;
    assert_eq!(api.post(&path("reactivate")).await.0, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_user_who_is_deleted_and_re_created_is_another_user() {
    let api = TestApi::start(
        World::new("example.org").group("/staff").member("ann").account("ann").account("bob"),
    )
    .await;
    let (id, other) = (api.id("ann"), api.id("bob"));
    let token = api.world.login("ann").expect("a login");
    let kept = api.world.login("bob").expect("a login");
    api.world.personal_token("ann", PERSONAL).expect("a token");
    api.world.mas.state().remove_user("ann");
    assert_eq!(api.get("users/by-username/ann").await.0, StatusCode::NOT_FOUND);
    assert_eq!(api.get(&format!("users/{id}")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(api.get("upstream-oauth-links").await.1["data"], json!([]));
    assert_eq!(api.get("personal-sessions").await.1["data"], json!([]));
    assert_eq!(api.world.whoami(&token).await.expect("an answer"), 401);

    api.world.mas.state().add_user("ann");
    assert_ne!(api.id("ann"), id);
    assert_eq!(api.mas("ann").sessions, 0);
    assert_eq!(api.world.whoami(&token).await.expect("an answer"), 401);
    assert_eq!((api.id("bob"), api.world.whoami(&kept).await.expect("an answer")), (other, 200));
}

#[tokio::test]
async fn sessions_of_logins_end_one_by_one() {
    let api = TestApi::start(World::new("example.org").account("ann")).await;
    let tokens = [
        api.world.login("ann").expect("a login"),
        api.world.login_by_oauth2("ann").expect("a login"),
    ];
    assert_eq!(api.mas("ann").sessions, 3);
    for list in ["compat-sessions", "oauth2-sessions", "user-sessions"] {
        let (_, body) =
            api.get(&format!("{list}?filter[user]={}&filter[status]=active", api.id("ann"))).await;
        let row = body["data"].as_array().and_then(|rows| rows.first()).expect("an open session");
        assert_eq!(row["attributes"]["user_id"], json!(api.id("ann")));
        let finish = format!("{list}/{}/finish", row["id"].as_str().expect("an ID"));
        assert_eq!(api.post(&finish).await.0, StatusCode::OK);
        assert_eq!(api.post(&finish).await.0, StatusCode::BAD_REQUEST);
    }
    assert!(api.world.settle().await);
    for token in tokens {
        assert_eq!(api.world.whoami(&token).await.expect("an answer"), 401);
    }
    assert_eq!(api.mas("ann").sessions, 0);
}
