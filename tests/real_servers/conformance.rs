//! Both writers do the same with every source of accounts, and leave the same state in MAS and
//! Synapse.
//!
//! mas-cli opens sessions of one kind; `tests/cli/conformance.rs` has the others, on stand-ins.

use crate::Outcome;
use crate::patience::eventually;
use crate::scene::{Plot, Scene, plot};
use crate::ways::{EVERY_WAY, Way};

/// Every state of an account, inside and outside the group, each with an older session.
fn every_state(topic: &str) -> Plot {
    plot(topic)
        .members("anna in-both in-deactivated in-locked")
        .outsiders("oskar out-both out-deactivated out-locked stranger")
        .accounts("anna oskar stranger")
        .deactivated("in-both out-both")
        .only_deactivated("in-deactivated out-deactivated")
        .locked("in-locked out-locked")
        .everybody_logged_in()
}

const EVERYBODY: &str =
    "anna in-both in-deactivated in-locked oskar out-both out-deactivated out-locked stranger";

/// Returns what remains of each account: its state on both servers, its display name and its
/// session.
async fn left(scene: &Scene) -> Outcome<Vec<String>> {
    let mut left = Vec::new();
    for name in EVERYBODY.split(' ') {
        let user = scene.servers.mas_api.user(&scene.full(name)).await?;
        let (open, all) = scene.servers.mas_api.sessions(&user).await?;
        let synapse = scene.states(name).await?.concat();
        let called = scene.displayname(name).await?;
        let status = scene.whoami(scene.session(name)?).await?;
        left.push(format!(
            "{synapse}; {} in MAS; {open}/{all} sessions: {status}; called {called}",
            user.state()
        ));
    }
    Ok(left)
}

async fn leaves_the_same(
    topic: &str,
    disable: &str,
    done: &[&str],
    kept: &[&str],
    stands: [&str; 9],
) -> Outcome {
    let test = async |way: Way, scene: Scene| {
        let settings = scene.settings_by(way).set("policy.disable", disable);
        assert_eq!(scene.whoami(scene.session("oskar")?).await?, 200, "{way:?}");
        assert_eq!(scene.sync(&settings).await?, [&way.with_bot(done), kept].concat(), "{way:?}");
        assert_eq!(eventually(&stands, async || left(&scene).await).await?, stands, "{way:?}");
        Ok(())
    };
    every_state(topic).by_each(&EVERY_WAY, test).await
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn deactivating_erases_no_account_and_leaves_the_same_state_by_every_way() -> Outcome {
    let done = [
        "exit 0, 4 members",
        "activate in-both, in_group: done",
        "activate in-deactivated, in_group: done",
        "disable oskar, not_in_group: done",
        "disable stranger, not_in_group: done",
    ];
    let stands = [
        "anna: active; active in MAS; 1/1 sessions: 200; called anna",
        "in-both: active; active in MAS; 0/1 sessions: 401; called in-both",
        "in-deactivated: active; active in MAS; 0/1 sessions: 401; called in-deactivated",
        "in-locked: locked; locked in MAS; 1/1 sessions: 401; called in-locked",
        "oskar: deactivated, locked; deactivated, locked in MAS; 0/1 sessions: 401; called oskar",
        "out-both: deactivated, locked; deactivated, locked in MAS; 0/1 sessions: 401; called out-both",
        "out-deactivated: deactivated; deactivated in MAS; 0/1 sessions: 401; called out-deactivated",
        "out-locked: locked; locked in MAS; 1/1 sessions: 401; called out-locked",
        "stranger: deactivated, locked; deactivated, locked in MAS; 0/1 sessions: 401; called stranger",
    ];
    leaves_the_same("dconform", "deactivate", &done, &["keep in-locked, locked_by_hand"], stands)
        .await
}

#[tokio::test]
#[ignore = "needs real servers: tests/real-servers.sh starts them"]
async fn locking_leaves_the_same_state_by_every_way() -> Outcome {
    let done = [
        "exit 0, 4 members",
        "activate in-both, in_group: done",
        "activate in-deactivated, in_group: done",
        "activate in-locked, in_group: done",
        "disable oskar, not_in_group: done",
        "disable stranger, not_in_group: done",
    ];
    let stands = [
        "anna: active; active in MAS; 1/1 sessions: 200; called anna",
        "in-both: active; active in MAS; 0/1 sessions: 401; called in-both",
        "in-deactivated: active; active in MAS; 0/1 sessions: 401; called in-deactivated",
        "in-locked: active; active in MAS; 1/1 sessions: 200; called in-locked",
        "oskar: locked; locked in MAS; 0/1 sessions: 401; called oskar",
        "out-both: deactivated, locked; deactivated, locked in MAS; 0/1 sessions: 401; called out-both",
        "out-deactivated: deactivated; deactivated in MAS; 0/1 sessions: 401; called out-deactivated",
        "out-locked: locked; locked in MAS; 1/1 sessions: 401; called out-locked",
        "stranger: locked; locked in MAS; 0/1 sessions: 401; called stranger",
    ];
    leaves_the_same("lconform", "lock", &done, &[], stands).await
}
