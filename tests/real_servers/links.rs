//! Users of Keycloak whose accounts now have other names: links, memory, and users without any.

use crate::Outcome;
use crate::scene::plot;
use crate::ways::{BY_MAS, Way};

/// Each writer, with Synapse and without.
const WAYS: [Way; 2] = [Way { writer: "mas-cli", source: "mas", synapse: true }, BY_MAS];

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn linked_account_belongs_to_the_linked_user_despite_renames() -> Outcome {
    let people =
        plot("tied").realm("editUsernameAllowed", true).members("alice bob erin").outsiders("dave");
    let plot = people.accounts("alice bob dave").deactivated("erin");
    plot.by_each(&WAYS, async |way, scene| {
        let settings = scene.settings_by(way).set("accounts.match", "auto");
        scene.tie("alice bob dave erin").await?;
        scene.rename("alice", "alicia").await?;
        scene.rename("dave", "david").await?;
        scene.rename("erin", "erika").await?;
        scene.recreate("bob").await?;

        let by_tie = scene.sync(&settings).await?;
        let done = [
            "exit 4, 3 members",
            "disable bob, not_in_keycloak: skipped: needs approval",
            "disable dave, not_in_group: done",
            "activate erin, in_group: done",
            "no account bob",
        ];
        assert_eq!(by_tie, way.with_bot(&done), "{way:?}");
        let stands = ["alice: active", "bob: active", "dave: deactivated, locked", "erin: active"];
        assert_eq!(
            scene.states_after(way, "alice bob dave erin", &stands).await?,
            stands,
            "{way:?}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn a_renamed_member_keeps_the_account_by_memory() -> Outcome {
    let plot = plot("recall")
        .realm("editUsernameAllowed", true)
        .members("alice bob")
        .accounts("alice bob");
    let scene = plot.open().await?;
    let settings = scene.settings();
    let in_step = ["exit 0, 2 members", "keep bot, token_owner"];
    assert_eq!(scene.sync(&settings).await?, in_step);
    scene.rename("alice", "alicia").await?;
    assert_eq!(scene.sync(&settings).await?, in_step);
    assert_eq!(scene.states("alice bob").await?, ["alice: active", "bob: active"]);
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn service_account_and_user_with_an_odd_name_block_nothing() -> Outcome {
    let plot = plot("odd").members("alice odd@name").outsiders("dave").accounts("alice dave");
    let scene = plot.open().await?;
    scene.join_service_account().await?;
    // With a template that is more than the username, the program searches the list of users for
    // owners.
    let settings =
        scene.settings().set("keycloak.localpart", "{{ user.preferred_username | lower }}");
    let run = scene.run(&settings, &["sync", "--format", "json"]).await?;
    let done = ["exit 0, 3 members", "disable dave, not_in_group: done", "keep bot, token_owner"];
    assert_eq!(scene.lines(&run)?, done, "{}", run.stderr);
    let unnamed = run.json()?["unnamed"].clone();
    assert_eq!(unnamed[0]["username"], scene.full("odd@name"), "{unnamed}");
    Ok(())
}
