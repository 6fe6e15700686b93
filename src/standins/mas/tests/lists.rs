//! Tests lists: pages, filters, links, and a hundred thousand rows.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{PERSONAL, TestApi};
use crate::standins::World;
use crate::standins::mas::Email;

fn usernames(list: &Value) -> Vec<&str> {
    let rows = list["data"].as_array().expect("rows").iter();
    rows.map(|row| row["attributes"]["username"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn pages_go_both_ways_and_show_no_user_twice() {
    let api =
        TestApi::start(World::new("example.org").accounts(7, "u").guest_account("guest")).await;
    let (_, all) = api.get("users?page[first]=100").await;
    assert_eq!(all["meta"]["count"], 9);
    let mut forward = Vec::new();
    let mut next = "users?count=false&page[first]=4".to_owned();
    while !next.is_empty() {
        let (_, page) = api.get(&next).await;
        forward.extend(usernames(&page).into_iter().map(str::to_owned));
        next = page["links"]["next"].as_str().unwrap_or_default().replace("/api/admin/v1/", "");
    }
    assert_eq!(forward, usernames(&all));
    let (_, last) = api.get("users?page[last]=4").await;
    assert_eq!(usernames(&last), usernames(&all)[5..]);
    let before =
        last["links"]["prev"].as_str().expect("there are more").replace("/api/admin/v1/", "");
    assert_eq!(usernames(&api.get(&before).await.1), usernames(&all)[1..5]);
    assert_eq!(usernames(&api.get("users?filter[legacy-guest]=true").await.1), ["guest"]);
    assert_eq!(api.get("users?page[first]=1&page[last]=1").await.0, StatusCode::BAD_REQUEST);
    let id = api.id("u00001");
    assert_eq!(
        api.get(&format!("users?page[after]={id}&page[before]={id}")).await.1["data"],
        json!([])
    );
}

#[tokio::test]
async fn filters_that_a_list_does_not_know_are_ignored_and_unknown_users_are_not() {
    let api = TestApi::start(World::new("example.org").account("ann").account("bob")).await;
    for name in ["ann", "bob"] {
        api.world.personal_token(name, PERSONAL).expect("a token");
    }
    let count = async |filter: &str| {
        let (_, body) = api.get(&format!("personal-sessions?{filter}={}", api.id("ann"))).await;
        body["meta"]["count"].as_u64()
    };
    assert_eq!(count("filter[user]").await, Some(2));
    assert_eq!(count("filter[actor_user]").await, Some(1));
    assert_eq!(count("filter[owner_user]").await, Some(0));
    let unknown = "filter[user]=01J44QC8BCY7FCFM7WGHQGKMTZ";
    for list in ["compat-sessions", "oauth2-sessions", "user-sessions", "upstream-oauth-links"] {
        assert_eq!(api.get(&format!("{list}?{unknown}")).await.0, StatusCode::NOT_FOUND);
        assert_eq!(api.get(&format!("{list}?filter[user]=zzz")).await.0, StatusCode::BAD_REQUEST);
    }
    assert_eq!(
        api.get("oauth2-sessions?filter[client]=01J44QC8BCY7FCFM7WGHQGKMTJ").await.0,
        StatusCode::NOT_IMPLEMENTED
    );
}

#[tokio::test]
async fn a_link_names_the_keycloak_user_after_a_rename() {
    let world = World::new("example.org")
        .group("/matrix-users")
        .member("ann")
        .account("ann")
        .account("alone");
    let api = TestApi::start(world).await;
    let subject = async |name: &str| {
        let (_, body) =
            api.get(&format!("upstream-oauth-links?filter[user]={}", api.id(name))).await;
        body["data"][0]["attributes"]["subject"].as_str().map(str::to_owned)
    };
    let keycloak_id = |name: &str| {
        api.world.keycloak.state().realm("corp").user(name).map(|user| user.id.clone())
    };
    api.world.keycloak.state().realm("corp").rename_user("ann", "anna");
    assert_eq!(subject("ann").await, keycloak_id("anna"));
    assert_eq!(subject("alone").await, None);
    let (_, providers) = api.get("upstream-oauth-providers").await;
    let issuer = format!("{}/realms/corp", api.world.keycloak.url());
    assert_eq!(providers["data"][0]["attributes"]["issuer"], json!(issuer));
    assert_eq!(providers["data"][0]["id"], json!(api.world.upstream_provider()));
    let provider = api.world.upstream_provider();
    api.world.mas.state().provider_mut(provider).expect("seeded").issuer = None;
    let (_, provider) = api.get(&format!("upstream-oauth-providers/{provider}")).await;
    assert_eq!(provider["data"]["attributes"]["issuer"], Value::Null);
    api.world.unlink("ann");
    api.world.link("alone", "anna").expect("both are there");
    assert_eq!((subject("ann").await, subject("alone").await), (None, keycloak_id("anna")));
}

#[tokio::test]
async fn addresses_are_found_by_user_and_by_address_and_end_with_the_account() {
    let api = TestApi::start(World::new("example.org").account("ann").account("bob")).await;
    let (ann, bob) = (api.id("ann"), api.id("bob"));
    api.world.mas.state().add_email(Email::new(&bob, "Robert@example.org"));
    let addresses = async |query: &str| -> Vec<String> {
        let (_, body) = api.get(&format!("user-emails?{query}")).await;
        assert_eq!(
            body["meta"]["count"].as_u64(),
            body["data"].as_array().map(|rows| rows.len() as u64)
        );
        let rows = body["data"].as_array().expect("rows").iter();
        rows.map(|row| row["attributes"]["email"].as_str().expect("an address").to_owned())
            .collect()
    };
    assert_eq!(addresses(&format!("filter[user]={ann}")).await, ["ann@example.org"]);
    assert_eq!(addresses("filter[email]=robert@EXAMPLE.org").await, ["Robert@example.org"]);
    assert_eq!(addresses("filter[email]=robert").await, [""; 0]);
    // The owner of the world's token has one too (trap 42).
    assert_eq!(addresses("filter[username]=ann").await.len(), 4);
    assert_eq!(
        api.get("user-emails?filter[user]=01J44QC8BCY7FCFM7WGHQGKMTZ").await.0,
        StatusCode::NOT_FOUND
    );
    let (_, page) = api.get("user-emails?page[first]=3").await;
    assert!(page["links"]["next"].as_str().is_some_and(|next| next.contains("page[after]=")));
    let id = page["data"][0]["id"].as_str().expect("an ID").to_owned();
    assert_eq!(api.get(&format!("user-emails/{id}")).await.1["data"]["id"], json!(id));
    api.post(&format!("users/{bob}/deactivate")).await;
    assert!(api.world.settle().await);
    assert_eq!(addresses(&format!("filter[user]={bob}")).await, [""; 0]);
    assert_eq!(addresses("filter[email]=robert@example.org").await, [""; 0]);
}

#[tokio::test]
async fn a_hundred_thousand_users_page_quickly() {
    let api = TestApi::start(World::new("example.org")).await;
    {
        let mut state = api.world.mas.state();
        for number in 0..100_000 {
            state.add_user(&format!("u{number:06}"));
        }
    }
    let begin = Instant::now();
    let mut seen = BTreeSet::new();
    let mut next = "users?page[first]=10000".to_owned();
    while !next.is_empty() {
        let (_, page) = api.get(&next).await;
        seen.extend(usernames(&page).into_iter().map(str::to_owned));
        next = page["links"]["next"].as_str().unwrap_or_default().replace("/api/admin/v1/", "");
    }
    assert_eq!(seen.len(), 100_001);
    // Far from the real figure, because a busy machine must not fail the test.
    assert!(begin.elapsed() < Duration::from_mins(1), "{:?}", begin.elapsed());
}
