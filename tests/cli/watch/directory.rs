//! A directory behind Keycloak: its changes cause no events, and in an outage its users seem to
//! have left.

use std::time::Duration;

use matrix_keycloak_sync::standins::RunningWorld;
use matrix_keycloak_sync::standins::keycloak::StorageProvider;

use super::watching::{INCOMPLETE, QUICK, Watching, start, until_so};
use super::{becomes, by_mas_cli};
use crate::harness::{NO_LIMITS, account, everyone, group, started};
use crate::second_look::id_in_keycloak;

const DIRECTORY: [&str; 3] = ["lars", "lena", "lotte"];

/// Alice is a local user, the three federated users are members.
async fn with_a_directory() -> RunningWorld {
    let own = group().member("alice").account("alice");
    let world =
        started(DIRECTORY.iter().fold(own, |world, name| world.member(name).account(name))).await;
    {
        let mut state = world.keycloak.state();
        let realm = state.realm("corp");
        let (id, name) = ("ldap-1".to_owned(), "ldap".to_owned());
        realm.storage_providers.push(StorageProvider { id, name, import: true, enabled: true });
        for name in DIRECTORY {
            realm.user_mut(name).expect("seeded").federation_link = Some("ldap-1".to_owned());
        }
    }
    world
}

async fn watching(world: &RunningWorld) -> Watching {
    let often = QUICK.replace("members_every = \"off\"", "members_every = \"1s\"");
    let watching = start(world, by_mas_cli(world, &format!("{often}{NO_LIMITS}")));
    watching.is_ready().await;
    watching
}

#[tokio::test]
async fn change_in_the_directory_is_found_with_the_member_list_only() {
    let world = with_a_directory().await;
    let watching = watching(&world).await;
    let accounts = world.synapse.requests().count("/v3/users");
    world.keycloak.state().realm("corp").silently(|realm| realm.leave("lars", "/matrix-users"));
    becomes(&world, "lars", true, true).await;
    world.keycloak.state().realm("corp").silently(|realm| realm.join("lars", "/matrix-users"));
    becomes(&world, "lars", false, false).await;
    assert_eq!(
        world.synapse.requests().count("/v3/users"),
        accounts,
        "the accounts are not listed again"
    );
    watching.has_done(2.0).await;
    assert_eq!(watching.stop(), 0);
}

#[tokio::test]
async fn no_account_is_disabled_if_a_directory_goes_down() {
    let world = with_a_directory().await;
    let watching = watching(&world).await;
    let before = everyone(&world);
    world.keycloak.state().realm("corp").silently(|realm| {
        for name in DIRECTORY {
            realm.leave(name, "/matrix-users");
            realm.disable_user(name);
        }
    });
    watching.has_run(INCOMPLETE, 1).await;
    assert_eq!(everyone(&world), before);
    world.keycloak.state().realm("corp").silently(|realm| {
        for name in DIRECTORY {
            realm.join(name, "/matrix-users");
            realm.enable_user(name);
        }
    });
    world.leave("alice");
    becomes(&world, "alice", true, true).await;
    for name in DIRECTORY {
        assert_eq!(world.state_of(name), account(false, false));
    }
}

#[tokio::test]
async fn list_decides_if_an_event_is_about_a_user_of_a_directory_that_is_down() {
    let world = with_a_directory().await;
    let watching = watching(&world).await;
    let before = everyone(&world);
    let lists = world.keycloak.requests().count("/members");
    for name in DIRECTORY {
        world.leave(name);
        world.keycloak.state().realm("corp").disable_user(name);
    }
    until_so("the list is read", async || world.keycloak.requests().count("/members") > lists + 2)
        .await;
    watching.has_run(INCOMPLETE, 1).await;
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn full_reads_are_not_repeated_at_once_while_a_directory_is_down() {
    let world = with_a_directory().await;
    let watching = watching(&world).await;
    world.keycloak.state().realm("corp").silently(|realm| {
        for name in DIRECTORY {
            realm.leave(name, "/matrix-users");
        }
    });
    watching.has_run(INCOMPLETE, 1).await;
    let lists = world.synapse.requests().count("/v3/users");
    tokio::time::sleep(Duration::from_secs(4)).await;
    // One repetition can have begun; without pauses there would be dozens.
    assert!(world.synapse.requests().count("/v3/users") <= lists + 4, "{}", watching.log());
}

#[tokio::test]
async fn unverified_directory_is_a_warning_once_and_its_return_is_logged() {
    let world = with_a_directory().await;
    let watching = watching(&world).await;
    world.keycloak.state().realm("corp").silently(|realm| {
        for name in DIRECTORY {
            realm.leave(name, "/matrix-users");
            realm.disable_user(name);
        }
    });
    watching.has_run(INCOMPLETE, 2).await;
    let count = |words: &str| watching.log().matches(words).count();
    assert_eq!(count("is unverified, because it may be down"), 1, "{}", watching.log());
    world.keycloak.state().realm("corp").silently(|realm| {
        for name in DIRECTORY {
            realm.join(name, "/matrix-users");
            realm.enable_user(name);
        }
    });
    until_so("verified", async || count("behind Keycloak are verified again") == 1).await;
}

#[tokio::test]
async fn directory_in_doubt_stays_in_doubt_for_an_event_about_another_user() {
    let world = with_a_directory().await;
    // The list lacks lena, who is in the group by her own answer, and lotte has left.
    for name in ["lena", "lotte"] {
        world.keycloak.state().realm("corp").silently(|realm| realm.leave(name, "/matrix-users"));
    }
    let (before, after) = (world.keycloak.shared(), world.keycloak.shared());
    let own_answer = format!("/users/{}/groups", id_in_keycloak(&world, "lena"));
    let groups = || world.keycloak.faults().on(&own_answer);
    groups().before(move |_| {
        before.lock().realm("corp").silently(|realm| realm.join("lena", "/matrix-users"));
    });
    groups().after(move |_| {
        after.lock().realm("corp").silently(|realm| realm.leave("lena", "/matrix-users"));
    });
    let before = everyone(&world);
    let watching = start(&world, by_mas_cli(&world, &format!("{QUICK}{NO_LIMITS}")));
    watching.has_run(INCOMPLETE, 1).await;
    world.keycloak.state().realm("corp").enable_user("lotte");
    watching.has_run("kind=\"people\"", 1).await;
    assert_eq!(everyone(&world), before, "{}", watching.log());
}
