//! What a run does to an account, and what it reports if an action is not done.

use std::time::Duration;

use matrix_keycloak_sync::standins::{Fault, SeenRequest};
use serde_json::json;

use crate::harness::{NO_LIMITS, account, everyone, group, program, started, the_table};

/// A test need not wait for what never comes.
const IMPATIENT: &str = "[writer]\nconfirm_timeout = \"300ms\"";

#[tokio::test]
async fn activating_undoes_lock_and_deactivation() {
    let world = started(
        group().member("bob").disabled_account("bob").member("frank").deactivated_account("frank"),
    )
    .await;
    program(&world).run("sync").exits(0);
    assert_eq!(["bob", "frank"].map(|name| world.state_of(name)), [account(false, false); 2]);
    world.login("bob").expect("bob can log in");
}

#[tokio::test]
async fn action_is_done_when_synapse_shows_it() {
    let world = started(the_table().job_delay(Duration::from_millis(700))).await;
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["activate bob in_group done", "disable dave not_in_group done"]);
    let seen = ["bob", "dave"].map(|name| world.state_of(name).synapse);
    assert_eq!(seen, [account(false, false).synapse, account(true, true).synapse]);
}

#[tokio::test]
async fn action_stays_scheduled_and_the_run_incomplete_if_synapse_never_shows_it() {
    let world = started(the_table()).await;
    world.mas.state().worker_on = false;
    let run = program(&world).file(&world, IMPATIENT).run("sync --format json").exits(4);
    assert_eq!(
        run.actions(),
        ["activate bob in_group scheduled", "disable dave not_in_group scheduled"]
    );
    let told = "requested, but Synapse does not show it yet (deactivated: false, locked: false)";
    assert_eq!(run.json()["actions"][1]["error"], told);

    world.mas.state().worker_on = true;
    assert!(world.settle().await);
    assert_eq!(program(&world).run("sync --format json").exits(0).actions(), [""; 0]);
}

#[tokio::test]
async fn account_is_read_once_after_its_action_if_there_is_no_time_to_wait() {
    let world = started(the_table()).await;
    world.mas.state().worker_on = false;
    let toml = "[writer]\nconfirm_timeout = \"0s\"";
    program(&world).file(&world, toml).run("sync").exits(4);
    // Once before the action, and once after it.
    assert_eq!(world.synapse.requests().count("/v2/users/@dave"), 2);
}

#[tokio::test]
async fn action_on_an_account_that_is_deleted_meanwhile_is_not_done() {
    let world = started(the_table()).await;
    let gone = json!({"errcode": "M_NOT_FOUND", "error": "User not found"}).to_string();
    world.synapse.faults().on("/v2/users/@dave").skip(1).answer(Fault::Status(404, gone));
    let run = program(&world).file(&world, IMPATIENT).run("sync --format json").exits(4);
    assert_eq!(
        run.actions(),
        ["activate bob in_group done", "disable dave not_in_group scheduled"]
    );
    let told = "requested, but Synapse no longer knows the account";
    assert_eq!(run.json()["actions"][1]["error"], told);
}

#[tokio::test]
async fn unconfirmed_actions_are_printed_as_text_too() {
    let world = started(the_table()).await;
    world.mas.state().worker_on = false;
    let run = program(&world).file(&world, IMPATIENT).run("sync").exits(4);
    run.matches(&world, "sync_that_is_not_confirmed");
}

#[tokio::test]
async fn deactivation_is_requested_again_if_the_worker_lost_it() {
    let world = started(group().member("alice").user("dave").account("dave")).await;
    world.mas.state().worker_on = false;
    program(&world).file(&world, IMPATIENT).run("sync").exits(4);
    world.mas.state().lose_jobs();
    world.mas.state().worker_on = true;
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group done"]);
}

#[tokio::test]
async fn sessions_end_at_once_in_both_modes() {
    for mode in ["deactivate", "lock"] {
        let world = started(the_table()).await;
        let token = world.login("dave").expect("dave can log in");
        assert_eq!(world.whoami(&token).await.expect("an answer"), 200);
        program(&world)
            .file(&world, &format!("[policy]\ndisable = \"{mode}\""))
            .run("sync")
            .exits(0);
        assert!(world.settle().await);
        assert_eq!(world.whoami(&token).await.expect("an answer"), 401, "{mode}");
    }
}

#[tokio::test]
async fn sessions_end_before_the_worker_has_done_anything() {
    let world = started(the_table()).await;
    world.login("dave").expect("dave can log in");
    world.mas.state().worker_on = false;
    program(&world).file(&world, IMPATIENT).run("sync").exits(4);
    assert_eq!(world.state_of("dave").mas.map(|mas| (mas.locked, mas.sessions)), Some((true, 0)));
}

#[tokio::test]
async fn member_keeps_all_sessions() {
    let world = started(the_table()).await;
    let token = world.login("alice").expect("alice can log in");
    program(&world).run("sync").exits(0);
    assert_eq!(world.whoami(&token).await.expect("an answer"), 200);
}

#[tokio::test]
async fn an_error_after_the_first_change_is_incomplete() {
    let world = started(the_table()).await;
    let looked_at_once = |seen: &SeenRequest| seen.path.contains("/admin/v2/users/");
    // The first look at each is the second look before the change.
    world
        .synapse
        .faults()
        .matching(looked_at_once)
        .skip(2)
        .answer(Fault::Status(500, String::new()));
    let run = program(&world).file(&world, IMPATIENT).run("sync --format json").exits(4);
    assert_eq!(
        run.actions(),
        ["activate bob in_group scheduled", "disable dave not_in_group scheduled"]
    );
    let told = run.json()["actions"][1]["error"].to_string();
    assert!(
        told.contains("Synapse could not be asked: Synapse: GET ") && told.contains("500"),
        "{told}"
    );
}

#[tokio::test]
async fn only_the_action_fails_whose_account_mas_does_not_know() {
    let world = started(the_table()).await;
    world.keycloak.shared().lock().realm("corp").add_user("casper");
    world.synapse.state().add_account("casper");
    let run = program(&world).file(&world, NO_LIMITS).run("sync --format json").exits(4);
    let actions = [
        "activate bob in_group done",
        "disable casper not_in_group failed",
        "disable dave not_in_group done",
    ];
    assert_eq!(run.actions(), actions);
    let told = run.json()["actions"][1]["error"].to_string();
    assert!(
        told.contains("manage lock-user --deactivate -- casper") && told.contains("User not found"),
        "{told}"
    );
    assert_eq!(world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn nothing_is_ever_erased() {
    let world = started(the_table()).await;
    program(&world).run("sync").exits(0);
    let erased: Vec<_> = everyone(&world)
        .into_iter()
        .filter(|(_, state)| state.synapse.is_some_and(|seen| seen.erased))
        .collect();
    assert_eq!(erased, []);
}

#[tokio::test]
async fn activation_is_done_only_once_synapse_shows_no_lock() {
    let world =
        started(group().member("alice").account("alice").member("bob").locked_account("bob")).await;
    world.mas.state().worker_on = false;
    let run = program(&world)
        .file(&world, &format!("[policy]\ndisable = \"lock\"\n{IMPATIENT}"))
        .run("sync --format json");
    let run = run.exits(4);
    assert_eq!(run.actions(), ["activate bob in_group scheduled"]);
    let told = run.json()["actions"][0]["error"].to_string();
    assert!(told.contains("does not show it yet (deactivated: false, locked: true)"), "{told}");
}
