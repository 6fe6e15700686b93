//! Synapse's stand-in against `synapse.json` and `synapse-lifecycle.json`.

use matrix_keycloak_sync::standins::{NewAccount, RunningWorld, World};

use crate::compare::{Target, exchanges, nothing, recording, replay};

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

#[tokio::test]
async fn synapse_shows_what_mas_did_to_an_account_as_recorded() {
    let new = || NewAccount::new("new71437").displayname("New Person");
    let world =
        World::new("test.local").with_account(new()).start().await.expect("the world starts");
    let steps = [
        ("an account made by MAS, before its first login", new()),
        ("an administrator of MAS: Synapse's admin stays false", new().mas_admin()),
        ("locked by MAS, as Synapse shows it", new().locked()),
    ];
    let mut found = Vec::new();
    for (name, account) in steps {
        world.put_account(&account).expect("it can be");
        let target =
            Target { base: &world.synapse.url(), credentials: world.admin_token(), hosts: &[] };
        found.extend(replay(&target, &exchanges("synapse-lifecycle.json", &[name])[0]).await);
    }
    nothing(&found);
}
