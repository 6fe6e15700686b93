//! Tests policy data, which has versions.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{TestApi, sent};
use crate::standins::World;

#[tokio::test]
async fn each_post_replaces_all_policy_data_and_old_versions_stay() {
    let api = TestApi::start(World::new("example.org")).await;
    let set = async |data: &Value| {
        let body = json!({ "data": data });
        sent(api.request(Method::POST, "policy-data").json(&body)).await
    };
    let (one, two) = (json!({"a": 1}), json!({"b": 2}));
    let (_, first) = set(&one).await;
    assert_eq!(set(&two).await.0, StatusCode::CREATED);
    let (_, latest) = api.get("policy-data/latest").await;
    assert_eq!(latest["data"]["attributes"]["data"], two);
    let first = first["data"]["id"].as_str().expect("an ID");
    assert_eq!(api.get(&format!("policy-data/{first}")).await.1["data"]["attributes"]["data"], one);
    let unknown = "policy-data/01H8PKNWKKRPCBW4YGH1RWV270";
    assert_eq!(api.get(unknown).await.0, StatusCode::NOT_FOUND);
    assert_eq!(set(&json!("text")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(api.world.mas.state().policy_data().map(|data| data.data.clone()), Some(two));
}
