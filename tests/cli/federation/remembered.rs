//! Keycloak caches the groups of federated users. A cached group alone keeps no account, but if it
//! is not certain that the group is only cached, the account is kept.

use matrix_keycloak_sync::model::Server;
use matrix_keycloak_sync::standins::{Fault, RunningWorld, World};
use serde_json::json;

use super::with_a_directory;
use crate::harness::{NO_LIMITS, Run, own_error, program, proxy_page, started};
use crate::sections::state_file;

/// Requests users by ID.
const BY_ID: &str = "[keycloak]\nlocalpart = \"{{ user.preferred_username | lower }}\"\n";
const GONE: [&str; 2] = ["disable dave not_in_group done", "disable lars not_in_group done"];
const DELETED: [&str; 2] = ["disable dave not_in_group done", "disable lars not_in_keycloak done"];

/// Removes a user from a group in the directory, while Keycloak's cache keeps the membership.
fn leave(world: &RunningWorld, name: &str, path: &str) {
    let mut state = world.keycloak.state();
    let user = state.realm("corp").user_mut(name).expect("seeded");
    user.remembered_groups = Some(user.groups.clone());
    state.realm("corp").leave(name, path);
}

/// The world after lars has left, with lars in Keycloak's cache.
async fn without_lars() -> RunningWorld {
    let world = with_a_directory().await;
    leave(&world, "lars", "/matrix-users");
    world
}

/// The path at which Keycloak counts a user's groups.
fn count_of(world: &RunningWorld, name: &str) -> String {
    let id = world.keycloak.state().realm("corp").user(name).expect("seeded").id.clone();
    format!("/users/{id}/groups/count")
}

/// Keycloak's answer if it cannot count the groups of a user.
fn uncountable() -> Fault {
    own_error(Server::Keycloak, 500, "unknown_error")
}

/// The user is deleted in the directory, so Keycloak cannot count the groups.
fn make_uncountable(world: &RunningWorld, name: &str) {
    world.keycloak.faults().on(&count_of(world, name)).answer(uncountable());
}

fn sync(world: &RunningWorld, settings: &str) -> Run {
    program(world).file(world, &format!("{settings}{NO_LIMITS}")).run("sync --format json")
}

fn keeps_lars(run: Run) {
    let run = run.exits(4);
    assert_eq!(
        (run.kept(), run.actions()),
        (vec!["lars federation_in_doubt".to_owned()], vec![GONE[0].to_owned()])
    );
}

#[tokio::test]
async fn user_has_left_the_directory_if_keycloak_only_has_the_group_cached() {
    let world = without_lars().await;
    assert_eq!(sync(&world, "").exits(0).actions(), GONE);
}

#[tokio::test]
async fn explain_shows_keycloaks_answer_and_what_of_it_is_only_cached() {
    let world = without_lars().await;
    program(&world).file(&world, NO_LIMITS).run("explain lars").exits(0).prints(&[
        "enabled, groups: /matrix-users",
        "Keycloak only remembers /matrix-users: the directory no longer counts the user there",
        "so not in the group",
        "not in the group, and the account is active: disable",
    ]);
    make_uncountable(&world, "lars");
    world.keycloak.faults().on("/users?username=lars").answer(Fault::Json(json!([])));
    program(&world)
        .file(&world, &format!("{BY_ID}{NO_LIMITS}"))
        .run("explain lars")
        .exits(0)
        .prints(&[
            "groups: /matrix-users",
            "Keycloak only remembers this user: the storage provider ldap-1 no longer has a user",
            "so not in Keycloak",
        ]);
}

#[tokio::test]
async fn history_has_keycloaks_answer_and_what_of_it_is_only_cached() {
    let world = without_lars().await;
    let settings = state_file(&world);
    sync(&world, &settings).exits(0);
    let kept = program(&world).file(&world, &settings).run("history 1 --format json").exits(0);
    let actions = kept.json()["actions"].clone();
    let lars = actions
        .as_array()
        .expect("actions")
        .iter()
        .find(|action| action["user_id"] == "@lars:example.org");
    let user = &lars.expect("he was disabled")["evidence"]["keycloak"][0]["user"]["known"];
    assert_eq!(
        (&user["groups"], &user["remembered"], &user["in_group"]),
        (&json!(["/matrix-users"]), &json!(["/matrix-users"]), &json!(false))
    );
}

#[tokio::test]
async fn cached_group_counts_if_keycloak_counts_no_other_user_of_the_directory() {
    let world = without_lars().await;
    world.keycloak.faults().on("/groups/count").answer(Fault::Json(json!({"count": 0})));
    keeps_lars(sync(&world, ""));
}

#[tokio::test]
async fn cached_group_counts_if_keycloak_cannot_count_groups() {
    let world = without_lars().await;
    world.keycloak.faults().on("/groups/count").answer(own_error(
        Server::Keycloak,
        404,
        "HTTP 404 Not Found",
    ));
    keeps_lars(sync(&world, ""));
}

#[tokio::test]
async fn account_is_kept_if_the_directory_comes_back_after_its_groups_were_counted() {
    let world = without_lars().await;
    // The witnesses are lena and lotte and, if he were requested, lars.
    world.keycloak.faults().on("/groups/count").times(2).answer(Fault::Json(json!({"count": 0})));
    keeps_lars(sync(&world, ""));
}

#[tokio::test]
async fn account_is_kept_if_the_directory_goes_down_while_its_groups_are_counted() {
    let world = without_lars().await;
    world.keycloak.faults().on("/groups/count").skip(1).answer(Fault::Json(json!({"count": 0})));
    keeps_lars(sync(&world, ""));
}

#[tokio::test]
async fn witness_does_not_count_if_it_may_be_counted_for_another_group() {
    let world = without_lars().await;
    {
        let mut state = world.keycloak.state();
        state.realm("corp").add_group("/matrix-users-archive");
        for name in ["lena", "lotte"] {
            state.realm("corp").join(name, "/matrix-users-archive");
        }
    }
    for name in ["lena", "lotte"] {
        world
            .keycloak
            .faults()
            .on(&count_of(&world, name))
            .answer(Fault::Json(json!({"count": 1})));
    }
    keeps_lars(sync(&world, ""));
    world.keycloak.faults().clear();
    assert_eq!(sync(&world, "").exits(0).actions(), GONE[1..], "both groups are counted");
}

/// A world of users of one directory, each with an account and in the group of this path.
async fn with_groups(people: &[(&str, &str)]) -> RunningWorld {
    let world =
        people.iter().fold(World::new("example.org").group("/staff"), |world, (name, path)| {
            world.member_of(path, name).account(name)
        });
    let world = started(world).await;
    for (name, _) in people {
        let mut state = world.keycloak.state();
        state.realm("corp").user_mut(name).expect("seeded").federation_link =
            Some("ldap-1".to_owned());
    }
    world
}

fn sync_groups(world: &RunningWorld, keycloak: &str) -> Run {
    let toml = format!("[keycloak]\n{keycloak}\n{NO_LIMITS}");
    program(world).without("KC_GROUP_NAME").file(world, &toml).run("sync --format json")
}

#[tokio::test]
async fn witness_counts_only_for_the_same_cached_group() {
    let guests = ["g1", "g2", "g3", "g4", "g5"].map(|name| (name, "/guests"));
    let staff = ["lars", "lena"].map(|name| (name, "/staff"));
    let world = with_groups(&[&guests[..], &staff].concat()).await;
    leave(&world, "lars", "/staff");
    let run = sync_groups(&world, "groups = [\"/guests\", \"/staff\"]").exits(0);
    assert_eq!(run.actions(), [GONE[1]]);
}

#[tokio::test]
async fn members_of_a_subgroup_are_no_witnesses_of_the_group_above() {
    let emea = ["e1", "e2", "e3"].map(|name| (name, "/staff/emea"));
    let world = with_groups(&[&emea[..], &[("lars", "/staff")]].concat()).await;
    leave(&world, "lars", "/staff");
    let run = sync_groups(&world, "groups = [\"/staff\"]\ninclude_subgroups = true").exits(4);
    assert_eq!((run.kept(), run.actions()), (vec!["lars federation_in_doubt".to_owned()], vec![]));
}

#[tokio::test]
async fn members_of_the_same_subgroup_are_witnesses_of_it() {
    let emea = ["lars", "lena"].map(|name| (name, "/staff/emea"));
    let world =
        with_groups(&[&emea[..], &[("s1", "/staff"), ("s2", "/staff"), ("s3", "/staff")]].concat())
            .await;
    leave(&world, "lars", "/staff/emea");
    let run = sync_groups(&world, "groups = [\"/staff\"]\ninclude_subgroups = true").exits(0);
    assert_eq!(run.actions(), [GONE[1]]);
}

#[tokio::test]
async fn user_cached_in_one_group_and_counted_in_another_is_kept() {
    let world = with_groups(&[("gina", "/guests"), ("lars", "/staff"), ("lena", "/staff")]).await;
    world.keycloak.state().realm("corp").join("lars", "/guests");
    leave(&world, "lars", "/staff");
    // The lists miss him.
    let ids = ["gina", "lena"]
        .map(|name| world.keycloak.state().realm("corp").user(name).expect("seeded").id.clone());
    let row = |id: &str, name: &str| json!([{"id": id, "username": name, "enabled": true, "federationLink": "ldap-1"}]);
    let group = |path: &str| {
        world.keycloak.state().realm("corp").group_by_path(path).expect("seeded").id.clone()
    };
    for (path, id, name) in [("/guests", &ids[0], "gina"), ("/staff", &ids[1], "lena")] {
        let members = format!("/groups/{}/members", group(path));
        world.keycloak.faults().on(&members).answer(Fault::Json(row(id, name)));
    }
    let run = sync_groups(&world, "groups = [\"/guests\", \"/staff\"]").exits(4);
    assert_eq!((run.kept(), run.actions()), (vec!["lars federation_in_doubt".to_owned()], vec![]));
}

#[tokio::test]
async fn user_deleted_in_the_directory_is_disabled_if_keycloak_deletes_it_on_request() {
    for settings in ["", BY_ID] {
        let world = without_lars().await;
        let state = world.keycloak.shared();
        let count = count_of(&world, "lars");
        world
            .keycloak
            .faults()
            .on(&count)
            .before(move |_| state.lock().realm("corp").delete_user("lars"));
        world.keycloak.faults().on(&count).answer(uncountable());
        assert_eq!(sync(&world, settings).exits(0).actions(), DELETED, "{settings}");
    }
}

#[tokio::test]
async fn user_no_longer_found_by_name_is_kept_if_keycloak_counts_no_user_of_the_directory() {
    for (settings, counted) in [("", 1), ("", 2), (BY_ID, 1), (BY_ID, 2)] {
        let world = without_lars().await;
        let state = world.keycloak.shared();
        let (count, faults) = (count_of(&world, "lars"), world.keycloak.faults());
        faults.on(&count).before(move |_| state.lock().realm("corp").delete_user("lars"));
        faults.on(&count).answer(uncountable());
        // A witness is counted when lars is counted, but not before or not after he is requested by
        // name.
        for name in ["lena", "lotte"] {
            faults
                .on(&count_of(&world, name))
                .skip(counted)
                .answer(Fault::Json(json!({"count": 0})));
        }
        keeps_lars(sync(&world, settings));
    }
}

#[tokio::test]
async fn account_is_kept_if_the_error_is_not_the_one_for_deleted_users() {
    let own = [400, 403].map(|status| own_error(Server::Keycloak, status, "no"));
    let pages = [400, 403, 404, 500, 502].map(proxy_page);
    for fault in own.into_iter().chain(pages) {
        let world = without_lars().await;
        world.keycloak.faults().on(&count_of(&world, "lars")).answer(fault.clone());
        world.keycloak.faults().on("/users?username=lars").skip(1).answer(Fault::Json(json!([])));
        let run = sync(&world, "").exits(4);
        assert_eq!(run.actions(), [GONE[0], "disable lars not_in_group skipped"], "{fault:?}");
    }
}

#[tokio::test]
async fn cached_user_not_found_by_name_was_deleted_in_the_directory() {
    let world = without_lars().await;
    make_uncountable(&world, "lars");
    let run = program(&world)
        .file(&world, &format!("{BY_ID}{NO_LIMITS}"))
        .run("plan --format json")
        .exits(4);
    assert_eq!(run.kept(), ["lars federation_in_doubt"]);
    world.keycloak.faults().on("/users?username=lars").answer(Fault::Json(json!([])));
    assert_eq!(sync(&world, BY_ID).exits(0).actions(), DELETED);
}

#[tokio::test]
async fn user_is_found_by_name_in_any_case_of_letters() {
    let world = without_lars().await;
    world.keycloak.state().realm("corp").user_mut("lars").expect("seeded").username =
        "Lars".to_owned();
    make_uncountable(&world, "lars");
    keeps_lars(sync(&world, BY_ID));
}

#[tokio::test]
async fn account_is_skipped_if_keycloak_or_a_proxy_refuses_to_count_a_witness() {
    for fault in [own_error(Server::Keycloak, 403, "no"), proxy_page(403)] {
        let world = without_lars().await;
        for name in ["lena", "lotte"] {
            world.keycloak.faults().on(&count_of(&world, name)).answer(fault.clone());
        }
        let run = sync(&world, "").exits(4);
        assert_eq!(run.actions(), [GONE[0], "disable lars not_in_group skipped"], "{fault:?}");
    }
}
