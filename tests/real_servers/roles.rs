//! Roles as a source of members: every way of getting one, what is refused, and how soon `watch`
//! sees that one is taken away.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::Outcome;
use crate::program::Settings;
use crate::scene::{Plot, READER, Scene, plot};
use crate::watch::Watching;

const ROLE: &str = "matrix-user";
/// How soon the session of a user who has lost the role has to be refused.
const WITHIN: Duration = Duration::from_secs(5);

/// A user for each way of getting the role of the realm or of a client, and dave without either.
fn every_way(topic: &str) -> Plot {
    let client_roles = json!({READER: [
        {"name": "chat"},
        {"name": "chat-admin", "composite": true, "composites": {"client": {READER: ["chat"]}}},
    ]});
    let roles = json!({
        "realm": [
            {"name": ROLE},
            {"name": "staff", "composite": true, "composites": {"realm": [ROLE]}},
            {"name": "all-staff", "composite": true, "composites": {"realm": ["staff"]}},
        ],
        "client": client_roles,
    });
    let groups = json!([
        {"name": "dept", "realmRoles": [ROLE], "subGroups": [{"name": "sub"}]},
        {"name": "chatters", "clientRoles": {READER: ["chat"]}, "subGroups": [{"name": "sub"}]},
    ]);
    let with = |field: &str, value: Value| {
        let mut user = json!({"enabled": true});
        user[field] = value;
        user
    };
    plot(topic)
        .realm("roles", roles)
        .realm("groups", groups)
        .reader_may("view-realm")
        .reader_may("view-clients")
        .people("direct", &with("realmRoles", json!([ROLE])))
        .people("bygroup", &with("groups", json!(["/dept"])))
        .people("bysub", &with("groups", json!(["/dept/sub"])))
        .people("bycomposite", &with("realmRoles", json!(["all-staff"])))
        .people("byclient", &with("clientRoles", json!({READER: ["chat"]})))
        .people("bychatters", &with("groups", json!(["/chatters/sub"])))
        .people("byadmin", &with("clientRoles", json!({READER: ["chat-admin"]})))
        .outsiders("dave")
        .accounts("direct bygroup bysub bycomposite byclient bychatters byadmin dave")
}

fn by_role(scene: &Scene, role: &str) -> Settings {
    scene.settings().set("keycloak.groups", json!([])).set("keycloak.roles", json!([role]))
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn role_counts_directly_by_group_by_subgroup_and_by_composites() -> Outcome {
    let scene = every_way("roles").open().await?;
    assert_eq!(
        scene.plan(&by_role(&scene, ROLE)).await?,
        [
            "exit 0, 4 members",
            "disable byadmin, not_in_group",
            "disable bychatters, not_in_group",
            "disable byclient, not_in_group",
            "disable dave, not_in_group",
            "keep bot, token_owner",
        ]
    );
    assert_eq!(
        scene.plan(&by_role(&scene, &format!("{READER}:chat"))).await?,
        [
            "exit 0, 3 members",
            "disable bycomposite, not_in_group",
            "disable bygroup, not_in_group",
            "disable bysub, not_in_group",
            "disable dave, not_in_group",
            "disable direct, not_in_group",
            "keep bot, token_owner",
        ]
    );
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn role_that_every_user_has_or_that_is_hidden_is_an_error() -> Outcome {
    let scene = every_way("refused").open().await?;
    for role in ["offline_access", "account:view-profile"] {
        let run = scene.run(&by_role(&scene, role), &["sync", "--format", "json"]).await?;
        assert_eq!(run.exit, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("by default"), "{}", run.stderr);
    }
    let scene = plot("hidden").realm("roles", json!({"realm": [{"name": ROLE}]})).open().await?;
    let run = scene.run(&by_role(&scene, ROLE), &["sync", "--format", "json"]).await?;
    assert_eq!(run.exit, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("the role view-realm is missing"), "{}", run.stderr);
    Ok(())
}

/// Takes the role from a user.
async fn take_role(scene: &Scene, name: &str) -> Outcome {
    let (keycloak, realm) = (&scene.servers.keycloak, scene.realm());
    let user = keycloak.user_id(realm, &scene.full(name)).await?;
    let role = keycloak.ask(Method::GET, &format!("/{realm}/roles/{ROLE}"), None).await?;
    let mappings = format!("/{realm}/users/{user}/role-mappings/realm");
    keycloak.ask(Method::DELETE, &mappings, Some(&json!([role]))).await.map(drop)
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn a_role_that_is_taken_away_ends_the_session_within_seconds() -> Outcome {
    let scene = every_way("taken")
        .realm("adminEventsEnabled", true)
        .realm("adminEventsDetailsEnabled", true)
        .reader_may("view-events")
        .open()
        .await?;
    let settings =
        by_role(&scene, ROLE).set("watch.events_every", "1s").set("watch.interval", "1h");
    scene.run(&settings, &["sync"]).await?;
    let watching = Watching::start(&scene, &settings).await?;
    let session = scene.log_in("direct").await?;
    assert_eq!(scene.whoami(&session).await?, 200);
    take_role(&scene, "direct").await?;
    let taken = Instant::now();
    while scene.whoami(&session).await? != 401 {
        assert!(taken.elapsed() < Duration::from_mins(1), "{}", watching.log());
        sleep(Duration::from_millis(20)).await;
    }
    println!("watch: session refused {:.1} s after the role", taken.elapsed().as_secs_f64());
    assert!(taken.elapsed() <= WITHIN, "{}", watching.log());
    assert_eq!(scene.states("bygroup").await?, ["bygroup: active"]);
    scene.settles("direct", "deactivated, locked").await
}
