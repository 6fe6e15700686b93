//! Synapse's stand-in against `synapse.json` and `synapse-lifecycle.json`.

use matrix_keycloak_sync::standins::{RunningWorld, World};

use crate::compare::{Created, Target, exchanges, nothing, recording, replay, replay_after};
use crate::mas_api::token;

async fn recorded_synapse() -> RunningWorld {
    let world = World::new("test.local")
        .account("alice")
        .account("bob")
        .account("carol")
        .account("dave")
        .account("ivan")
        .locked_account("judy")
        .disabled_account("ken")
        .erased_account("lena")
        .bridge_account("telegram_42", "telegram")
        .bot_account("helper")
        .start()
        .await
        .expect("the world starts");
    {
        let mut state = world.synapse.state();
        for (localpart, displayname) in [
            ("alice", Some("alice")),
            ("bob", Some("bob")),
            ("carol", Some("carol")),
            ("dave", None),
        ] {
            let account = state.account_mut(localpart).expect("seeded above");
            account.displayname = displayname.map(str::to_owned);
        }
        for localpart in ["ivan", "judy"] {
            let emails = [(format!("{localpart}@corp.test"), 1_795_429_781_323)];
            state.account_mut(localpart).expect("seeded above").emails = emails.into();
        }
    }
    world
}

#[tokio::test]
async fn synapse_answers_as_recorded() {
    let world = recorded_synapse().await;
    let mut found = Vec::new();
    let ordinary = world.login("alice").expect("alice can log in");
    for exchange in recording("synapse.json") {
        let token = match exchange["name"].as_str() {
            Some("users with a token that is not admin") => ordinary.as_str(),
            _ => world.admin_token(),
        };
        let target = Target { base: &world.synapse.url(), credentials: token, hosts: &[] };
        found.extend(replay(&target, &exchange).await);
    }
    nothing(&found);
}

/// What MAS did right before some exchanges were recorded with Synapse.
const CHANGES_BY_MAS: [(&str, &[&str]); 3] = [
    ("an account made by MAS, before its first login", &["make an account"]),
    ("an administrator of MAS: Synapse's admin stays false", &["make an administrator"]),
    (
        "locked by MAS, as Synapse shows it",
        &["no administrator any more", "lock, no session ended"],
    ),
];

#[tokio::test]
async fn synapse_has_accounts_of_mas_rooms_and_messages_as_recorded() {
    let world = World::new("test.local").start().await.expect("the world starts");
    let token = token(&world, "&scope=urn:mas:admin").await;
    let mas = Target { base: &world.mas_admin_url(), credentials: &token, hosts: &[] };
    let synapse =
        Target { base: &world.synapse.url(), credentials: world.admin_token(), hosts: &[] };
    let (mut created, mut found) = (Created::default(), Vec::new());
    for exchange in recording("synapse-lifecycle.json") {
        let changes = CHANGES_BY_MAS.iter().find(|(after, _)| exchange["name"] == *after);
        for change in exchanges("mas-lifecycle.json", changes.map_or(&[], |(_, names)| names)) {
            found.extend(replay_after(&mut created, &mas, &change).await);
            assert!(world.settle().await, "jobs are left");
        }
        found.extend(replay_after(&mut created, &synapse, &exchange).await);
    }
    nothing(&found);
}
