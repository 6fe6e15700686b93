//! Who is in the group: a list that is cut, shifted, hidden or half read would lock members out.

use std::time::Duration;

use matrix_keycloak_sync::standins::{Auth, Fault, NewUser, World};
use serde_json::json;

use crate::harness::{everyone, group, program, program_with, started, the_table};
use crate::snapshots::assert_snapshot;

/// Two pages of members; the second begins with `u05000`, who has an account.
fn two_pages() -> World {
    group().members(5200, "u").account("u00000").account("u05000")
}

#[tokio::test]
async fn more_members_than_a_default_page_are_all_read() {
    let world = started(group().members(250, "u").accounts(250, "u")).await;
    let run = program(&world).run("plan --format json").exits(0);
    assert_eq!(run.json()["read"], json!({"members": 250, "accounts": 251}));
    assert_eq!((run.actions(), run.json()["contradictions"].clone()), (vec![], json!(null)));
}

#[tokio::test]
async fn token_is_renewed_if_it_expires_between_two_pages() {
    let world = started(two_pages()).await;
    let state = world.keycloak.shared();
    world.keycloak.faults().on("/members").times(1).after(move |_| state.lock().expire_tokens());
    let run = program(&world).run("plan --format json").exits(0);
    assert_eq!(run.json()["read"]["members"], 5200);
    // A page that was guessed wrong may be discarded while it renews the token.
    let tokens = world.keycloak.requests().count("/openid-connect/token");
    assert!((2..=3).contains(&tokens), "{tokens} tokens");
}

#[tokio::test]
async fn token_is_renewed_if_it_expires_while_keycloak_asks_to_wait() {
    let second = Duration::from_secs(1);
    let world =
        started(group().member("alice").account("alice").token_lifetimes(second, second)).await;
    world
        .keycloak
        .faults()
        .on("/members")
        .times(1)
        .answer(Fault::TooManyRequests { retry_after_secs: 1 });
    let run = program(&world).run("plan --format json").exits(0);
    assert_eq!((run.json()["read"]["members"].clone(), run.actions()), (json!(1), vec![]));
}

#[tokio::test]
async fn list_is_an_error_if_a_later_page_fails() {
    let mut printed = String::new();
    for status in [401, 403, 404, 500] {
        let world = started(two_pages()).await;
        let before = everyone(&world);
        world
            .keycloak
            .faults()
            .on("/members?first=4950")
            .answer(Fault::Status(status, String::new()));
        printed += &program(&world).run("sync").exits(1).printed(&world);
        assert_eq!(everyone(&world), before, "{status}");
    }
    assert_snapshot("sync_without_a_page_of_members", &printed);
}

#[tokio::test]
async fn list_is_an_error_if_its_first_page_repeats() {
    let world = started(two_pages()).await;
    world.keycloak.faults().on("/members").answer(Fault::RepeatPage);
    program(&world).run("plan").exits(1).matches(&world, "plan_with_a_page_of_members_twice");
}

#[tokio::test]
async fn no_member_is_missed_if_another_leaves_a_page_that_was_read() {
    let world = started(two_pages()).await;
    let state = world.keycloak.shared();
    world.keycloak.faults().on("/members?first=0").times(1).after(move |_| {
        state.lock().realm("corp").leave("u00000", "/matrix-users");
    });
    let run = program(&world).run("plan --format json").exits(0);
    assert_eq!(run.json()["read"]["members"], 5200);
    assert_eq!((run.actions(), run.kept()), (vec![], vec![]));
}

#[tokio::test]
async fn ambiguous_group_name_is_refused_with_both_paths() {
    for world in [
        the_table().group("/old/matrix-users"),
        the_table().group("/old/matrix-users").old_keycloak(),
    ] {
        let world = started(world).await;
        program(&world).run("sync").exits(1).matches(&world, "sync_with_an_ambiguous_group");
    }
}

#[tokio::test]
async fn a_group_is_found_by_path_by_id_and_by_a_nested_name() {
    let world = started(the_table().member_of("/old/matrix-users/staff", "olga")).await;
    let id = world
        .keycloak
        .state()
        .realm("corp")
        .group_by_path("/matrix-users")
        .expect("seeded")
        .id
        .clone();
    let members = |group: &str| {
        let run = program(&world).env("KC_GROUP_NAME", group).run("plan --format json").exits(0);
        run.json()["read"]["members"].clone()
    };
    assert_eq!(
        ["/matrix-users", &id, "/old/matrix-users/staff", "staff"].map(members),
        [3, 3, 1, 1]
    );
}

#[tokio::test]
async fn missing_group_is_an_error() {
    let world = started(the_table()).await;
    let groups = ["matrix-user", "/matrix-users/x", "00000000-0000-4000-8000-000000000000"];
    let printed = groups.map(|group| {
        program(&world).env("KC_GROUP_NAME", group).run("sync").exits(1).printed(&world)
    });
    assert_snapshot("sync_without_the_group", &printed.concat());
}

#[tokio::test]
async fn error_names_the_role_if_an_answer_is_empty_without_it() {
    let world = started(the_table().service_roles(&["query-users", "query-groups"])).await;
    let run = program_with(&world, Auth::ClientCredentials).run("sync").exits(1);
    run.matches(&world, "sync_with_no_visible_group");
}

#[tokio::test]
async fn error_names_the_role_if_a_request_is_refused_without_it() {
    let world = started(the_table().service_roles(&[])).await;
    let run = program_with(&world, Auth::ClientCredentials).run("sync").exits(1);
    run.matches(&world, "sync_without_a_role");

    let world = started(the_table().old_keycloak().service_roles(&[])).await;
    let run = program_with(&world, Auth::ClientCredentials).run("sync").exits(1);
    run.matches(&world, "sync_without_a_role_by_keycloak_22");
}

#[tokio::test]
async fn the_role_to_view_users_is_enough() {
    for world in [the_table(), the_table().old_keycloak()] {
        let world = started(world.service_roles(&["view-users"])).await;
        program_with(&world, Auth::ClientCredentials).run("sync").exits(0);
    }
}

#[tokio::test]
async fn a_group_whose_members_may_not_be_seen_is_an_error() {
    let world = started(the_table()).await;
    let closed = json!([{"id": "1", "name": "matrix-users", "path": "/matrix-users", "subGroupCount": 0,
        "subGroups": [], "access": {"view": true, "viewMembers": false}}]);
    world.keycloak.faults().on("/groups?").answer(Fault::Json(closed));
    program(&world).run("sync").exits(1).matches(&world, "sync_with_no_visible_members");
}

#[tokio::test]
async fn members_of_subgroups_count_only_if_configured() {
    for world in [the_table(), the_table().old_keycloak()] {
        let world =
            started(world.member_of("/matrix-users/staff/it", "carol").account("carol")).await;
        let plain = program(&world).run("plan --format json").exits(0);
        assert!(plain.actions().contains(&"disable carol not_in_group".to_owned()), "{plain:?}");
        let with = program(&world)
            .file(&world, "[keycloak]\ninclude_subgroups = true")
            .run("plan --format json");
        assert_eq!(with.actions(), ["activate bob in_group", "disable dave not_in_group"]);
    }
}

#[tokio::test]
async fn more_subgroups_than_a_default_page_are_all_read() {
    let world = (0..12).fold(group().member("alice"), |world, number| {
        world.member_of(&format!("/matrix-users/team{number:02}"), &format!("u{number:02}"))
    });
    let world = started(world).await;
    let run = program(&world)
        .file(&world, "[keycloak]\ninclude_subgroups = true")
        .run("plan --format json");
    assert_eq!(run.json()["read"]["members"], 13);
}

#[tokio::test]
async fn membership_in_one_of_several_groups_is_enough() {
    let world = started(the_table().member_of("/guests", "gina").account("gina")).await;
    let run = program(&world)
        .without("KC_GROUP_NAME")
        .file(&world, "[keycloak]\ngroups = [\"matrix-users\", \"/guests\"]")
        .run("plan --format json");
    assert_eq!(run.exits(0).actions(), ["activate bob in_group", "disable dave not_in_group"]);
}

#[tokio::test]
async fn a_member_disabled_in_keycloak_is_disabled() {
    let world =
        started(group().member("alice").disabled_member("mallory").account("mallory")).await;
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["disable mallory disabled_in_keycloak done"]);
    assert_eq!(run.json()["read"]["members"], 2);
}

#[tokio::test]
async fn member_disabled_in_keycloak_is_kept_if_configured() {
    let world =
        started(group().member("alice").disabled_member("mallory").account("mallory")).await;
    let run = program(&world)
        .file(&world, "[keycloak]\ndisabled_members = \"keep\"")
        .run("sync --format json");
    assert_eq!(run.exits(0).actions(), [""; 0]);
}

#[tokio::test]
async fn a_member_disabled_in_keycloak_is_neither_activated_nor_not_registered() {
    let world =
        started(group().member("alice").disabled_member("mallory").disabled_account("mallory"))
            .await;
    let run = program(&world).run("plan --format json").exits(0);
    assert_eq!((run.actions(), run.json()["not_registered"].clone()), (vec![], json!(["alice"])));
}

#[tokio::test]
async fn keycloak_22_gives_the_same_plan() {
    // Users have other IDs in each world.
    let plan = async |world: World| {
        let run = program(&started(world).await).run("plan --format json").exits(0);
        (run.actions(), run.kept(), run.json()["summary"].clone(), run.json()["digest"].clone())
    };
    assert_eq!(plan(the_table()).await, plan(the_table().old_keycloak()).await);
}

#[tokio::test]
async fn template_decides_whose_account_it_is() {
    let world = started(
        group().member("k1").account("alice").user("k2").account("dave").account("k3").user("k3"),
    )
    .await;
    for (username, name) in [("k1", "alice"), ("k2", "dave"), ("k3", "robin")] {
        let mut state = world.keycloak.state();
        state.realm("corp").user_mut(username).expect("seeded").email =
            Some(format!("{name}@corp.test"));
    }
    let toml = "[keycloak]\nlocalpart = \"{{ user.email.split('@')[0] }}\"";
    let run = program(&world).file(&world, toml).run("plan --format json").exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group", "disable k3 not_in_keycloak"]);
}

#[tokio::test]
async fn template_reads_the_attributes_of_members_and_of_other_users() {
    let world = group()
        .with_user(NewUser::member("k1").attribute("matrix", &["alice"]))
        .with_user(NewUser::new("k2").attribute("matrix", &["dave"]));
    let world = started(world.account("alice").account("dave")).await;
    let toml = "[keycloak]\nlocalpart = \"{{ user.matrix }}\"";
    let run = program(&world).file(&world, toml).run("plan --format json").exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group"]);
}

#[tokio::test]
async fn members_without_a_localpart_are_reported_and_block_nothing() {
    let world = started(the_table()).await;
    world.keycloak.state().realm("corp").user_mut("bob").expect("seeded").email = None;
    let toml = "[keycloak]\nlocalpart = \"{{ user.email.split('@')[0] }}\"";
    let run = program(&world).file(&world, toml).run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group done"]);
    assert_eq!(run.json()["unnamed"][0]["username"], "bob");
}

#[tokio::test]
async fn each_member_without_a_localpart_is_reported_once_even_if_in_several_groups() {
    let both = NewUser::member("bob").in_group("/guests");
    let world = group().member("alice").account("alice").with_user(both);
    let world = started(world.member_of("/guests", "gina")).await;
    for name in ["bob", "gina"] {
        world.keycloak.state().realm("corp").user_mut(name).expect("seeded").email = None;
    }
    let toml = "[keycloak]\ngroups = [\"/matrix-users\", \"/guests\"]\nlocalpart = \"{{ user.email.split('@')[0] }}\"";
    let run = program(&world).without("KC_GROUP_NAME").file(&world, toml).run("plan --format json");
    let unnamed = run.exits(0).json()["unnamed"].clone();
    let names = unnamed.as_array().expect("a list").iter().map(|one| one["username"].as_str());
    assert_eq!(names.collect::<Vec<_>>(), [Some("bob"), Some("gina")]);
}
