//! Roles as a source of members: directly, by a group, by a subgroup, by composites, and of a
//! client.

use matrix_keycloak_sync::standins::{Auth, Fault, NewUser, RunningWorld, SeenRequest, World};
use serde_json::json;

use crate::doctor::doctor;
use crate::harness::{
    NO_LIMITS, Program, Run, account, everyone, group, program, program_with, started,
};

const ROLE: &str = "[keycloak]\nroles = [\"matrix-user\"]\n";
const OF_CLIENT: &str = "[keycloak]\nroles = [\"chat:user\"]\n";

/// A homeserver without any group.
fn no_group() -> World {
    World::new("example.org").without_self_deactivation()
}

/// A user for each way of getting the role, and dave without it; all have accounts.
fn every_way() -> World {
    let world = no_group()
        .holder("matrix-user", "direct")
        .group_with_role("/dept", "matrix-user")
        .member_of("/dept", "bygroup")
        .member_of("/dept/sub/deep", "bysub")
        .composite("staff", "matrix-user")
        .composite("all-staff", "staff")
        .holder("all-staff", "bycomposite")
        .group_with_role("/bosses", "all-staff")
        .member_of("/bosses", "boss")
        .user("dave");
    let names = ["direct", "bygroup", "bysub", "bycomposite", "boss", "dave"];
    names.into_iter().fold(world, World::account)
}

fn with(world: &RunningWorld, sections: &str) -> Program {
    program(world).file(world, &format!("{sections}{NO_LIMITS}"))
}

fn by_client(world: &RunningWorld, sections: &str) -> Program {
    program_with(world, Auth::ClientCredentials).file(world, &format!("{sections}{NO_LIMITS}"))
}

fn sync(world: &RunningWorld, sections: &str) -> Run {
    with(world, sections).run("sync --format json")
}

#[tokio::test]
async fn each_way_of_having_the_role_makes_a_member() {
    let world = started(every_way()).await;
    let run = sync(&world, ROLE).exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group done"]);
    assert_eq!(run.json()["read"]["members"], 5);
    assert_eq!(run.json()["contradictions"], json!(null));
}

#[tokio::test]
async fn each_way_of_having_the_role_activates_a_returning_user() {
    let names = ["bycomposite", "bygroup", "bysub", "direct"];
    let world = no_group()
        .holder("matrix-user", "direct")
        .group_with_role("/dept", "matrix-user")
        .member_of("/dept", "bygroup")
        .member_of("/dept/sub", "bysub")
        .composite("staff", "matrix-user")
        .holder("staff", "bycomposite");
    let world = started(names.into_iter().fold(world, World::disabled_account)).await;
    let run = sync(&world, ROLE).exits(0);
    assert_eq!(run.actions(), names.map(|name| format!("activate {name} in_group done")));
}

#[tokio::test]
async fn users_of_groups_and_roles_are_members_once_each() {
    let world = group()
        .member("alice")
        .account("alice")
        .holder("matrix-user", "bob")
        .account("bob")
        .user("dave")
        .account("dave");
    let world = started(world).await;
    let mut state = world.keycloak.state();
    state.realm("corp").silently(|realm| realm.give_role("alice", "matrix-user"));
    drop(state);
    let run = sync(&world, ROLE).exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group done"]);
    assert_eq!(run.json()["read"]["members"], 2);
}

#[tokio::test]
async fn role_of_a_client_counts_directly_by_group_and_by_composites_of_realm_and_client() {
    let world = no_group()
        .service_roles(&["view-users", "view-realm", "view-clients"])
        .holder("chat:user", "direct")
        .group_with_role("/dept", "chat:user")
        .member_of("/dept/sub", "bysub")
        .composite("staff", "chat:user")
        .holder("staff", "staffer")
        .composite("chat:admin", "chat:user")
        .holder("chat:admin", "admin.of.chat")
        // The role of this name of another client, and of the realm.
        .holder("other:user", "dave")
        .holder("user", "dora");
    let names = ["direct", "bysub", "staffer", "admin.of.chat", "dave", "dora"];
    let world = started(names.into_iter().fold(world, World::account)).await;
    let run = by_client(&world, OF_CLIENT).run("sync --format json").exits(0);
    let done = ["disable dave not_in_group done", "disable dora not_in_group done"];
    assert_eq!(run.actions(), done);
}

#[tokio::test]
async fn colon_belongs_to_the_role_if_there_is_no_client_of_that_name() {
    let world =
        started(no_group().user("alice").account("alice").user("dave").account("dave")).await;
    let mut state = world.keycloak.state();
    state.realm("corp").silently(|realm| {
        realm.add_realm_role("chat:user");
        realm.give_role("alice", "chat:user");
    });
    drop(state);
    let run = sync(&world, OF_CLIENT).exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group done"]);
    // With the client, the same name is a role of the client, which does not exist.
    world.keycloak.state().realm("corp").silently(|realm| realm.add_role("chat:other"));
    sync(&world, OF_CLIENT).exits(1).tells(&["there is no role \"chat:user\""]);
}

#[tokio::test]
async fn holder_by_a_composite_of_another_client_is_kept_by_the_second_look() {
    let world =
        every_way().composite("portal:admin", "matrix-user").holder("portal:admin", "carol");
    let world = started(world.account("carol")).await;
    let run = sync(&world, ROLE).exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group done"]);
    assert_eq!(run.kept(), ["carol in_group_at_second_look"]);
    assert_eq!(run.json()["contradictions"], 1);
    assert_eq!(world.state_of("carol"), account(false, false));
}

#[tokio::test]
async fn role_given_between_list_and_look_keeps_the_account() {
    let world = started(every_way()).await;
    let state = world.keycloak.shared();
    world.keycloak.faults().on("username=dave").times(1).before(move |_: &SeenRequest| {
        state.lock().realm("corp").give_role("dave", "matrix-user");
    });
    let run = sync(&world, ROLE).exits(0);
    assert_eq!((run.actions(), run.kept()), (vec![], vec!["dave in_group_at_second_look".into()]));
}

#[tokio::test]
async fn role_taken_or_deleted_between_list_and_look_activates_no_one() {
    for deleted in [true, false] {
        let world =
            started(no_group().holder("matrix-user", "alice").disabled_account("alice")).await;
        let state = world.keycloak.shared();
        world.keycloak.faults().on("/role-mappings/").times(1).before(move |_: &SeenRequest| {
            let mut state = state.lock();
            let realm = state.realm("corp");
            if deleted {
                realm.delete_role("matrix-user");
            } else {
                realm.take_role("alice", "matrix-user");
            }
        });
        let run = sync(&world, ROLE).exits(0);
        assert!(run.actions().is_empty(), "{run:?}");
        assert_eq!(run.json()["contradictions"], 1);
        assert_eq!(world.state_of("alice"), account(true, true));
    }
}

#[tokio::test]
async fn role_that_was_created_again_between_list_and_look_still_counts() {
    let world = started(every_way()).await;
    let state = world.keycloak.shared();
    world.keycloak.faults().on("username=dave").times(1).before(move |_: &SeenRequest| {
        let mut state = state.lock();
        let realm = state.realm("corp");
        realm.delete_role("matrix-user");
        realm.add_role("matrix-user");
        realm.give_role("dave", "matrix-user");
    });
    let run = sync(&world, ROLE).exits(0);
    assert_eq!(run.kept(), ["dave in_group_at_second_look"]);
}

#[tokio::test]
async fn account_is_skipped_if_the_look_at_the_roles_fails() {
    let world = started(every_way().user("dora").account("dora")).await;
    let id = world.keycloak.state().realm("corp").user("dave").expect("seeded").id.clone();
    let refused = Fault::Status(403, "{\"error\": \"HTTP 403 Forbidden\"}".to_owned());
    world.keycloak.faults().on(&format!("/users/{id}/role-mappings/")).answer(refused);
    let run = sync(&world, ROLE).exits(4);
    assert_eq!(
        run.actions(),
        ["disable dave not_in_group skipped", "disable dora not_in_group done"]
    );
    assert!(run.json()["actions"][0]["error"].to_string().contains("view-realm"), "{run:?}");
}

#[tokio::test]
async fn list_that_cannot_be_read_to_its_end_changes_nothing() {
    for part in [
        "/roles/matrix-user/users",
        "/roles/matrix-user/groups",
        "/roles/staff/users",
        "/roles/staff/composites",
        "/roles?first",
    ] {
        let world = started(every_way()).await;
        let before = everyone(&world);
        let body = "{\"error\": \"unknown_error\"}".to_owned();
        world.keycloak.faults().on(part).answer(Fault::Status(500, body));
        sync(&world, ROLE).exits(1).tells(&[part.split('?').next().unwrap_or(part)]);
        assert_eq!(everyone(&world), before, "{part}");
    }
}

#[tokio::test]
async fn holders_are_read_page_by_page_to_the_last() {
    let world = started(every_way().holders("matrix-user", 5_200, "h")).await;
    let run = sync(&world, ROLE).exits(0);
    assert_eq!(run.json()["read"]["members"], 5_205);
    assert!(world.keycloak.requests().count("/roles/matrix-user/users") > 2);
}

#[tokio::test]
async fn role_that_every_user_has_is_refused() {
    let world =
        every_way().composite("default-roles-corp", "basic").composite("basic", "chat:view");
    let world = started(world.account("alice")).await;
    let before = everyone(&world);
    with(&world, "[keycloak]\nroles = [\"default-roles-corp\"]\n")
        .run("sync")
        .exits(78)
        .tells(&["keycloak.roles = \"default-roles-corp\"", "every user has"]);
    for role in ["offline_access", "basic", "chat:view"] {
        let roles = format!("[keycloak]\nroles = [\"matrix-user\", {role:?}]\n");
        let why = format!("every user has the role {role:?} by default");
        sync(&world, &roles).exits(1).tells(&[&why, "keycloak.roles"]);
    }
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn default_role_of_another_name_is_refused_too() {
    let world = started(every_way()).await;
    let realm = json!({"id": "r", "defaultRole": {
        "id": world.keycloak.state().realm("corp").role("staff").expect("seeded").id,
        "name": "staff", "composite": true, "clientRole": false, "containerId": "r",
    }});
    world
        .keycloak
        .faults()
        .matching(|seen: &SeenRequest| seen.path.ends_with("/realms/corp"))
        .answer(Fault::Json(realm));
    sync(&world, ROLE).exits(1).tells(&["every user has the role \"matrix-user\" by default"]);
}

#[tokio::test]
async fn missing_permission_is_an_error_that_names_the_role_to_grant() {
    let world = every_way().holder("chat:user", "erin").account("erin");
    let may = |roles: &[&str]| world.clone().service_roles(roles);
    for (roles, sections, needed) in [
        (&["view-users"][..], ROLE, "view-realm"),
        (&["view-users", "view-clients"], ROLE, "view-realm"),
        (&["view-users", "view-realm"], OF_CLIENT, "view-clients"),
        (&["view-users", "view-clients"], OF_CLIENT, "view-realm"),
    ] {
        let world = started(may(roles)).await;
        let before = everyone(&world);
        let run = by_client(&world, sections).run("sync").exits(1);
        run.tells(&[
            &format!("there is no permission to read roles: the role {needed} is missing"),
            &format!("the role {needed} of the client realm-management"),
        ]);
        assert_eq!(everyone(&world), before);
    }
}

#[tokio::test]
async fn missing_role_is_an_error() {
    let world = started(every_way()).await;
    let roles = "[keycloak]\nroles = [\"matrix-users\"]\n";
    sync(&world, roles)
        .exits(1)
        .tells(&["there is no role \"matrix-users\"", "Check `keycloak.roles`"]);
}

#[tokio::test]
async fn one_of_groups_and_roles_is_needed() {
    let world = started(every_way()).await;
    program(&world).run("plan").exits(78).tells(&["keycloak.groups", "or set keycloak.roles"]);
    with(&world, "[keycloak]\nroles = []\n")
        .run("plan")
        .exits(78)
        .tells(&["at least one group or role"]);
}

#[tokio::test]
async fn explain_shows_the_role_and_the_group_that_carries_it() {
    let world = started(every_way()).await;
    for (name, what) in
        [("bysub", "holder_by_a_group"), ("bycomposite", "holder"), ("dave", "no_holder")]
    {
        with(&world, ROLE)
            .run(&format!("explain {name}"))
            .exits(0)
            .matches(&world, &format!("explain_{what}"));
    }
}

#[tokio::test]
async fn doctor_counts_the_holders_of_each_role() {
    let world =
        every_way().service_roles(&["view-users", "view-realm", "view-clients", "view-events"]);
    let world = started(world.holder("chat:user", "erin").account("erin")).await;
    let roles = "[keycloak]\nroles = [\"matrix-user\", \"chat:user\"]\n";
    doctor(by_client(&world, roles))
        .matches(&["keycloak member roles", "keycloak members"], "doctor_keycloak_member_roles");
}

#[tokio::test]
async fn doctor_names_the_role_and_the_permission_that_are_missing() {
    let world = started(every_way().service_roles(&["view-users", "view-events"])).await;
    doctor(by_client(&world, ROLE)).ailing_matches("doctor_keycloak_roles_forbidden");
    let world = started(every_way()).await;
    doctor(by_client(&world, "[keycloak]\nroles = [\"nosuch\"]\n"))
        .ailing_matches("doctor_keycloak_missing_member_role");
    let world = started(every_way()).await;
    let run = by_client(&world, "[keycloak]\nroles = [\"matrix-usr\"]\n").run("plan").exits(1);
    run.tells(&["Did you mean \"matrix-user\"? Check `keycloak.roles`"]);
}

#[tokio::test]
async fn service_account_with_the_role_is_a_member() {
    let world = every_way().with_user(NewUser::service_account("bot"));
    let world = started(world.account("service-account-bot")).await;
    let mut state = world.keycloak.state();
    state.realm("corp").silently(|realm| realm.give_role("service-account-bot", "matrix-user"));
    drop(state);
    assert_eq!(sync(&world, ROLE).exits(0).actions(), ["disable dave not_in_group done"]);
}

/// Alice is a local holder, lars and lena are federated ones, and all have accounts.
async fn with_a_directory() -> RunningWorld {
    let names = ["alice", "lars", "lena"];
    let world = names
        .into_iter()
        .fold(no_group(), |world, name| world.holder("matrix-user", name).account(name));
    let world = started(world).await;
    for name in ["lars", "lena"] {
        let mut state = world.keycloak.state();
        let user = state.realm("corp").user_mut(name).expect("seeded");
        user.federation_link = Some("ldap-1".to_owned());
    }
    world
}

#[tokio::test]
async fn federated_user_without_the_role_is_disabled_if_the_directory_answers() {
    let world = with_a_directory().await;
    world.keycloak.state().realm("corp").take_role("lena", "matrix-user");
    assert_eq!(sync(&world, ROLE).exits(0).actions(), ["disable lena not_in_group done"]);
}

#[tokio::test]
async fn federated_users_are_kept_if_the_directory_is_down() {
    let world = with_a_directory().await;
    for name in ["lars", "lena"] {
        let mut state = world.keycloak.state();
        state.realm("corp").take_role(name, "matrix-user");
        state.realm("corp").disable_user(name);
    }
    let run = sync(&world, ROLE).exits(4);
    assert_eq!(run.kept(), ["lars federation_in_doubt", "lena federation_in_doubt"]);
}
