//! Which account an event is about, and when the grace of its user ends.

use std::time::{Duration, Instant};

use matrix_keycloak_sync::standins::RunningWorld;

use super::watching::{FAILED, IN_STEP, QUICK, Watching, start};
use super::{becomes, by_mas_cli, in_step, watching};
use crate::harness::{BY_BOTH, NO_LIMITS, account, by_hand, everyone, group, program_by, started};
use crate::second_look::list_of;
use crate::sections::state_file;
use crate::upstream_link::linked;

/// The runs about users in events.
const PEOPLE: &str = "kind=\"people\"";

#[tokio::test]
async fn user_who_leaves_one_of_several_groups_is_still_in_the_other() {
    let world = started(in_step().member_of("/guests", "gina").account("gina")).await;
    world.keycloak.state().realm("corp").join("alice", "/guests");
    let groups = "[keycloak]\ngroups = [\"matrix-users\", \"/guests\"]\n";
    let program =
        by_mas_cli(&world, &format!("{QUICK}{groups}{NO_LIMITS}")).without("KC_GROUP_NAME");
    let watching = start(&world, program);
    watching.is_ready().await;
    let before = everyone(&world);
    world.leave("alice");
    watching.has_run(IN_STEP, 2).await;
    assert_eq!(everyone(&world), before);
    world.keycloak.state().realm("corp").leave("alice", "/guests");
    becomes(&world, "alice", true, true).await;
}

#[tokio::test]
async fn members_of_subgroups_come_and_go_too() {
    let world =
        started(in_step().member_of("/matrix-users/contractors", "erin").account("erin")).await;
    let _watching =
        watching(&world, &format!("[keycloak]\ninclude_subgroups = true\n{NO_LIMITS}")).await;
    world.keycloak.state().realm("corp").leave("erin", "/matrix-users/contractors");
    becomes(&world, "erin", true, true).await;
    world.keycloak.state().realm("corp").join("erin", "/matrix-users/contractors");
    becomes(&world, "erin", false, false).await;
}

#[tokio::test]
async fn rename_changes_nothing_if_mas_links_the_account() {
    let world = started(in_step()).await;
    let program = linked(&world, "");
    let file =
        std::fs::read_to_string(world.directory().join("config.toml")).expect("written just now");
    let watching = start(&world, program.file(&world, &format!("{file}{QUICK}")));
    watching.is_ready().await;
    let before = everyone(&world);
    world.rename_in_keycloak("alice", "alice.cooper");
    watching.has_run(IN_STEP, 2).await;
    assert_eq!(everyone(&world), before);
    world.leave("alice.cooper");
    becomes(&world, "alice", true, true).await;
}

#[tokio::test]
async fn account_that_differs_in_case_from_that_of_mas_is_not_taken_for_it() {
    let world = started(in_step()).await;
    world.synapse.state().add_account("Bob");
    let watching = start(&world, program_by(&world, BY_BOTH, &format!("{QUICK}{NO_LIMITS}")));
    watching.is_ready().await;
    world.leave("bob");
    becomes(&world, "bob", true, true).await;
    watching.has_run("kind=\"people\",result=\"in_step\"", 1).await;
    watching.has_logged("1 action done: in step");
}

#[tokio::test]
async fn template_decides_which_user_an_account_belongs_to() {
    let world = started(in_step()).await;
    world.keycloak.state().realm("corp").user_mut("alice").expect("seeded").email =
        Some("al@example.org".to_owned());
    world.keycloak.state().realm("corp").user_mut("bob").expect("seeded").email =
        Some("bob@example.org".to_owned());
    world.synapse.state().add_account("al");
    world.mas.state().add_user("al");
    let template = "[keycloak]\nlocalpart = \"{{ user.email.split('@')[0] }}\"\n[policy]\nunknown_accounts = \"keep\"\n";
    let _watching = watching(&world, &format!("{template}{NO_LIMITS}")).await;
    world.leave("alice");
    becomes(&world, "al", true, true).await;
    assert_eq!(world.state_of("alice"), account(false, false));
}

/// A `watch` that has made its first run and waits this long before it disables an account.
async fn with_grace(world: &RunningWorld, grace: &str) -> Watching {
    let sections = format!("{}{QUICK}{NO_LIMITS}[policy]\ngrace = {grace:?}\n", state_file(world));
    let watching = start(world, by_mas_cli(world, &sections));
    watching.is_ready().await;
    watching
}

#[tokio::test]
async fn user_who_has_left_is_disabled_when_the_grace_ends_not_at_the_next_full_run() {
    let world = started(in_step()).await;
    let watching = with_grace(&world, "10s").await;
    // The grace begins when the user leaves, not with the last full run.
    tokio::time::sleep(Duration::from_secs(4)).await;
    world.leave("alice");
    let left = Instant::now();
    watching.has_run(IN_STEP, 2).await;
    assert_eq!(world.state_of("alice"), account(false, false), "{}", watching.log());
    becomes(&world, "alice", true, true).await;
    assert!(left.elapsed() > Duration::from_secs(9), "{:?}", left.elapsed());
}

#[tokio::test]
async fn account_that_watch_has_disabled_itself_is_given_back_between_full_runs() {
    let world = started(in_step()).await;
    let _watching = watching(&world, &format!("{NO_LIMITS}[policy]\nreactivate = \"own\"\n")).await;
    world.leave("alice");
    becomes(&world, "alice", true, true).await;
    world.join("alice");
    becomes(&world, "alice", false, false).await;
}

#[tokio::test]
async fn change_by_hand_after_an_own_activation_stays_between_full_runs() {
    let world = started(in_step().user("carol").account("carol")).await;
    let sections = format!("{NO_LIMITS}[policy]\nreactivate = \"own\"\n");
    by_mas_cli(&world, &sections).run("sync").exits(0);
    // The first run of `watch` sees an account that this program has disabled.
    let watching = watching(&world, &sections).await;
    world.join("carol");
    becomes(&world, "carol", false, false).await;
    watching.has_done(1.0).await;
    by_hand(&world, "carol", true, true);
    let people = watching.runs(PEOPLE).await;
    world.keycloak.state().realm("corp").enable_user("carol");
    watching.has_run(PEOPLE, people + 1).await;
    assert_eq!(world.state_of("carol"), account(true, true), "{}", watching.log());
}

#[tokio::test]
async fn user_who_leaves_while_the_first_run_reads_is_disabled_by_the_event() {
    let world = started(in_step()).await;
    let keycloak = world.keycloak.shared();
    // The member list is read; the accounts are not.
    world.synapse.faults().on("limit=5000").times(1).before(move |_| {
        keycloak.lock().realm("corp").leave("bob", "/matrix-users");
    });
    let listed = list_of(&world, &["alice", "bob"]);
    world.keycloak.faults().on("/members").times(2).answer(listed);
    let watching = watching(&world, NO_LIMITS).await;
    becomes(&world, "bob", true, true).await;
    // Without the event, another full run would have to find it.
    watching.has_run("kind=\"people\"", 1).await;
}

#[tokio::test]
async fn user_who_comes_back_within_the_grace_is_kept() {
    let world =
        started(group().member("alice").account("alice").member("bob").account("bob")).await;
    let watching = with_grace(&world, "10s").await;
    let before = everyone(&world);
    world.leave("alice");
    watching.has_run(IN_STEP, 2).await;
    world.join("alice");
    // The user is back, and the full run happens when the grace would have ended.
    watching.has_run(IN_STEP, 4).await;
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn failed_run_is_not_repeated_at_once_if_a_grace_has_ended() {
    let world = started(in_step()).await;
    let watching = with_grace(&world, "2s").await;
    world.leave("alice");
    watching.has_run(IN_STEP, 2).await;
    world.synapse.server().stop().await;
    watching.has_run(FAILED, 1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(watching.runs(FAILED).await, 1, "{}", watching.log());
    world.synapse.server().restart().expect("the port is free");
    becomes(&world, "alice", true, true).await;
}
