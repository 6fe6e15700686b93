//! `[notify]` on a real Synapse: a message arrives, and once even if it is sent twice.

use serde_json::json;

use crate::Outcome;
use crate::relay::Relay;
use crate::scene::plot;

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn message_that_is_sent_twice_arrives_once() -> Outcome {
    let scene = plot("notify").members("ann").outsiders("dave").accounts("ann dave ops-bot");
    let scene = scene.open().await?;
    let synapse = &scene.servers.synapse;
    let (ann, bot) = (scene.log_in("ann").await?, scene.log_in("ops-bot").await?);
    let bot_id = format!("@{}:{}", scene.full("ops-bot"), synapse.server_name);
    let room = synapse.create_room(&ann, &bot_id).await?;
    let relay = Relay::start(&synapse.url, |_| async {}).await?;
    let settings = scene
        .settings()
        .set("synapse.url", &*relay.url)
        .set("notify.room", &*room)
        .set("notify.access_token", &*bot);

    let checked = scene.run(&settings, &["doctor", "--format", "json"]).await?.json()?;
    assert_eq!(check(&checked, "notify_token"), "ok", "{checked}");
    assert_eq!(check(&checked, "notify_room"), "problem", "invited only: {checked}");
    synapse.join_room(&bot, &room).await?;
    let checked = scene.run(&settings, &["doctor", "--format", "json"]).await?.json()?;
    assert_eq!(check(&checked, "notify_room"), "ok", "{checked}");

    relay.lose_answer_to("/send/m.room.message/");
    assert_eq!(
        scene.sync(&settings).await?,
        [
            "exit 0, 1 members",
            "disable dave, not_in_group: done",
            "keep bot, token_owner",
            "keep ops-bot, token_owner"
        ]
    );
    let sent = relay.requests("/send/m.room.message/");
    assert_eq!((sent.len(), &sent[0]), (2, &sent[1]), "the same transaction");
    let messages = synapse.messages(&ann, &room).await?;
    let title = format!("Matrix accounts of {} (realm {})", synapse.server_name, scene.realm());
    let text = format!("{title}: 1 disabled\n- disabled: {}", scene.full("dave"));
    let bodies: Vec<_> = messages.iter().map(|event| &event["content"]["body"]).collect();
    assert_eq!(bodies, [&json!(text)]);
    assert_eq!(messages[0]["sender"], bot_id);
    Ok(())
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn token_without_a_device_sends_nothing_and_doctor_says_so() -> Outcome {
    let scene = plot("deviceless").members("ann").accounts("ann ops-bot").open().await?;
    let (synapse, mas) = (&scene.servers.synapse, &scene.servers.mas_api);
    let (ann, bot) = (scene.log_in("ann").await?, scene.log_in("ops-bot").await?);
    let bot_id = format!("@{}:{}", scene.full("ops-bot"), synapse.server_name);
    let room = synapse.create_room(&ann, &bot_id).await?;
    synapse.join_room(&bot, &room).await?;
    assert_eq!(synapse.send(&bot, &room).await?, 200);
    let user = mas.user(&scene.full("ops-bot")).await?;
    let token = mas.personal_token(&user, "urn:matrix:client:api:*").await?;
    assert_eq!(synapse.whoami(&token).await?, 200);
    assert_eq!(synapse.send(&token, &room).await?, 500);
    let settings = scene.settings().set("notify.room", &*room).set("notify.access_token", token);
    let checked = scene.run(&settings, &["doctor", "--format", "json"]).await?.json()?;
    assert_eq!(check(&checked, "notify_token"), "problem", "{checked}");
    Ok(())
}

/// Returns the status of a check of `doctor`.
fn check<'v>(found: &'v serde_json::Value, name: &str) -> &'v str {
    let checks = found["checks"].as_array().map_or(&[][..], Vec::as_slice);
    let check = checks.iter().find(|check| check["check"] == name);
    check.and_then(|check| check["status"].as_str()).unwrap_or("missing")
}
