//! What happens to single accounts: sessions, locks, bridges.

use crate::Outcome;
use crate::scene::plot;
use crate::servers::bridge;
use crate::ways::EVERY_WAY;

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn locked_and_deactivated_member_can_log_in_after_activation() -> Outcome {
    let plot = plot("back").members("bob").deactivated("bob");
    plot.by_each(&EVERY_WAY, async |way, scene| {
        let lines = scene.sync(&scene.settings_by(way)).await?;
        let done = ["exit 0, 1 members", "activate bob, in_group: done"];
        assert_eq!(lines, way.with_bot(&done), "{way:?}");
        assert_eq!(
            scene.states_after(way, "bob", &["bob: active"]).await?,
            ["bob: active"],
            "{way:?}"
        );
        assert_eq!(scene.whoami(&scene.log_in("bob").await?).await?, 200, "{way:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn session_ends_if_its_user_leaves_and_login_works_after_the_return() -> Outcome {
    let plot = plot("session").members("alice bob").accounts("alice bob");
    plot.by_each(&EVERY_WAY, async |way, scene| {
        let (settings, session) = (scene.settings_by(way), scene.log_in("bob").await?);
        assert_eq!(scene.whoami(&session).await?, 200);
        scene.leave("bob").await?;
        let lines = scene.sync(&settings).await?;
        let disabled = ["exit 0, 1 members", "disable bob, not_in_group: done"];
        assert_eq!(lines, way.with_bot(&disabled), "{way:?}");
        assert!(
            scene.servers.synapse.is_shut_out(&session).await?,
            "an open session outlives the membership: {way:?}"
        );
        scene.join("bob").await?;
        let lines = scene.sync(&settings).await?;
        let activated = ["exit 0, 2 members", "activate bob, in_group: done"];
        assert_eq!(lines, way.with_bot(&activated), "{way:?}");
        scene.settles("bob", "active").await?;
        assert_eq!(scene.whoami(&scene.log_in("bob").await?).await?, 200, "{way:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn open_session_ends_at_once_with_a_lock_too() -> Outcome {
    let scene =
        plot("shut").members("alice").outsiders("dave").accounts("alice dave").open().await?;
    let session = scene.log_in("dave").await?;
    assert_eq!(scene.whoami(&session).await?, 200);
    let lines = scene.sync(&scene.settings().set("policy.disable", "lock")).await?;
    assert_eq!(
        lines,
        ["exit 0, 1 members", "disable dave, not_in_group: done", "keep bot, token_owner"]
    );
    assert!(
        scene.servers.synapse.is_shut_out(&session).await?,
        "an open session outlives the lock"
    );
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn member_locked_by_hand_stays_locked_by_default() -> Outcome {
    let scene = plot("hand")
        .members("alice bob")
        .outsiders("dave")
        .accounts("alice")
        .locked("bob dave")
        .open()
        .await?;
    let lines = scene.sync(&scene.settings()).await?;
    assert_eq!(lines, ["exit 0, 2 members", "keep bob, locked_by_hand", "keep bot, token_owner"]);
    assert_eq!(scene.states("bob dave").await?, ["bob: locked", "dave: locked"]);
    let lines = scene.sync(&scene.settings().set("policy.locked_members", "activate")).await?;
    assert_eq!(
        lines,
        ["exit 0, 2 members", "activate bob, in_group: done", "keep bot, token_owner"]
    );
    assert_eq!(scene.states("bob dave").await?, ["bob: active", "dave: locked"]);
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn bridge_user_is_kept_if_synapse_lists_accounts_and_not_listed_if_mas_does() -> Outcome {
    let (token, user) = bridge()?;
    let plot = plot("bridge").members("alice").accounts("alice");
    plot.by_each(&EVERY_WAY, async |way, mut scene| {
        scene.servers.synapse.register_bridged(&token, &user).await?;
        scene.and(&user);
        let mut found = scene.sync(&scene.settings_by(way)).await?;
        found.sort();
        let kept = format!("keep {user}, appservice");
        let of_the_bridge = (way.source == "synapse").then_some(&*kept);
        let lines = ["exit 0, 1 members"].into_iter().chain(of_the_bridge);
        let mut expected = way.with_bot(&lines.collect::<Vec<_>>());
        expected.sort_unstable();
        assert_eq!(found, expected, "{way:?}");
        assert_eq!(
            scene.servers.synapse.state(&scene.admin_token, &user).await?,
            "active",
            "{way:?}"
        );
        Ok(())
    })
    .await
}
