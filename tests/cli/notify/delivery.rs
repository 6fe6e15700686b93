//! What can go wrong with a message, and that it never matters to the run.

use std::time::Instant;

use matrix_keycloak_sync::model::Server;
use matrix_keycloak_sync::standins::{Fault, RunningWorld};
use serde_json::json;

use super::{ROOM, messages, notifying, with_bot};
use crate::harness::{Run, own_error, program, proxy_page, started, the_table};

/// Runs `sync`, and returns how many messages were sent and failed.
fn sync(world: &RunningWorld) -> (Run, [u32; 2]) {
    let path = world.directory().join("sync.prom");
    let run = notifying(world, "").run(&format!("sync --metrics-file {}", path.display()));
    let metrics = std::fs::read_to_string(path).expect("a file");
    let counts = ["sent", "failed"].map(|outcome| {
        let sample = format!("notifications_total{{outcome={outcome:?},to=\"room\"}} ");
        let line = metrics.lines().find_map(|line| line.split_once(&*sample)).expect("a sample");
        line.1.parse().expect("a count")
    });
    (run, counts)
}

/// The end of the path of every message.
const SEND: &str = "/send/m.room.message/";

#[tokio::test]
async fn message_that_fails_is_a_warning_and_the_run_ends_as_ever() {
    let limited = Fault::TooManyRequests { retry_after_secs: 60 };
    for (fault, told) in [
        (Fault::Reset, "The message may have arrived"),
        (own_error(Server::Synapse, 401, "no"), "manage issue-compatibility-token NAME"),
        (own_error(Server::Synapse, 403, "no"), "Invite the bot to the room"),
        (own_error(Server::Synapse, 429, "no"), "rc_message"),
        (own_error(Server::Synapse, 500, "no"), "that the bot's token has a device"),
        (proxy_page(502), "a proxy or load balancer"),
        (limited, "answered 429"),
        (Fault::Html, "text/html instead of JSON"),
    ] {
        let world = started(with_bot(the_table())).await;
        world.synapse.faults().on(SEND).answer(fault.clone());
        let begin = Instant::now();
        let (run, counts) = sync(&world);
        assert!(begin.elapsed().as_secs() < 30, "{fault:?}");
        let run = run.exits(0).tells(&["WARN notify.room gets no message: Synapse: PUT", told]);
        assert!(run.stdout.contains("1 activated, 1 disabled"), "{fault:?}");
        assert_eq!((counts, messages(&world).len()), ([0, 1], 0), "{fault:?}");
    }
}

#[tokio::test]
async fn bot_that_is_not_in_the_room_or_may_not_write_there_is_a_warning() {
    let world = started(with_bot(the_table())).await;
    let forbid = json!({"events_default": 50});
    let room = ["m.room.power_levels".to_owned()];
    world.synapse.state().add_room(ROOM).state = room.map(|kind| (kind, forbid.clone())).into();
    let told = "403 Forbidden: M_FORBIDDEN: You don't have permission to post that to the room.";
    sync(&world).0.exits(0).tells(&[told]);
    let world = started(with_bot(the_table())).await;
    world.synapse.state().account_mut("ops-bot").expect("seeded").rooms.clear();
    let told = "403 Forbidden: M_FORBIDDEN: User @ops-bot:example.org not in room !ops:example.org";
    sync(&world).0.exits(0).tells(&[told]);
}

#[tokio::test]
async fn busy_server_is_asked_once_more_after_the_wait_it_asks_for() {
    let world = started(with_bot(the_table())).await;
    let limited = Fault::TooManyRequests { retry_after_secs: 2 };
    world.synapse.faults().on(SEND).times(1).answer(limited.clone());
    let begin = Instant::now();
    let (run, counts) = sync(&world);
    run.exits(0);
    assert!(begin.elapsed().as_secs() >= 2);
    assert_eq!((counts, messages(&world).len()), ([1, 0], 1));

    let world = started(with_bot(the_table())).await;
    world.synapse.faults().on(SEND).answer(limited);
    assert_eq!(sync(&world).1, [0, 1]);
    assert_eq!(world.synapse.requests().count(SEND), 2);
}

#[tokio::test]
async fn message_whose_answer_is_lost_is_sent_again_and_arrives_once() {
    let world = started(with_bot(the_table())).await;
    world.synapse.faults().on(SEND).times(1).answer(Fault::LostAnswer);
    let (run, counts) = sync(&world);
    run.exits(0);
    assert_eq!(world.synapse.requests().count(SEND), 2);
    assert_eq!((counts, messages(&world).len()), ([1, 0], 1));
}

#[tokio::test]
async fn server_that_hangs_delays_the_end_of_a_run_by_ten_seconds_at_most() {
    let world = started(with_bot(the_table())).await;
    world.synapse.faults().on(SEND).answer(Fault::Hang);
    let begin = Instant::now();
    let (run, counts) = sync(&world);
    run.exits(0).tells(&["gets no message: Synapse did not take it within 10 s"]);
    assert!((10..25).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    assert_eq!(counts, [0, 1]);
}

#[tokio::test]
async fn what_could_not_be_sent_is_in_the_next_message() {
    let world = started(with_bot(the_table())).await;
    world.synapse.faults().on(SEND).times(2).answer(own_error(Server::Synapse, 403, "no"));
    sync(&world).0.exits(0);
    super::later().await;
    notifying(&world, "[watch]\ninterval = \"1s\"\n").run("sync").exits(0);
    assert!(messages(&world).is_empty() || messages(&world)[0].contains("1 run with 2 changes"));
    super::later().await;
    notifying(&world, "[watch]\ninterval = \"1s\"\n").run("sync").exits(0);
    assert!(messages(&world)[0].contains("1 run with 2 changes"), "{:?}", messages(&world));
}

#[tokio::test]
async fn hook_that_fails_is_a_warning_and_the_run_ends_as_ever() {
    for (on_done, told) in [
        ("[\"/nowhere/hook\"]", "the hook /nowhere/hook cannot be run"),
        (
            "[\"/bin/sh\", \"-c\", \"echo oops >&2; exit 3\"]",
            "the hook /bin/sh failed (exit status: 3): oops",
        ),
    ] {
        let world = started(the_table()).await;
        let path = world.directory().join("sync.prom");
        let by = program(&world).file(&world, &format!("[notify]\non_done = {on_done}\n"));
        by.run(&format!("sync --metrics-file {}", path.display())).exits(0).tells(&[told]);
        let metrics = std::fs::read_to_string(path).expect("a file");
        assert!(metrics.contains("{outcome=\"failed\",to=\"on_done\"} 1"), "{metrics}");
    }
}
