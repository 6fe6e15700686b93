//! Service accounts, which Keycloak omits from the list of users, and other users missing there.

use matrix_keycloak_sync::model::Server;
use matrix_keycloak_sync::standins::{Fault, NewUser, RunningWorld, World};
use serde_json::{Value, json};

use crate::harness::{NO_LIMITS, Run, account, group, own_error, program, started};

/// A template that is more than the username, so that accounts are matched with the list of users.
const LOWER: &str = "[keycloak]\nlocalpart = \"{{ user.preferred_username | lower }}\"\n";

fn sync(world: &RunningWorld, template: &str) -> Run {
    program(world).file(world, &format!("{template}{NO_LIMITS}")).run("sync --format json")
}

/// Alice is a member, Dave is a user outside the group.
fn in_step() -> World {
    group().member("alice").account("alice").user("dave").account("dave")
}

/// The list of users without these.
fn hide(world: &RunningWorld, hidden: &[&str]) {
    let mut state = world.keycloak.state();
    let listed = state
        .realm("corp")
        .users()
        .filter(|user| !user.service && !hidden.contains(&&*user.username));
    let rows: Vec<Value> = listed
        .map(|user| json!({"id": user.id, "username": user.username, "email": user.email, "enabled": user.enabled}))
        .collect();
    drop(state);
    // The next page shares half of the rows with the first.
    let second = rows[rows.len() - (rows.len() / 2).max(1)..].to_vec();
    world.keycloak.faults().on("/users?first=0").answer(Fault::Json(rows.into()));
    world.keycloak.faults().on("/users?first=").answer(Fault::Json(second.into()));
}

#[tokio::test]
async fn a_service_account_in_the_group_is_a_member_like_any_other() {
    let bot = NewUser::service_account("bot").in_first_group();
    let world = in_step().with_user(bot.clone()).account("service-account-bot");
    let off = NewUser::service_account("off").in_first_group().disabled();
    let world = started(world.with_user(off).account("service-account-off")).await;
    for template in ["", LOWER] {
        let run = program(&world)
            .file(&world, &format!("{template}{NO_LIMITS}"))
            .run("plan --format json")
            .exits(0);
        let actions =
            ["disable dave not_in_group", "disable service-account-off disabled_in_keycloak"];
        assert_eq!(
            (run.actions(), run.json()["read"]["members"].clone()),
            (actions.map(Into::into).into(), json!(3))
        );
    }
    sync(&world, LOWER).exits(0);
    assert_eq!(world.state_of("service-account-bot"), account(false, false));
}

#[tokio::test]
async fn a_service_account_outside_the_group_is_found_by_its_name() {
    let world = in_step().with_user(NewUser::service_account("bot")).account("service-account-bot");
    let world = started(world).await;
    for template in ["", LOWER] {
        let run = program(&world)
            .file(&world, &format!("{template}{NO_LIMITS}"))
            .run("plan --format json")
            .exits(0);
        assert_eq!(
            run.actions(),
            ["disable dave not_in_group", "disable service-account-bot not_in_group"]
        );
    }
}

#[tokio::test]
async fn a_service_account_in_the_group_is_no_gap_in_the_list() {
    let bot = NewUser::service_account("bot").in_first_group();
    let world = started(in_step().with_user(bot).account("ghost")).await;
    let run = sync(&world, LOWER).exits(4);
    assert_eq!(
        run.actions(),
        ["disable dave not_in_group done", "disable ghost not_in_keycloak skipped"]
    );
}

#[tokio::test]
async fn a_list_that_lacks_a_member_skips_only_accounts_without_a_user() {
    let world = started(in_step().member("mia").account("mia").account("ghost")).await;
    hide(&world, &["mia"]);
    let run = sync(&world, LOWER).exits(4);
    assert_eq!(
        run.actions(),
        ["disable dave not_in_group done", "disable ghost not_in_group skipped"]
    );
    let error = run.json()["actions"][1]["error"].to_string();
    assert!(error.contains("the list of users does not contain the user "), "{error}");
    assert_eq!(world.state_of("ghost"), account(false, false));
}

#[tokio::test]
async fn member_missing_from_the_list_is_a_gap_if_the_request_by_id_is_refused() {
    let world = started(in_step().member("mia").account("mia").account("ghost")).await;
    let id = world.keycloak.state().realm("corp").user("mia").expect("seeded").id.clone();
    hide(&world, &["mia"]);
    let refused = own_error(Server::Keycloak, 403, "no");
    world.keycloak.faults().on(&format!("/users/{id}")).answer(refused);
    let run = sync(&world, LOWER).exits(4);
    assert_eq!(
        run.actions(),
        ["disable dave not_in_group done", "disable ghost not_in_group skipped"]
    );
}

#[tokio::test]
async fn user_missing_from_the_list_is_requested_by_name() {
    let world = started(in_step().user("erin").account("erin")).await;
    hide(&world, &["erin"]);
    let run = sync(&world, LOWER).exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group done", "disable erin not_in_group done"]);
}

#[tokio::test]
async fn a_user_of_that_name_with_another_localpart_is_not_the_owner() {
    let template = "[keycloak]\nlocalpart = \"{{ user.email.split('@')[0] }}\"\n";
    let world =
        group().with_user(NewUser::member("alice").email("alice@corp.test")).account("alice");
    let world =
        started(world.with_user(NewUser::member("ghost").email("gina@corp.test")).account("ghost"))
            .await;
    let run = sync(&world, template).exits(4);
    assert_eq!(run.actions(), ["disable ghost not_in_keycloak skipped"]);
}

#[tokio::test]
async fn a_member_deleted_in_keycloak_is_no_gap_in_the_list() {
    let world = started(in_step().member("mia").account("mia").account("ghost")).await;
    let state = world.keycloak.shared();
    world
        .keycloak
        .faults()
        .on("/users?first=0")
        .times(1)
        .before(move |_| state.lock().realm("corp").delete_user("mia"));
    let run = sync(&world, LOWER).exits(4);
    assert_eq!(
        run.actions(),
        ["disable dave not_in_group done", "disable ghost not_in_keycloak skipped"]
    );
}

#[tokio::test]
async fn federated_member_that_no_request_finds_is_a_gap_in_the_list() {
    let lena = NewUser::member("lena").federated("ldap-1");
    let world = started(in_step().with_user(lena).account("lena").account("ghost")).await;
    let id = world.keycloak.state().realm("corp").user("lena").expect("seeded").id.clone();
    hide(&world, &["lena"]);
    let gone = Fault::Status(404, "{\"error\": \"User not found\"}".to_owned());
    world.keycloak.faults().on(&format!("/users/{id}")).answer(gone);
    let run = sync(&world, LOWER).exits(4);
    assert_eq!(
        run.actions(),
        ["disable dave not_in_group done", "disable ghost not_in_group skipped"]
    );
}

#[tokio::test]
async fn all_users_of_a_localpart_are_requested() {
    let template = "[keycloak]\nlocalpart = \"{{ user.email.split('@')[0] }}\"\n";
    let user = |name| NewUser::new(name).email("dave@corp.test");
    let world =
        group().with_user(NewUser::member("alice").email("alice@corp.test")).account("alice");
    let world = world.with_user(user("dave1")).with_user(user("dave2")).account("dave");
    let world = started(world).await;
    let state = world.keycloak.shared();
    let id = state.lock().realm("corp").user("dave2").expect("seeded").id.clone();
    let plan = || {
        program(&world)
            .file(&world, &format!("{template}{NO_LIMITS}"))
            .run("plan --format json")
            .exits(0)
    };
    assert_eq!(plan().actions(), ["disable dave not_in_group"]);
    // The second of them joins after the members were read.
    let joins = move |_: &_| state.lock().realm("corp").join("dave2", "/matrix-users");
    world.keycloak.faults().on(&format!("/users/{id}")).times(1).before(joins);
    assert_eq!(plan().kept(), ["dave in_group_at_second_look"]);
}
