//! What becomes of single people: sessions, locks, bridges.

use crate::Outcome;
use crate::scene::plot;
use crate::servers::bridge;

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn a_locked_and_deactivated_member_is_seen_and_brought_back_able_to_log_in() -> Outcome {
    let scene = plot("back").members("bob").deactivated("bob").open().await?;
    let told = scene.sync(&scene.settings()).await?;
    assert_eq!(told, ["exit 0, 1 members", "activate bob, in_group: done", "keep bot, token_owner"]);
    assert_eq!(scene.states("bob").await?, ["bob: active"]);
    assert_eq!(scene.whoami(&scene.log_in("bob")?).await?, 200);
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn a_session_ends_with_the_membership_and_a_new_one_begins_with_the_next() -> Outcome {
    let scene = plot("session").members("alice bob").accounts("alice bob").open().await?;
    let (settings, session) = (scene.settings(), scene.log_in("bob")?);
    assert_eq!(scene.whoami(&session).await?, 200);
    scene.leave("bob").await?;
    let told = scene.sync(&settings).await?;
    assert_eq!(told, ["exit 0, 1 members", "disable bob, not_in_group: done", "keep bot, token_owner"]);
    assert!(scene.servers.synapse.is_shut_out(&session).await?, "an open session outlives the membership");
    scene.join("bob").await?;
    let told = scene.sync(&settings).await?;
    assert_eq!(told, ["exit 0, 2 members", "activate bob, in_group: done", "keep bot, token_owner"]);
    assert_eq!(scene.whoami(&scene.log_in("bob")?).await?, 200);
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn an_open_session_ends_at_once_with_a_lock_too() -> Outcome {
    let scene = plot("shut").members("alice").outsiders("dave").accounts("alice dave").open().await?;
    let session = scene.log_in("dave")?;
    assert_eq!(scene.whoami(&session).await?, 200);
    let told = scene.sync(&scene.settings().set("policy.disable", "lock")).await?;
    assert_eq!(told, ["exit 0, 1 members", "disable dave, not_in_group: done", "keep bot, token_owner"]);
    assert!(scene.servers.synapse.is_shut_out(&session).await?, "an open session outlives the lock");
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn a_member_locked_by_hand_stays_locked_unless_asked_for() -> Outcome {
    let scene = plot("hand").members("alice bob").outsiders("dave").accounts("alice").locked("bob dave").open().await?;
    let told = scene.sync(&scene.settings()).await?;
    assert_eq!(told, ["exit 0, 2 members", "keep bob, locked_by_hand", "keep bot, token_owner"]);
    assert_eq!(scene.states("bob dave").await?, ["bob: locked", "dave: locked"]);
    let told = scene.sync(&scene.settings().set("policy.locked_members", "activate")).await?;
    assert_eq!(told, ["exit 0, 2 members", "activate bob, in_group: done", "keep bot, token_owner"]);
    assert_eq!(scene.states("bob dave").await?, ["bob: active", "dave: locked"]);
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn a_user_of_a_bridge_is_kept() -> Outcome {
    let mut scene = plot("bridge").members("alice").accounts("alice").open().await?;
    let (token, user) = bridge()?;
    scene.servers.synapse.register_bridged(&token, &user).await?;
    scene.and(&user);
    let mut told = scene.sync(&scene.settings()).await?;
    told.sort();
    let mut expected = vec!["exit 0, 1 members".to_owned(), "keep bot, token_owner".to_owned()];
    expected.push(format!("keep {user}, appservice"));
    expected.sort();
    assert_eq!(told, expected);
    assert_eq!(scene.servers.synapse.state(&scene.admin_token, &user).await?, "active");
    Ok(())
}
