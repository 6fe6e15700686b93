//! Answers of token endpoints, and their addresses in discovery.

use matrix_keycloak_sync::http::{Credentials, Grant, OAuth, Patience, TokenEndpoint};
use matrix_keycloak_sync::model::Server;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use crate::corpus::{law_at_a_cost, outcome, understood};
use crate::mutations::documents;
use crate::recordings::recordings;
use crate::stage::{self, Reply, Stage, good};

fn client(stage: &Stage, at: TokenEndpoint) -> Credentials {
    let (id, secret) = ("sync".to_owned(), Some("secret".into()));
    let oauth =
        OAuth::new(Server::Mas, at, id, secret, Grant::ClientCredentials, stage.client.clone());
    Credentials::OAuth(Box::new(oauth))
}

/// Every answer to a token request, good or not.
fn answers(file: &str) -> Vec<Value> {
    let of = |recording: Value| {
        let is_token =
            recording["request"]["path"].as_str().is_some_and(|path| path.ends_with("/token"));
        is_token.then(|| recording["response"]["body"].clone())
    };
    recordings(file).into_iter().filter_map(of).collect()
}

#[test]
fn a_token_is_the_one_that_was_served_or_an_error() {
    let stage = Stage::new();
    let recorded = [answers("keycloak.json"), answers("mas-admin-api.json")].concat();
    law_at_a_cost(2, "token", file!(), documents(recorded), |body| {
        let outcomes = [200, 400, 401, 403].map(|status| {
            let served = body.to_vec();
            stage.serve(move |_| Reply { status, body: served.clone(), date: None });
            let at = TokenEndpoint::At(stage.url.join("token").expect("a URL"));
            let token = stage.run(client(&stage, at).token(Patience::Reading));
            if let (Ok(token), Some(answer)) = (&token, understood::<Value>(body)) {
                assert_eq!(
                    (status, answer["access_token"].as_str()),
                    (200, Some(token.expose_secret()))
                );
            }
            outcome(&token)
        });
        outcomes.join("; ")
    });
}

#[test]
fn discovery_is_the_issuers_own_or_an_error() {
    let stage = Stage::new();
    let description = |recording: Value| {
        let is_it =
            recording["request"]["path"].as_str() == Some("/.well-known/openid-configuration");
        let body = recording["response"]["body"]
            .to_string()
            .replace("http://mas.test/", stage.url.as_str());
        is_it.then(|| serde_json::from_str(&body).expect("JSON"))
    };
    let recorded: Vec<Value> =
        recordings("mas-admin-api.json").into_iter().filter_map(description).collect();
    let used = json!({"issuer": stage.url, "token_endpoint": stage.url.join("oauth2/token").expect("a URL"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"]});
    let originals = [recorded, vec![used; 3]].concat();
    law_at_a_cost(2, "mas-discovery", file!(), documents(originals), |body| {
        // The stage has a different port each time.
        let body = String::from_utf8_lossy(body)
            .replace("http://127.0.0.1:1/", stage.url.as_str())
            .into_bytes();
        let served = body.clone();
        let token = json!({"access_token": "t", "token_type": "Bearer", "expires_in": 300});
        stage.serve(move |asked| {
            let is_description = asked.path.ends_with("/openid-configuration");
            if is_description { good(served.clone()) } else { stage::json(&token) }
        });
        let at = TokenEndpoint::Discovered { issuer: stage.url.clone(), allow_http: false };
        let found = stage.run(client(&stage, at).token(Patience::Reading));
        if let (Ok(_), Some(description)) = (&found, understood::<Map<String, Value>>(&body)) {
            let issuer = description["issuer"].as_str().expect("an issuer");
            assert_eq!(issuer.trim_end_matches('/'), stage.url.as_str().trim_end_matches('/'));
        }
        outcome(&found)
    });
}
