//! The bot's account and its token: kept, checked, and never the admin token.

use matrix_keycloak_sync::standins::{Auth, Fault, RunningWorld};
use serde_json::json;

use super::{ROOM, notify, notifying, with_bot};
use crate::doctor::doctor;
use crate::harness::{
    BY_MAS, EVERY_WAY, Program, program, program_by, program_with, script, set_mode, settings,
    started, the_table,
};

const DEVICE: &str = "urn:matrix:client:api:* urn:matrix:client:device:OPS";

#[tokio::test]
async fn account_of_the_bot_is_kept() {
    for way in EVERY_WAY {
        let world = started(with_bot(the_table())).await;
        let (section, token) = notify(&world);
        let by = |section: &str| {
            let toml = format!("{}{section}", settings(&world, way));
            let by = program(&world).file(&world, &toml).hiding(&token);
            by.hiding(world.mas_client_secret()).run("plan --format json").exits(0)
        };
        let run = by(&section);
        assert!(
            run.kept().contains(&"ops-bot token_owner".to_owned()),
            "{way:?}: {:?}",
            run.kept()
        );
        let disable = "disable ops-bot not_in_keycloak".to_owned();
        assert!(!run.actions().contains(&disable), "{way:?}");
        assert!(by("").actions().contains(&disable), "{way:?}");
    }
}

#[tokio::test]
async fn owner_of_a_personal_token_that_acts_as_the_bot_is_kept() {
    let world = started(with_bot(the_table())).await;
    world.synapse.state().account_mut("ops-bot").expect("seeded").devices.insert("OPS".to_owned());
    let token = world.personal_token_by("dave", "ops-bot", DEVICE).expect("a token");
    let section = format!("[notify]\nroom = {ROOM:?}\naccess_token = {token:?}\n");
    let by = |more: &str| program(&world).file(&world, &format!("{more}{section}")).hiding(&token);
    let way = EVERY_WAY[0];
    let run = by(&settings(&world, way)).hiding(world.mas_client_secret());
    let run = run.run("plan --format json").exits(0);
    for name in ["dave", "ops-bot"] {
        assert!(run.kept().contains(&format!("{name} token_owner")), "{:?}", run.kept());
    }
    let told = "the owner of notify.access_token, a personal access token that acts as \
                @ops-bot:example.org, is not known: add the owner to policy.protect";
    by("").run("plan").exits(0).tells(&[told]);
    let found = "the owner of the bot's personal access token is not known";
    by("").run("doctor --format json").prints(&[found]);
}

#[tokio::test]
async fn token_that_synapse_refuses_is_a_warning_and_no_failure() {
    let world = started(with_bot(the_table())).await;
    let section = format!("[notify]\nroom = {ROOM:?}\naccess_token = \"mct_gone_1234\"\n");
    let run = program(&world).file(&world, &section).run("sync").exits(4);
    run.tells(&[
        "Synapse refuses notify.access_token, so the bot's account is not known: add it to policy.protect",
        "notify.room gets no message: Synapse: PUT",
        "401 Unauthorized",
    ]);
}

#[tokio::test]
async fn proxy_that_hides_the_owner_of_the_bots_token_ends_the_run_before_the_bot_is_disabled() {
    let world = started(with_bot(the_table())).await;
    // The first question is about the admin token.
    world.synapse.faults().on("/whoami").skip(1).answer(crate::harness::proxy_page(403));
    notifying(&world, "").run("sync").exits(1).tells(&["/whoami", "a proxy or load balancer"]);
}

#[tokio::test]
async fn wrong_settings_are_configuration_errors() {
    let world = started(the_table()).await;
    let told = |section: &str, told: &[&str]| {
        program(&world)
            .file(&world, &format!("[notify]\n{section}"))
            .run("plan")
            .exits(78)
            .tells(told);
    };
    let room = format!("room = {ROOM:?}\n");
    told(&room, &["notify.access_token: missing: an access token of the bot"]);
    told(
        &format!("{room}access_token = {:?}\n", world.admin_token()),
        &[
            "notify.access_token: expected the token of an account of its own: this is synapse.admin_token",
        ],
    );
    told("access_token = \"mct_something\"\n", &["notify.room: missing: the room that the bot"]);
    for wrong in ["#ops:example.org", "ops", "!", "!a b"] {
        told(
            &format!("room = {wrong:?}\naccess_token = \"mct_something\"\n"),
            &[&format!(
                "notify.room = {wrong:?}: expected the ID of a room, such as \"!ops:example.org\""
            )],
        );
    }
    told(
        "on_done = []\n",
        &["notify.on_done: expected a list of texts, the program first; it is empty"],
    );
    let section = format!("[notify]\n{room}access_token = \"mct_something\"\n");
    let run = program_by(&world, BY_MAS, &section).run("plan").exits(78);
    run.tells(&["notify.room = \"!ops:example.org\": this needs synapse.url"]);
}

#[tokio::test]
async fn doctor_finds_nothing_wrong_with_a_bot_that_may_write() {
    let world = started(with_bot(the_table())).await;
    let hook = script(&world, "hook", "true");
    let on_done = format!(
        "on_done = [{:?}]\n[watch]\non_refused = [\"sh\", \"-c\", \"x\"]\n",
        hook.to_string_lossy()
    );
    let checks =
        ["settings on_refused", "settings on_done", "synapse notify_token", "synapse notify_room"];
    let found = doctor(notifying(&world, &on_done)).ailing_is(&[]).shown(&checks);
    let path = world.directory().display().to_string();
    crate::snapshots::assert_snapshot("doctor_notify", &found.replace(&path, "/world"));
}

fn by_client(world: &RunningWorld) -> Program {
    program_with(world, Auth::ClientCredentials)
}

/// A room whose state has this event.
fn room_with(world: &RunningWorld, kind: &str, content: &serde_json::Value) {
    let mut synapse = world.synapse.state();
    synapse.add_room(ROOM).state.insert(kind.to_owned(), content.clone());
}

#[tokio::test]
async fn doctor_says_what_the_bot_and_its_room_lack() {
    let shown = |world: &RunningWorld, by: Program| {
        let found = doctor(by).shown(&[]);
        found.replace(&world.synapse.url(), "http://synapse")
    };
    let mut all = String::new();
    let world = started(with_bot(the_table())).await;
    world.synapse.state().account_mut("ops-bot").expect("seeded").rooms.clear();
    all += &shown(&world, notifying(&world, ""));

    let world = started(with_bot(the_table())).await;
    let levels = json!({"events": {"m.room.message": 10}, "users": {"@ops-bot:example.org": 9}});
    room_with(&world, "m.room.power_levels", &levels);
    room_with(&world, "m.room.encryption", &json!({"algorithm": "m.megolm.v1.aes-sha2"}));
    all += &shown(&world, notifying(&world, ""));

    let world = started(with_bot(the_table())).await;
    let section = format!("[notify]\nroom = {ROOM:?}\naccess_token = \"mct_gone_1234\"\n");
    all += &shown(&world, by_client(&world).file(&world, &section));

    let world = started(with_bot(the_table())).await;
    let token = world.personal_token("ops-bot", "urn:matrix:client:api:*").expect("a token");
    let section = format!("[notify]\nroom = {ROOM:?}\naccess_token = {token:?}\n");
    let toml = format!("{}{section}", settings(&world, EVERY_WAY[0]));
    let by = by_client(&world).file(&world, &toml).hiding(world.mas_client_secret());
    all += &shown(&world, by);

    let world = started(the_table()).await;
    let hook = script(&world, "hook", "true");
    set_mode(&hook, 0o600);
    for (on_refused, on_done) in
        [("no-such-hook", hook.to_string_lossy()), ("/nowhere/hook", "sh".into())]
    {
        let section =
            format!("[watch]\non_refused = [{on_refused:?}]\n[notify]\non_done = [{on_done:?}]\n");
        let found = shown(&world, by_client(&world).file(&world, &section));
        all += &found.replace(&world.directory().display().to_string(), "/world");
    }
    crate::snapshots::assert_snapshot("doctor_notify_ailing", &all);
}

#[tokio::test]
async fn creator_of_a_room_may_write_whatever_the_levels_say() {
    let world = started(with_bot(the_table())).await;
    room_with(&world, "m.room.power_levels", &json!({"events_default": 50}));
    world.synapse.state().add_room(ROOM).creator = Some("@ops-bot:example.org".to_owned());
    doctor(notifying(&world, "")).ailing_is(&[]);
    notifying(&world, "").run("sync").exits(0);
    assert_eq!(super::messages(&world).len(), 1);
}

#[tokio::test]
async fn doctor_asks_a_synapse_that_does_not_answer_nothing_about_the_room() {
    let world = started(with_bot(the_table())).await;
    let by = notifying(&world, "");
    world.synapse.faults().on("").answer(Fault::Reset);
    let found = doctor(by).shown(&["synapse notify_token", "synapse notify_room"]);
    assert!(found.contains("synapse notify_room skipped\n  Synapse does not answer"), "{found}");
}
