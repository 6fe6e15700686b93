//! `explain`: prints the facts with their source, the evidence for an account's user, and the rule
//! that decides.

mod whose;

use matrix_keycloak_sync::standins::RunningWorld;

use crate::harness::{Run, everyone, group, program, started, the_table};

fn explain(world: &RunningWorld, name: &str) -> Run {
    program(world).run(&format!("explain {name}")).exits(0)
}

#[tokio::test]
async fn facts_have_their_servers_and_the_rule_follows_for_members_and_others() {
    let world =
        started(the_table().account("old-timer").disabled_member("mallory").account("mallory"))
            .await;
    let before = everyone(&world);
    for (name, what) in [
        ("alice", "member"),
        ("bob", "disabled_account_of_a_member"),
        ("zoe.new", "member_without_an_account"),
        ("dave", "outsider"),
        ("old-timer", "account_without_a_user"),
        ("mallory", "member_disabled_in_keycloak"),
    ] {
        explain(&world, name).matches(&world, &format!("explain_{what}"));
    }
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn reason_is_shown_if_an_account_is_kept() {
    let admin = the_table().admin_account("root").bridge_account("irc_1", "heisenbridge");
    let world = started(admin.member("eve").erased_account("eve").locked_account("lou")).await;
    for (name, what) in [
        ("matrix-sync-bot", "token_owner"),
        ("irc_1", "bridge"),
        ("root", "admin"),
        ("eve", "erased_account"),
        ("lou", "account_locked_by_hand"),
    ] {
        explain(&world, name).matches(&world, &format!("explain_{what}"));
    }
}

#[tokio::test]
async fn a_matrix_user_id_in_any_case() {
    let world = started(the_table()).await;
    let by_id = explain(&world, "@DAVE:example.org").stdout.replace("@DAVE:", "@dave:");
    assert_eq!(by_id, explain(&world, "dave").stdout);
}

#[tokio::test]
async fn a_name_that_no_server_knows_is_an_error() {
    let world = started(the_table()).await;
    for (text, name) in [
        ("stranger", "@stranger:example.org"),
        ("@alice:elsewhere.org", "@alice:elsewhere.org"),
        ("stranger@example.org", "stranger@example.org"),
        (
            "0ba50303-5dc2-4485-ad77-acd8b74f5b9f",
            "@0ba50303-5dc2-4485-ad77-acd8b74f5b9f:example.org",
        ),
    ] {
        let run = program(&world).run(&format!("explain {text}")).exits(1);
        run.tells(&[&format!("no server knows {name}"), "hint: "]);
    }
}

#[tokio::test]
async fn invalid_name_is_an_error() {
    let world = started(the_table()).await;
    for name in ["@alice", "alice:example.org", "@alice:"] {
        program(&world)
            .run(&format!("explain {name}"))
            .exits(1)
            .tells(&["neither a localpart nor a Matrix user ID"]);
    }
}

#[tokio::test]
async fn user_with_another_username_is_found_by_the_template() {
    let world = started(group().user("as123").account("alice")).await;
    if let Some(user) = world.keycloak.state().realm("corp").user_mut("as123") {
        user.email = Some("alice@corp.test".to_owned());
    }
    let template = "[keycloak]\nlocalpart = \"{{ user.email.split('@')[0] }}\"\n";
    let run = program(&world).file(&world, template).run("explain alice").exits(0);
    run.matches(&world, "explain_user_with_another_username");
}
