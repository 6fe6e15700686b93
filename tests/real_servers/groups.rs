//! Groups that cannot be read properly: nothing is changed, and the error says what to do.

use serde_json::json;

use crate::Outcome;
use crate::program::Settings;
use crate::scene::{Plot, SEARCHER, Scene, UNPRIVILEGED, plot};

/// An account that would be disabled if the program took an untrusted answer for an empty group.
fn with_a_stranger(topic: &str) -> Plot {
    plot(topic).members("alice").accounts("alice dave")
}

/// Checks that a sync ends with exit 1, says all of `words`, and changes nothing.
async fn is_an_error(scene: &Scene, settings: &Settings, words: &[&str]) -> Outcome {
    let run = scene.run(settings, &["sync", "--format", "json"]).await?;
    assert_eq!(run.exit, Some(1), "{}", run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "{word:?} is not in: {}", run.stderr);
    }
    assert_eq!(scene.states("alice dave").await?, ["alice: active", "dave: active"]);
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn an_unknown_group_is_an_error() -> Outcome {
    let scene = with_a_stranger("unknown").open().await?;
    for group in
        ["nosuch", "/nosuch", "/matrix-users/nosuch", "00000000-0000-0000-0000-000000000000"]
    {
        is_an_error(
            &scene,
            &scene.settings().set("keycloak.groups", json!([group])),
            &[group, scene.realm()],
        )
        .await?;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn ambiguous_group_is_an_error_that_names_every_path() -> Outcome {
    let groups = json!([{"name": "matrix-users"}, {"name": "staff", "subGroups": [{"name": "matrix-users"}]}]);
    let plot =
        with_a_stranger("twice").realm("groups", groups).members_of("/staff/matrix-users", "dave");
    let scene = plot.open().await?;
    is_an_error(&scene, &scene.settings(), &["/matrix-users", "/staff/matrix-users"]).await?;
    let by_path = scene.settings().set("keycloak.groups", json!(["/staff/matrix-users"]));
    let lines = scene.plan(&by_path).await?;
    assert_eq!(
        lines,
        ["exit 0, 1 members", "disable alice, not_in_group", "keep bot, token_owner"]
    );
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn a_forbidden_group_is_an_error_that_names_the_role() -> Outcome {
    let scene = with_a_stranger("forbidden").open().await?;
    is_an_error(
        &scene,
        &scene.settings().set("keycloak.client_id", UNPRIVILEGED),
        &["403", "view-users"],
    )
    .await
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn a_client_that_sees_empty_lists_only_is_an_error_that_names_the_role() -> Outcome {
    let scene = with_a_stranger("blind").open().await?;
    is_an_error(&scene, &scene.settings().set("keycloak.client_id", SEARCHER), &["view-users"])
        .await
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn wrong_credentials_are_an_error() -> Outcome {
    let scene = with_a_stranger("wrong").open().await?;
    is_an_error(&scene, &scene.settings().set("keycloak.client_secret", "wrong"), &["Keycloak"])
        .await?;
    is_an_error(&scene, &scene.settings().set("synapse.admin_token", "mct_wrong"), &["Synapse"])
        .await
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn members_of_a_subgroup_count_only_if_configured() -> Outcome {
    let groups = json!([{"name": "matrix-users", "subGroups": [{"name": "contractors"}]}]);
    let plot = plot("nested")
        .realm("groups", groups)
        .members("alice")
        .members_of("/matrix-users/contractors", "erin");
    let scene = plot.accounts("alice erin").open().await?;
    let lines = scene.plan(&scene.settings()).await?;
    assert_eq!(lines, ["exit 0, 1 members", "disable erin, not_in_group", "keep bot, token_owner"]);
    let lines = scene.plan(&scene.settings().set("keycloak.include_subgroups", true)).await?;
    assert_eq!(lines, ["exit 0, 2 members", "keep bot, token_owner"]);
    Ok(())
}
