//! Tests what the recordings of the Admin API cannot show: time, listeners, tokens for two servers,
//! large lists.

mod access;
mod changes;
mod creation;
mod links;
mod lists;
mod policy;
mod registration;
mod versions;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use super::ClientAuth;
use crate::standins::world::MasUserState;
use crate::standins::{RunningWorld, World, runtime};

/// The scope of one token for a host without mas-cli (trap 41).
const PERSONAL: &str = "urn:mas:admin urn:synapse:admin:* urn:matrix:client:api:*";

/// A world and a token for its Admin API.
struct TestApi {
    world: RunningWorld,
    token: String,
}

impl TestApi {
    async fn start(world: World) -> Self {
        let world = world.start().await.expect("the world starts");
        let (status, body) = sent(ask_for_token(&world, ClientAuth::Basic)).await;
        assert_eq!(status, StatusCode::OK);
        let token = body["access_token"].as_str().expect("a token").to_owned();
        Self { world, token }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/admin/v1/{path}", self.world.mas_admin_url());
        runtime::client().request(method, url).bearer_auth(&self.token)
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        sent(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str) -> (StatusCode, Value) {
        sent(self.request(Method::POST, path)).await
    }

    fn id(&self, localpart: &str) -> String {
        self.world.mas.state().user(localpart).expect("seeded").id.clone()
    }

    fn mas(&self, localpart: &str) -> MasUserState {
        self.world.state_of(localpart).mas.expect("seeded")
    }

    fn is_erased(&self, localpart: &str) -> bool {
        self.world.state_of(localpart).synapse.expect("seeded").erased
    }
}

/// Returns the status, and the body if it is JSON.
async fn sent(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    (status, answer.json().await.unwrap_or_default())
}

fn ask_for_token(world: &RunningWorld, auth: ClientAuth) -> RequestBuilder {
    ask_for_scope(world, auth, "urn:mas:admin")
}

fn ask_for_scope(world: &RunningWorld, auth: ClientAuth, scope: &str) -> RequestBuilder {
    let (id, secret) = (world.mas_client_id(), world.mas_client_secret());
    let form = format!("grant_type=client_credentials&scope={scope}");
    let request = runtime::client()
        .post(format!("{}oauth2/token", world.mas_issuer()))
        .header("content-type", "application/x-www-form-urlencoded");
    match auth {
        ClientAuth::Basic => request.basic_auth(id, Some(secret)).body(form),
        ClientAuth::Post => request.body(format!("{form}&client_id={id}&client_secret={secret}")),
    }
}
