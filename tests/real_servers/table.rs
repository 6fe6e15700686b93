//! Every row of the table, by every way and with both grants, and the texts of the interface for
//! them.

use serde_json::json;

use crate::Outcome;
use crate::scene::{Plot, Scene, plot};
use crate::ways::{BY_DEFAULT, EVERY_WAY, Way};

/// One user per row, with both ways to be outside the group and a member who is disabled in
/// Keycloak.
fn everybody(topic: &str) -> Plot {
    plot(topic)
        .members("alice bob zoe")
        .disabled_members("frank")
        .outsiders("dave erin")
        .accounts("alice carol dave frank")
        .deactivated("bob erin")
}

const PLANNED: [&str; 6] = [
    "exit 0, 4 members",
    "activate bob, in_group",
    "disable carol, not_in_keycloak",
    "disable dave, not_in_group",
    "disable frank, disabled_in_keycloak",
    "no account zoe",
];

/// Carol's account was never linked to a user of Keycloak.
const DONE: [&str; 6] = [
    "exit 4, 4 members",
    "activate bob, in_group: done",
    "disable carol, not_in_keycloak: skipped: needs approval",
    "disable dave, not_in_group: done",
    "disable frank, disabled_in_keycloak: done",
    "no account zoe",
];

const IN_STEP: [&str; 3] = [
    "exit 4, 4 members",
    "disable carol, not_in_keycloak: skipped: needs approval",
    "no account zoe",
];

const EVERYBODY: &str = "alice bob bot carol dave erin frank zoe";

const STATES_BEFORE: [&str; 8] = [
    "alice: active",
    "bob: deactivated, locked",
    "bot: active",
    "carol: active",
    "dave: active",
    "erin: deactivated, locked",
    "frank: active",
    "zoe: unknown",
];

const STATES_IN_STEP: [&str; 8] = [
    "alice: active",
    "bob: active",
    "bot: active",
    "carol: active",
    "dave: deactivated, locked",
    "erin: deactivated, locked",
    "frank: deactivated, locked",
    "zoe: unknown",
];

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn every_row_of_the_table_by_every_way_with_client_credentials_in_the_realm() -> Outcome {
    let test = async |way: Way, scene: Scene| {
        let settings = scene.settings_by(way);
        assert_eq!(scene.plan(&settings).await?, way.with_bot(&PLANNED), "{way:?}");
        assert_eq!(
            scene.states(EVERYBODY).await?,
            STATES_BEFORE,
            "a plan changes nothing: {way:?}"
        );
        assert_eq!(scene.sync(&settings).await?, way.with_bot(&DONE), "{way:?}");
        assert_eq!(
            scene.states_after(way, EVERYBODY, &STATES_IN_STEP).await?,
            STATES_IN_STEP,
            "{way:?}"
        );
        assert_eq!(scene.sync(&settings).await?, way.with_bot(&IN_STEP), "{way:?}");
        assert_eq!(
            scene.whoami(&scene.admin_token).await?,
            200,
            "the token's owner is untouched: {way:?}"
        );
        Ok(())
    };
    everybody("table").by_each(&EVERY_WAY, test).await
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn every_row_of_the_table_with_the_password_grant_in_master_and_the_variables_alone()
-> Outcome {
    let mut scene = everybody("nine").open().await?;
    let (username, password) = scene.reader_in_master().await?;
    let variables = [
        ("KC_URL", &*scene.servers.keycloak.url),
        ("KC_REALM", scene.realm()),
        ("KC_GROUP_NAME", "matrix-users"),
        ("KC_CLIENT_ID", "admin-cli"),
        ("KC_ADMIN_USER", &username),
        ("KC_ADMIN_PASS", &password),
        ("MATRIX_URL", &scene.servers.synapse.url),
        ("MATRIX_ADMIN_TOKEN", &scene.admin_token),
        ("MATRIX_SERVER_NAME", &scene.servers.synapse.server_name),
    ];
    let nothing = crate::program::Settings::default();
    let run = async |settings, arguments: &[&str]| {
        crate::program::run(scene.directory.path(), settings, &variables, arguments).await
    };
    let planned = run(&nothing, &["plan", "--format", "json"]).await?;
    assert_eq!(scene.lines(&planned)?, BY_DEFAULT.with_bot(&PLANNED));
    let synced = run(&scene.writing(), &["sync", "--format", "json"]).await?;
    assert_eq!(scene.lines(&synced)?, BY_DEFAULT.with_bot(&DONE));
    assert_eq!(scene.states(EVERYBODY).await?, STATES_IN_STEP);
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn a_plan_beyond_a_limit_is_refused_until_its_digest_is_approved() -> Outcome {
    let scene = plot("limit")
        .members("alice")
        .outsiders("dave erin")
        .accounts("alice dave erin")
        .open()
        .await?;
    let settings = scene.settings().set("limits.max_disable", 1);
    let refused = scene.run(&settings, &["sync", "--format", "json"]).await?;
    assert_eq!(refused.exit, Some(3));
    assert_eq!(scene.states("dave erin").await?, ["dave: active", "erin: active"]);
    let plan = scene.run(&settings, &["plan", "--format", "json"]).await?.json()?;
    let digest = plan["digest"].as_str().ok_or("a plan without a digest")?;
    let approved = scene.run(&settings, &["sync", "--approve", digest, "--format", "json"]).await?;
    assert_eq!(approved.exit, Some(0), "{}", approved.stderr);
    assert_eq!(
        scene.states("dave erin").await?,
        ["dave: deactivated, locked", "erin: deactivated, locked"]
    );
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn an_empty_group_is_refused() -> Outcome {
    let scene = plot("empty").outsiders("alice").accounts("alice").open().await?;
    let run = scene.run(&scene.settings(), &["sync", "--format", "json"]).await?;
    assert_eq!(
        (run.exit, scene.states("alice").await?),
        (Some(3), vec!["alice: active".to_owned()])
    );
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn saved_plan_skips_members_who_have_come_back() -> Outcome {
    let scene = plot("saved")
        .members("alice")
        .outsiders("dave erin")
        .accounts("alice dave erin")
        .open()
        .await?;
    let (settings, saved) = (scene.settings(), scene.directory.path().join("plan.json"));
    let saved = saved.to_str().ok_or("a directory with a strange name")?;
    assert_eq!(
        scene.run(&settings, &["plan", "--out", saved, "--detailed-exitcode"]).await?.exit,
        Some(2)
    );
    scene.join("dave").await?;
    let applied = scene.run(&settings, &["apply", saved]).await?;
    assert_eq!(applied.exit, Some(0), "{}", applied.stderr);
    assert_eq!(scene.states("dave erin").await?, ["dave: active", "erin: deactivated, locked"]);
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn disabling_by_a_lock_keeps_the_account() -> Outcome {
    let scene = plot("lock")
        .members("alice bob")
        .outsiders("dave")
        .accounts("alice dave")
        .locked("bob")
        .open()
        .await?;
    let settings = scene.settings().set("policy.disable", json!("lock"));
    let lines = scene.sync(&settings).await?;
    let expected = [
        "exit 0, 2 members",
        "activate bob, in_group: done",
        "disable dave, not_in_group: done",
        "keep bot, token_owner",
    ];
    assert_eq!(lines, expected);
    assert_eq!(
        scene.states("alice bob dave").await?,
        ["alice: active", "bob: active", "dave: locked"]
    );
    Ok(())
}
