//! Tests accounts that the Admin API creates: names, display names, e-mail addresses, and requests
//! that fail half way.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{TestApi, sent};
use crate::standins::world::AccountParts;
use crate::standins::{Fault, NewAccount, World};

impl TestApi {
    fn create(&self, body: &Value) -> RequestBuilder {
        self.request(Method::POST, "users").json(body)
    }

    fn email(&self, localpart: &str, address: &str) -> RequestBuilder {
        let body = json!({"user_id": self.id(localpart), "email": address});
        self.request(Method::POST, "user-emails").json(&body)
    }
}

fn title(body: &Value) -> Option<&str> {
    body["errors"][0]["title"].as_str()
}

#[tokio::test]
async fn account_is_in_mas_at_once_and_in_synapse_after_a_job() {
    let api = TestApi::start(World::new("example.org").job_delay(Duration::from_millis(100))).await;
    let new = json!({"username": "new", "displayname": "New Person"});
    let (status, body) = sent(api.create(&new)).await;
    assert_eq!((status, &body["data"]["id"]), (StatusCode::CREATED, &json!(api.id("new"))));
    assert_eq!(api.world.state_of("new").synapse, None);
    assert_eq!(sent(api.email("new", "new@corp.test")).await.0, StatusCode::CREATED);
    assert!(api.world.settle().await);
    let parts = AccountParts {
        emails: vec!["new@corp.test".to_owned()],
        displayname: Some("New Person".to_owned()),
        ..AccountParts::default()
    };
    assert_eq!(api.world.parts_of("new"), parts);
    let synapse = api.world.synapse.state();
    let account = synapse.account("new").expect("the job created it");
    assert!(account.emails.contains_key("new@corp.test"));
}

#[tokio::test]
async fn name_of_an_account_that_only_synapse_has_is_reserved() {
    let api = TestApi::start(World::new("example.org").synapse_only_account("old")).await;
    let (status, body) = sent(api.create(&json!({"username": "old"}))).await;
    let reserved = Some("Username is reserved by the homeserver");
    assert_eq!((status, title(&body)), (StatusCode::CONFLICT, reserved));
    let unchecked = json!({"username": "old", "skip_homeserver_check": true});
    assert_eq!(sent(api.create(&unchecked)).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn nothing_is_created_if_the_homeserver_is_down() {
    let api = TestApi::start(World::new("example.org")).await;
    api.world.synapse.server().stop().await;
    let (status, _) = sent(api.create(&json!({"username": "new"}))).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(api.world.mas.state().user("new").is_none());
}

#[tokio::test]
async fn before_1_18_a_display_name_is_ignored() {
    for (version, shown) in [("v1.17.0", "new"), ("v1.18.0", "New Person")] {
        let api = TestApi::start(World::new("example.org").mas_version(version)).await;
        let new = json!({"username": "new", "displayname": "New Person"});
        assert_eq!(sent(api.create(&new)).await.0, StatusCode::CREATED);
        assert!(api.world.settle().await);
        assert_eq!(api.world.parts_of("new").displayname.as_deref(), Some(shown), "{version}");
    }
}

#[tokio::test]
async fn lost_answer_leaves_an_account_behind_and_a_broken_connection_does_not() {
    let api = TestApi::start(World::new("example.org").account("ann")).await;
    for (name, fault, exists) in [
        ("lost", Fault::LostAnswer, true),
        ("cut", Fault::CutBody, true),
        ("reset", Fault::Reset, false),
    ] {
        api.world.mas.admin().faults().at("POST", "/users").times(1).answer(fault);
        let lock = api.post(&format!("users/{}/lock", api.id("ann"))).await;
        assert_eq!(lock.0, StatusCode::OK, "the rule is about new accounts alone");
        let answer = api.create(&json!({"username": name})).send().await;
        let whole = match answer {
            Ok(answer) => answer.bytes().await.is_ok(),
            Err(_) => false,
        };
        assert!(!whole, "{name}");
        assert_eq!(api.world.mas.state().user(name).is_some(), exists, "{name}");
        let (status, _) = sent(api.create(&json!({"username": name}))).await;
        let again = if exists { StatusCode::CONFLICT } else { StatusCode::CREATED };
        assert_eq!(status, again, "{name}");
    }
}

#[tokio::test]
async fn who_registers_a_moment_earlier_has_the_name() {
    let api = TestApi::start(World::new("example.org")).await;
    let mas = api.world.mas.shared();
    let faults = api.world.synapse.faults();
    // While MAS asks the homeserver about the name.
    faults.on("/is_localpart_available").times(1).before(move |_| {
        mas.lock().add_user("new").admin = true;
    });
    let (status, body) = sent(api.create(&json!({"username": "new"}))).await;
    assert_eq!((status, title(&body)), (StatusCode::CONFLICT, Some("User already exists")));
    assert!(api.world.parts_of("new").mas_admin, "the account is still the other one's");
}

#[tokio::test]
async fn e_mail_address_belongs_to_one_user_until_it_is_removed() {
    let ann = NewAccount::new("ann").email("shared@corp.test");
    let api = TestApi::start(World::new("example.org").with_account(ann).account("bob")).await;
    let (status, body) = sent(api.email("bob", "Shared@corp.test")).await;
    let taken = Some("User email \"Shared@corp.test\" already in use");
    assert_eq!((status, title(&body)), (StatusCode::CONFLICT, taken));
    assert_eq!(sent(api.email("bob", "no address")).await.0, StatusCode::BAD_REQUEST);

    let (_, list) = api.get(&format!("user-emails?filter[user]={}", api.id("ann"))).await;
    let path = format!("user-emails/{}", list["data"][0]["id"].as_str().expect("an address"));
    assert_eq!(sent(api.request(Method::DELETE, &path)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(sent(api.request(Method::DELETE, &path)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(sent(api.email("bob", "shared@corp.test")).await.0, StatusCode::CREATED);
    assert!(api.world.settle().await);
    let emails = |name: &str| api.world.parts_of(name).emails;
    assert_eq!((emails("ann").len(), emails("bob").len()), (0, 2));
    let synapse = api.world.synapse.state();
    assert!(synapse.account("ann").is_some_and(|account| account.emails.is_empty()));
}
