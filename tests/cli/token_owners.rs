//! The accounts that own the credentials in use are never disabled.

use matrix_keycloak_sync::standins::{Auth, RunningWorld, World};

use crate::harness::{
    BY_BOTH, BY_MAS, EVERY_WAY, Program, Way, group, program, program_by, program_with, proxy_page,
    settings, started, the_table,
};

const ADMIN: &str = "urn:mas:admin";

/// The file that configures MAS with a personal access token in place of client and secret.
pub(crate) fn settings_with_token(world: &RunningWorld, way: Way, token: &str) -> String {
    settings(world, way).replace(&format!("client_id = {:?}\n", world.mas_client_id()), "").replace(
        &format!("client_secret = {:?}", world.mas_client_secret()),
        &format!("access_token = {token:?}"),
    )
}

fn by_token(world: &RunningWorld, way: Way, token: &str) -> Program {
    program_by(world, way, "").file(world, &settings_with_token(world, way, token)).hiding(token)
}

#[tokio::test]
async fn users_behind_a_personal_token_of_mas_are_kept() {
    for way in [BY_MAS, BY_BOTH] {
        let world =
            started(group().member("alice").account("alice").account("tool").account("dave")).await;
        let token = world.personal_token("tool", ADMIN).expect("a token");
        let run = by_token(&world, way, &token).run("plan --format json").exits(0);
        assert!(run.kept().contains(&"tool token_owner".to_owned()), "{way:?}: {:?}", run.kept());
        assert!(!run.actions().iter().any(|action| action.contains("tool")), "{way:?}");
        by_token(&world, way, &token).run("explain tool").exits(0).prints(&["kept (token_owner)"]);
    }
}

#[tokio::test]
async fn users_of_tokens_that_do_not_open_the_admin_api_are_not_kept_for_that() {
    let world = started(
        group().member("alice").account("alice").account("tool").user("dave").account("dave"),
    )
    .await;
    let token = world.personal_token("tool", ADMIN).expect("a token");
    world.personal_token("dave", "urn:matrix:client:api:*").expect("a token");
    let run = by_token(&world, BY_BOTH, &token).run("plan --format json").exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group"]);
}

#[tokio::test]
async fn token_whose_user_mas_does_not_list_is_a_warning() {
    let told = "MAS does not say which account writer.mas_api.access_token acts as";
    // The list is there from 1.5 on.
    for (version, is_printed) in [("v1.4.1", true), ("v1.5.0", false)] {
        let world = started(the_table().mas_version(version)).await;
        let token = world.personal_token("matrix-sync-bot", ADMIN).expect("a token");
        let run = by_token(&world, BY_BOTH, &token).run("plan").exits(0);
        assert_eq!(run.stderr.contains(told), is_printed, "{version}: {}", run.stderr);
    }
}

#[tokio::test]
async fn proxy_that_blocks_the_list_of_personal_tokens_is_an_error_if_mas_has_the_list() {
    for way in [BY_MAS, BY_BOTH] {
        let world = started(group().member("alice").account("alice").account("tool")).await;
        let token = world.personal_token("tool", ADMIN).expect("a token");
        world.mas.admin().faults().on("/personal-sessions").answer(proxy_page(404));
        let told =
            ["/personal-sessions", "a proxy or load balancer between here and MAS", "hint: "];
        by_token(&world, way, &token).run("sync").exits(1).tells(&told);
        assert!(world.login("tool").is_ok(), "{way:?}");
    }
}

const SYNAPSE_ADMIN: &str = "urn:synapse:admin:* urn:matrix:client:api:*";

/// Dave is in no group, and neither is the account that scripts use.
fn owned_by_dave() -> World {
    group()
        .member("alice")
        .account("alice")
        .account("tool")
        .user("dave")
        .account("dave")
        .token_owner("alice")
}

/// The program whose admin token for Synapse is this personal access token.
fn with_admin_token(world: &RunningWorld, way: Way, token: &str) -> Program {
    let program = program_with(world, Auth::ClientCredentials).file(world, &settings(world, way));
    program.hiding(world.mas_client_secret()).env("MATRIX_ADMIN_TOKEN", token).hiding(token)
}

#[tokio::test]
async fn owner_of_a_personal_token_for_synapse_is_kept() {
    for way in EVERY_WAY {
        let world = started(owned_by_dave()).await;
        let token = world.personal_token_by("dave", "tool", SYNAPSE_ADMIN).expect("a token");
        let run = with_admin_token(&world, way, &token).run("plan --format json").exits(0);
        assert_eq!(run.actions(), [] as [&str; 0], "{way:?}");
        for name in ["dave", "tool"] {
            assert!(
                run.kept().contains(&format!("{name} token_owner")),
                "{way:?}: {:?}",
                run.kept()
            );
        }
        let doctor = with_admin_token(&world, way, &token).run("doctor --format json");
        doctor.prints(&[
            "never disabled, because the personal access token is theirs: @dave:example.org",
        ]);
    }
}

#[tokio::test]
async fn owner_of_a_token_that_acts_as_another_user_or_does_not_open_synapse_is_not_kept() {
    let world = started(owned_by_dave().account("other")).await;
    let token = world.personal_token("tool", SYNAPSE_ADMIN).expect("a token");
    world.personal_token_by("dave", "other", SYNAPSE_ADMIN).expect("a token");
    world.personal_token_by("dave", "tool", "urn:matrix:client:api:*").expect("a token");
    let run = with_admin_token(&world, BY_BOTH, &token).run("plan --format json").exits(0);
    assert!(run.actions().contains(&"disable dave not_in_group".to_owned()), "{:?}", run.actions());
    let doctor = with_admin_token(&world, BY_BOTH, &token).run("doctor --format json");
    doctor.prints(&["the personal access token belongs to a client of MAS"]);
}

#[tokio::test]
async fn owner_that_nothing_shows_is_a_warning() {
    let told = "the owner of synapse.admin_token, a personal access token that acts as @tool:example.org, is not known";
    let found = "the owner of the personal access token is not known";
    let world = started(owned_by_dave()).await;
    let token = world.personal_token("tool", SYNAPSE_ADMIN).expect("a token");
    let by_mas_cli = || program(&world).env("MATRIX_ADMIN_TOKEN", &token).hiding(&token);
    by_mas_cli().run("plan").exits(0).tells(&[told]);
    by_mas_cli().run("doctor --format json").prints(&[found, "Add the owner to `policy.protect`"]);

    let world = started(owned_by_dave().mas_version("v1.4.1")).await;
    let token = world.personal_token("tool", SYNAPSE_ADMIN).expect("a token");
    with_admin_token(&world, BY_BOTH, &token).run("plan").exits(0).tells(&[told]);
    with_admin_token(&world, BY_BOTH, &token).run("doctor --format json").prints(&[found]);
}

#[tokio::test]
async fn secret_that_synapse_shares_with_mas_is_refused_as_admin_token() {
    let world = started(the_table().token_owner("__oidc_admin")).await;
    let told = [
        "@__oidc_admin:example.org, which is not an account",
        "mas-cli manage issue-compatibility-token",
    ];
    program(&world).run("sync").exits(1).tells(&told);
    program(&world).run("doctor --format json").exits(1).prints(&told);
}
