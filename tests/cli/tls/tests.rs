//! Tests of the front itself, so that tests of the program can rely on it.

use std::path::Path;

use serde_json::Value;

use super::{Authority, Identity, TlsFront};
use crate::harness::{group, started};

/// A client that trusts this authority alone, and shows a certificate if it has one.
fn client(trusted: &Authority, shown: Option<&Identity>) -> reqwest::Client {
    let directory = tempfile::tempdir().expect("a directory");
    let read = |path: &Path| std::fs::read(path).expect("just written");
    let root = reqwest::Certificate::from_pem(&read(&trusted.write(directory.path(), "ca")))
        .expect("a certificate");
    let mut builder = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
    if let Some(identity) = shown {
        let (certificate, key) = identity.write(directory.path(), "client");
        let both = [read(&certificate), read(&key)].concat();
        builder = builder
            .identity(reqwest::Identity::from_pem(&both).expect("a certificate and its key"));
    }
    builder.build().expect("a client")
}

async fn discovery(client: reqwest::Client, front: &TlsFront) -> Option<Value> {
    let answer = client
        .get(format!("{}/.well-known/openid-configuration", front.url()))
        .send()
        .await
        .ok()?;
    assert_eq!(answer.status(), 200);
    Some(answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn only_clients_that_trust_the_authority_get_through() {
    let (world, own, other) =
        (started(group()).await, Authority::new("own"), Authority::new("other"));
    let front = TlsFront::start(world.mas.server().address(), &own.server(), None);
    world.mas.state().settings.issuer = format!("{}/", front.url());
    let found = discovery(client(&own, None), &front).await.expect("an answer");
    assert_eq!(found["token_endpoint"], format!("{}/oauth2/token", front.url()));
    assert_eq!(discovery(client(&other, None), &front).await, None);
}

#[tokio::test]
async fn certificate_is_not_trusted_if_it_is_wrong_in_any_way() {
    let (world, own) = (started(group()).await, Authority::new("own"));
    for identity in [
        own.expired_server(),
        own.server_called(&["mas.example.org"]),
        Authority::new("other").server(),
    ] {
        let front = TlsFront::start(world.mas.server().address(), &identity, None);
        assert_eq!(discovery(client(&own, None), &front).await, None);
    }
}

#[tokio::test]
async fn client_needs_a_certificate_of_the_right_authority_if_one_is_required() {
    let (world, own, clients) =
        (started(group()).await, Authority::new("own"), Authority::new("clients"));
    let front = TlsFront::start(world.mas.server().address(), &own.server(), Some(&clients));
    assert_eq!(discovery(client(&own, None), &front).await, None);
    assert_eq!(discovery(client(&own, Some(&own.client("sync"))), &front).await, None);
    assert!(discovery(client(&own, Some(&clients.client("sync"))), &front).await.is_some());
}
