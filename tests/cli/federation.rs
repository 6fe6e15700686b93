//! If the directory behind Keycloak is down, its users look as if they had left.

mod remembered;

use matrix_keycloak_sync::standins::keycloak::StorageProvider;
use matrix_keycloak_sync::standins::{Auth, Fault, RunningWorld};
use serde_json::json;

use crate::harness::{
    NO_LIMITS, everyone, group, program, program_with, proxy_page, started, the_table,
};

const DIRECTORY: [&str; 3] = ["lars", "lena", "lotte"];

/// Alice is a local user, the three federated users are members, dave is no member; all have
/// accounts.
async fn with_a_directory() -> RunningWorld {
    let world = DIRECTORY.iter().fold(group().member("alice").account("alice"), |world, name| {
        world.member(name).account(name)
    });
    let world = started(world.user("dave").account("dave")).await;
    for name in DIRECTORY {
        let mut state = world.keycloak.state();
        state.realm("corp").user_mut(name).expect("seeded").federation_link =
            Some("ldap-1".to_owned());
    }
    world
}

/// The directory is down and Keycloak has cached nothing: its users are in no group, and disabled.
fn take_down(world: &RunningWorld) {
    for name in DIRECTORY {
        world.leave(name);
        world.keycloak.state().realm("corp").disable_user(name);
    }
}

fn in_doubt() -> Vec<String> {
    DIRECTORY.map(|name| format!("{name} federation_in_doubt")).to_vec()
}

#[tokio::test]
async fn no_account_is_disabled_if_the_directory_of_its_user_is_down() {
    let world = with_a_directory().await;
    take_down(&world);
    let run = program(&world).file(&world, NO_LIMITS).run("sync --format json").exits(4);
    assert_eq!(
        (run.kept(), run.actions()),
        (in_doubt(), vec!["disable dave not_in_group done".to_owned()])
    );
    run.tells(&["directory behind Keycloak", "3 accounts are kept", "User federation"]);
}

#[tokio::test]
async fn run_is_incomplete_in_its_last_line_too_if_a_directory_is_down() {
    let world = with_a_directory().await;
    take_down(&world);
    let run = program(&world).file(&world, NO_LIMITS).run("sync").exits(4);
    run.prints(&["Incomplete: 0 activated, 1 disabled, 3 waiting for a directory\n"]);
}

#[tokio::test]
async fn plan_is_incomplete_too_if_a_directory_is_down() {
    let world = with_a_directory().await;
    take_down(&world);
    program(&world)
        .run("plan")
        .exits(4)
        .prints(&["3 accounts: a directory behind Keycloak is unverified"]);
}

#[tokio::test]
async fn plan_without_actions_is_not_in_step_if_a_directory_is_down() {
    let world = with_a_directory().await;
    program(&world).file(&world, NO_LIMITS).run("sync").exits(0);
    take_down(&world);
    for format in ["text", "html"] {
        let plan = program(&world).run(&format!("plan --format {format}")).exits(4);
        plan.prints(&["Nothing to do now: 3 accounts wait until a directory is verified."]);
    }
}

#[tokio::test]
async fn no_account_is_disabled_if_the_list_is_short_and_keycloak_has_cached_users() {
    let world = with_a_directory().await;
    let id = world.keycloak.state().realm("corp").user("alice").expect("seeded").id.clone();
    let alone = json!([{"id": id, "username": "alice", "enabled": true}]);
    world.keycloak.faults().on("/members").answer(Fault::Json(alone));
    let run = program(&world).file(&world, NO_LIMITS).run("sync --format json").exits(4);
    assert_eq!(run.kept(), in_doubt());
}

#[tokio::test]
async fn no_account_is_disabled_if_the_list_shows_all_federated_users_as_disabled() {
    let world = with_a_directory().await;
    for name in DIRECTORY {
        world.keycloak.state().realm("corp").disable_user(name);
    }
    let run = program(&world).file(&world, NO_LIMITS).run("sync --format json").exits(4);
    assert_eq!(run.kept(), in_doubt());
}

#[tokio::test]
async fn account_unknown_to_keycloak_is_kept_if_a_directory_is_unverified() {
    let world = with_a_directory().await;
    take_down(&world);
    world.keycloak.state().realm("corp").delete_user("lotte");
    let run = program(&world).file(&world, NO_LIMITS).run("sync --format json").exits(4);
    assert_eq!(run.kept(), in_doubt());
}

#[tokio::test]
async fn no_account_is_disabled_if_the_directory_refuses_the_second_look() {
    let world = with_a_directory().await;
    let before = everyone(&world);
    take_down(&world);
    world.keycloak.faults().on("/users").answer(Fault::Status(400, String::new()));
    program(&world).file(&world, NO_LIMITS).run("sync").exits(1);
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn directory_is_verified_if_one_of_its_users_is_listed() {
    let world = with_a_directory().await;
    world.leave("lars");
    let run = program(&world).file(&world, NO_LIMITS).run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group done", "disable lars not_in_group done"]);
}

#[tokio::test]
async fn keycloaks_answers_count_if_federation_is_trusted() {
    let world = with_a_directory().await;
    take_down(&world);
    let toml = format!("[keycloak]\nfederation = \"trust\"\n{NO_LIMITS}");
    let run = program(&world).file(&world, &toml).run("plan --format json").exits(0);
    assert_eq!((run.kept(), run.actions().len()), (vec![], 4));
}

#[tokio::test]
async fn directory_is_unverified_if_it_goes_down_after_the_list_was_read() {
    let world = with_a_directory().await;
    world.leave("lars");
    let state = world.keycloak.shared();
    world.keycloak.faults().on("/users?").times(1).before(move |_| {
        for name in DIRECTORY {
            state.lock().realm("corp").leave(name, "/matrix-users");
        }
    });
    let run = program(&world).file(&world, NO_LIMITS).run("sync --format json").exits(4);
    assert_eq!(run.kept(), ["lars federation_in_doubt"]);
}

#[tokio::test]
async fn account_unknown_to_keycloak_is_kept_if_a_directory_shows_no_user() {
    let world = started(the_table().account("old-timer")).await;
    let unseen = StorageProvider {
        id: "ldap-1".to_owned(),
        name: "AD".to_owned(),
        import: false,
        enabled: true,
    };
    world.keycloak.state().realm("corp").storage_providers.push(unseen);
    let run = program(&world).file(&world, NO_LIMITS).run("sync --format json").exits(4);
    assert_eq!(run.kept(), ["old-timer federation_in_doubt"]);
    assert_eq!(run.actions(), ["activate bob in_group done", "disable dave not_in_group done"]);
}

#[tokio::test]
async fn run_goes_on_without_the_role_to_see_directories() {
    let world = started(the_table().account("old-timer").service_roles(&["view-users"])).await;
    let run = program_with(&world, Auth::ClientCredentials)
        .file(&world, NO_LIMITS)
        .run("plan -v --format json")
        .exits(0);
    assert_eq!(run.kept(), [""; 0]);
    run.tells(&["view-realm"]);
}

#[tokio::test]
async fn protection_stays_on_if_a_proxy_answers_with_a_page() {
    for status in [401, 403, 404, 503] {
        let world = started(the_table().account("old-timer")).await;
        let unseen = StorageProvider {
            id: "ldap-1".to_owned(),
            name: "AD".to_owned(),
            import: false,
            enabled: true,
        };
        world.keycloak.state().realm("corp").storage_providers.push(unseen);
        world.keycloak.faults().on("/components?").answer(proxy_page(status));
        let before = everyone(&world);
        let run = program(&world).file(&world, NO_LIMITS).run("sync").exits(1);
        run.tells(&["/components?", "a proxy or load balancer between here and Keycloak answered"]);
        assert_eq!(everyone(&world), before, "{status}");
    }
}

#[tokio::test]
async fn directory_that_was_never_verified_is_remembered() {
    let world = DIRECTORY.iter().fold(group().member("alice").account("alice"), |world, name| {
        world.user(name).account(name)
    });
    let world = started(world.service_roles(&["view-users"])).await;
    for name in DIRECTORY {
        let mut state = world.keycloak.state();
        let user = state.realm("corp").user_mut(name).expect("seeded");
        (user.federation_link, user.enabled) = (Some("ldap-1".to_owned()), false);
    }
    let sync = || {
        program_with(&world, Auth::ClientCredentials)
            .file(&world, NO_LIMITS)
            .run("sync --format json")
            .exits(4)
    };
    assert_eq!(sync().kept(), in_doubt());
    // Now Keycloak has no cached users either.
    for name in DIRECTORY {
        world.keycloak.state().realm("corp").delete_user(name);
    }
    let again = sync();
    assert_eq!((again.actions(), again.kept()), (vec![], in_doubt()));
}
