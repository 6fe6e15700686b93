//! Tests links and providers that are created while it runs.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{TestApi, sent};
use crate::standins::mas::{self, Link, Mas};
use crate::standins::{World, runtime};

impl TestApi {
    fn link(&self, localpart: &str, subject: &str) -> RequestBuilder {
        let provider = self.world.upstream_provider();
        let body =
            json!({"user_id": self.id(localpart), "provider_id": provider, "subject": subject});
        self.request(Method::POST, "upstream-oauth-links").json(&body)
    }
}

#[tokio::test]
async fn a_subject_gets_one_link_and_keeps_it() {
    let api = TestApi::start(World::new("example.org").account("ann").account("bob")).await;
    let (status, made) = sent(api.link("ann", "one")).await;
    assert_eq!(
        (status, &made["data"]["attributes"]["user_id"]),
        (StatusCode::CREATED, &json!(api.id("ann")))
    );
    let (_, found) = api.get("upstream-oauth-links?filter[subject]=one").await;
    assert_eq!(found["data"][0]["id"], made["data"]["id"]);
    let (status, refused) = sent(api.link("bob", "one")).await;
    let title = "Upstream Oauth 2.0 Provider ID 01H8PKNWKKRPCBW4YGH1RWV279 with subject one is already linked to a user";
    assert_eq!((status, refused), (StatusCode::CONFLICT, json!({"errors": [{"title": title}]})));

    let mut unfinished = Link::new(api.world.upstream_provider(), "two", "");
    unfinished.user_id = None;
    api.world.mas.state().add_link(unfinished);
    let (status, finished) = sent(api.link("bob", "two")).await;
    assert_eq!(
        (status, &finished["data"]["attributes"]["user_id"]),
        (StatusCode::OK, &json!(api.id("bob")))
    );
}

#[tokio::test]
async fn a_link_needs_a_user_and_a_provider() {
    let api = TestApi::start(World::new("example.org").account("ann")).await;
    let (nobody, provider) = ("01H8PKNWKKRPCBW4YGH1RWV270", api.world.upstream_provider());
    for (user, provider, expected) in [
        (nobody, provider, StatusCode::NOT_FOUND),
        (&api.id("ann"), nobody, StatusCode::NOT_FOUND),
        (&api.id("ann"), "keycloak", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let body = json!({"user_id": user, "provider_id": provider, "subject": "one"});
        assert_eq!(
            sent(api.request(Method::POST, "upstream-oauth-links").json(&body)).await.0,
            expected
        );
    }
}

#[tokio::test]
async fn a_realm_becomes_a_provider_once() {
    let mas = Mas::start(
        ([127, 0, 0, 1], 0).into(),
        mas::MasState::new(mas::MasSettings::new("s".into())),
    )
    .expect("a MAS");
    let add = async |realm: &str| -> (StatusCode, Value) {
        let url = format!("{}/stand-in/upstream-providers", mas.url());
        sent(
            runtime::client()
                .post(url)
                .json(&json!({"issuer": format!("http://keycloak.test/realms/{realm}")})),
        )
        .await
    };
    let (status, one) = add("one").await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(add("one").await, (StatusCode::OK, one.clone()));
    assert_ne!(add("two").await.1, one);
    let id = one["id"].as_str().expect("a ULID");
    let issuer = mas.state().provider_mut(id).expect("just made").issuer.clone();
    assert_eq!(issuer.as_deref(), Some("http://keycloak.test/realms/one"));
    mas.state().settings.database_password = Some("s".into());
    assert_eq!(add("three").await.0, StatusCode::UNAUTHORIZED);
}
