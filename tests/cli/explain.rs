//! `explain`: prints the facts with their source, the evidence for an account's user, and the rule
//! that decides.

mod whose;

use crate::harness::{everyone, group, program, started, the_table};

#[tokio::test]
async fn a_member() {
    let world = started(the_table()).await;
    program(&world).run("explain alice").exits(0).prints(&[
        "@alice:example.org",
        "in the member list of /matrix-users (3 members)",
        "enabled, groups: /matrix-users",
        "@alice:example.org: active",
        "alice: in the group, and the account is active: nothing",
    ]);
}

#[tokio::test]
async fn user_outside_the_group() {
    let world = started(the_table()).await;
    let before = everyone(&world);
    program(&world).run("explain dave").exits(0).prints(&[
        "not in the member list of /matrix-users",
        "groups: no groups",
        "so not in the group",
        "dave: not in the group, and the account is active: disable",
    ]);
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn every_fact_names_its_server() {
    let world = started(the_table()).await;
    let keycloak = format!("Keycloak ({}/, realm corp)", world.keycloak.url());
    let synapse = format!("Synapse ({}/)", world.synapse.url());
    program(&world).run("explain bob").exits(0).prints(&[
        &keycloak,
        &synapse,
        "deactivated, locked",
        "in the group, and the account is disabled: activate",
    ]);
}

#[tokio::test]
async fn a_member_without_an_account() {
    let world = started(the_table()).await;
    program(&world).run("explain zoe.new").exits(0).prints(&["no account of this name", "the first login creates it"]);
}

#[tokio::test]
async fn an_account_unknown_to_keycloak() {
    let world = started(the_table().account("old-timer")).await;
    let run = program(&world).run("explain old-timer").exits(0);
    run.prints(&[
        "Keycloak has no user of this name",
        "old-timer: not in Keycloak, and the account is active: disable, but only with an approval",
    ]);
}

#[tokio::test]
async fn a_matrix_user_id_in_any_case() {
    let world = started(the_table()).await;
    program(&world)
        .run("explain @DAVE:example.org")
        .exits(0)
        .prints(&["dave: not in the group, and the account is active: disable"]);
}

#[tokio::test]
async fn an_account_of_a_bridge() {
    let world = started(the_table().bridge_account("irc_1", "heisenbridge")).await;
    program(&world).run("explain irc_1").exits(0).prints(&[
        "belongs to the application service heisenbridge",
        "kept (appservice): belongs to an application service",
    ]);
}

#[tokio::test]
async fn the_owner_of_the_token() {
    let world = started(the_table()).await;
    let run = program(&world).run("explain matrix-sync-bot").exits(0);
    run.prints(&["owns a token in use", "kept (token_owner)"]);
}

#[tokio::test]
async fn a_member_disabled_in_keycloak() {
    let world = started(group().member("alice").disabled_member("mallory").account("mallory")).await;
    let run = program(&world).run("explain mallory").exits(0);
    run.prints(&["disabled", "mallory: disabled in Keycloak, and the account is active: disable"]);
}

#[tokio::test]
async fn rule_in_explain_is_the_rule_of_the_plan() {
    let world =
        started(the_table().locked_account("lou").admin_account("root").member("eve").erased_account("eve")).await;
    for (name, rule) in [
        ("erin", "not in the group, and the account is disabled: nothing"),
        ("lou", "not in the group, and locked by hand: nothing"),
        ("root", "kept (admin)"),
        ("eve", "kept (erased)"),
    ] {
        program(&world).run(&format!("explain {name}")).exits(0).prints(&[rule]);
    }
}

#[tokio::test]
async fn a_name_that_no_server_knows_is_an_error() {
    let world = started(the_table()).await;
    for (text, name) in [
        ("stranger", "@stranger:example.org"),
        ("@alice:elsewhere.org", "@alice:elsewhere.org"),
        ("stranger@example.org", "stranger@example.org"),
        ("0ba50303-5dc2-4485-ad77-acd8b74f5b9f", "@0ba50303-5dc2-4485-ad77-acd8b74f5b9f:example.org"),
    ] {
        let run = program(&world).run(&format!("explain {text}")).exits(1);
        run.tells(&[&format!("no server knows {name}"), "hint: "]);
    }
}

#[tokio::test]
async fn invalid_name_is_an_error() {
    let world = started(the_table()).await;
    for name in ["@alice", "alice:example.org", "@alice:"] {
        program(&world).run(&format!("explain {name}")).exits(1).tells(&["neither a localpart nor a Matrix user ID"]);
    }
}

#[tokio::test]
async fn user_with_another_username_is_found_by_the_template() {
    let world = started(group().user("as123").account("alice")).await;
    if let Some(user) = world.keycloak.state().realm("corp").user_mut("as123") {
        user.email = Some("alice@corp.test".to_owned());
    }
    let template = "[keycloak]\nlocalpart = \"{{ user.email.split('@')[0] }}\"\n";
    program(&world)
        .file(&world, template)
        .run("explain alice")
        .exits(0)
        .prints(&["enabled, groups: no groups", "alice: not in the group, and the account is active: disable"]);
}
