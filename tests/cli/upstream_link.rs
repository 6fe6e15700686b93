//! Members and accounts matched by the Keycloak user ID in MAS: renames, namesakes, and accounts
//! without a link.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use matrix_keycloak_sync::standins::{
    Fault, NewAccount, NewUser, RunningWorld, SeenRequest, World,
};
use serde_json::json;

use crate::harness::{
    BY_MAS, NO_LIMITS, Program, Run, account, group, program_by, started, the_table,
};
use crate::sections::PROTECT;

/// The program with `match = "upstream-link"`; `more` goes into `[accounts]`.
pub(crate) fn linked(world: &RunningWorld, more: &str) -> Program {
    matching(world, "upstream-link", more)
}

fn matching(world: &RunningWorld, matching: &str, more: &str) -> Program {
    let file = crate::harness::settings(world, BY_MAS);
    let file =
        file.replacen("[accounts]\n", &format!("[accounts]\nmatch = {matching:?}\n{more}"), 1);
    program_by(world, BY_MAS, "").file(world, &format!("{file}{PROTECT}{NO_LIMITS}"))
}

async fn plan_of(world: World) -> Run {
    let world = started(world).await;
    linked(&world, "").run("plan --format json").exits(0)
}

#[tokio::test]
async fn the_table_holds_by_links_too() {
    let world = started(the_table()).await;
    let run = linked(&world, "").run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["activate bob in_group done", "disable dave not_in_group done"]);
    assert_eq!(run.json()["not_registered"], json!(["zoe.new"]));
}

#[tokio::test]
async fn no_account_is_disabled_if_a_user_is_renamed_in_keycloak() {
    let world = started(the_table()).await;
    world.rename_in_keycloak("alice", "alice.cooper");
    let run = linked(&world, "").run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["activate bob in_group done", "disable dave not_in_group done"]);
    assert_eq!(world.state_of("alice"), account(false, false));
    let by_name = matching(&world, "localpart", "").run("plan --format json").exits(0);
    assert_eq!(
        (by_name.actions(), by_name.kept().contains(&"alice may_be_member".to_owned())),
        (vec![], true)
    );
}

#[tokio::test]
async fn renamed_and_disabled_member_is_activated_under_the_name_of_the_account() {
    let world = started(the_table()).await;
    world.rename_in_keycloak("bob", "robert");
    let run = linked(&world, "").run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["activate bob in_group done", "disable dave not_in_group done"]);
    assert_eq!(world.state_of("bob").mas, account(false, false).mas);
}

#[tokio::test]
async fn renamed_user_who_has_left_is_requested_by_id_and_disabled() {
    let world =
        started(group().member("alice").account("alice").user("dave").account("dave")).await;
    world.rename_in_keycloak("dave", "david");
    let run = linked(&world, "").run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group done"]);
}

#[tokio::test]
async fn the_same_name_with_a_new_id_waits_for_an_approval() {
    let world = started(group().member("alice").account("alice").recreated_member("carol")).await;
    let run = linked(&world, "").run("sync --format json").exits(4);
    assert_eq!(run.actions(), ["disable carol not_in_keycloak skipped"]);
    assert_eq!(run.json()["actions"][0]["needs_approval"], true);
    let digest = run.json()["digest"].as_str().expect("a digest").to_owned();
    let approved =
        linked(&world, "").run(&format!("sync --format json --approve {digest}")).exits(0);
    assert_eq!(approved.actions(), ["disable carol not_in_keycloak done"]);
}

#[tokio::test]
async fn account_without_a_link_is_matched_by_name() {
    let world =
        started(group().member("alice").account("alice").user("dave").account("dave")).await;
    world.unlink("alice");
    world.unlink("dave");
    let run = linked(&world, "").run("plan --format json").exits(0);
    assert_eq!(run.actions(), ["disable dave not_in_group"]);
}

#[tokio::test]
async fn name_does_not_count_if_its_member_has_another_account() {
    let world = group()
        .member("alice")
        .account("old.name")
        .link("old.name", "alice")
        .disabled_account("alice");
    let run = plan_of(world).await;
    assert_eq!(
        (run.actions(), run.kept()),
        (vec![], vec!["alice another_person".into(), "matrix-sync-bot protected".to_owned()])
    );
}

#[tokio::test]
async fn account_is_kept_if_its_link_changes_between_the_list_and_the_second_look() {
    let world =
        started(group().member("alice").account("dave").user("dave").account("erin").user("erin"))
            .await;
    let state = world.mas.shared();
    let dave = world.mas.state().user("dave").expect("a user").id.clone();
    let about_dave = format!("filter%5Buser%5D={dave}");
    let is_about_dave = move |seen: &SeenRequest| seen.query.contains(&about_dave);
    world
        .mas
        .admin()
        .faults()
        .matching(is_about_dave)
        .times(1)
        .before(move |_| state.lock().unlink(&dave));
    let run = linked(&world, "").run("sync --format json").exits(4);
    assert_eq!(
        run.actions(),
        ["disable dave not_in_group skipped", "disable erin not_in_group done"]
    );
    assert_eq!(world.state_of("dave"), account(false, false));
}

#[tokio::test]
async fn run_ends_without_a_provider_for_the_realm() {
    let world = started(the_table()).await;
    let provider = world.upstream_provider();
    world.mas.state().provider_mut(provider).expect("the provider").issuer =
        Some("https://other.example/".to_owned());
    linked(&world, "").run("plan").exits(1).tells(&[
        "MAS: no upstream provider is ",
        "01H8PKNWKKRPCBW4YGH1RWV279: https://other.example/",
        "accounts.provider",
    ]);
    let named =
        linked(&world, &format!("provider = {provider:?}\n")).run("plan --format json").exits(0);
    assert_eq!(named.actions(), ["activate bob in_group", "disable dave not_in_group"]);
}

#[tokio::test]
async fn names_suffice_without_any_provider_unless_links_are_wanted() {
    let world = started(the_table()).await;
    let provider = format!("provider = {:?}\n", world.upstream_provider());
    world.mas.admin().faults().on("/upstream-oauth-providers").answer(Fault::EmptyList);
    let auto = matching(&world, "auto", "").run("plan --format json").exits(0);
    assert_eq!(auto.actions(), ["activate bob in_group", "disable dave not_in_group"]);
    for wants_links in [linked(&world, ""), matching(&world, "auto", &provider)] {
        wants_links.run("plan").exits(1).tells(&["no upstream provider is ", "it has none"]);
    }
}

#[tokio::test]
async fn explain_finds_the_account_by_the_new_name_and_the_user_by_the_old_one() {
    let world = started(the_table()).await;
    world.rename_in_keycloak("alice", "alice.cooper");
    for name in ["alice", "alice.cooper"] {
        let run = linked(&world, "").run(&format!("explain {name}")).exits(0);
        run.prints(&[
            "in the group, and the account is active: nothing",
            "@alice:example.org: active, user 01",
        ]);
    }
}

#[tokio::test]
async fn no_account_is_disabled_if_the_list_lacks_a_recreated_user() {
    let world = started(group().member("alice").account("alice").recreated_member("carol")).await;
    let (before, after) = (world.keycloak.shared(), world.keycloak.shared());
    // Pages may be requested at the same time.
    let open = Arc::new(AtomicUsize::new(0));
    let still_open = Arc::clone(&open);
    world.keycloak.faults().on("/members").before(move |_| {
        open.fetch_add(1, Ordering::SeqCst);
        before.lock().realm("corp").leave("carol", "/matrix-users");
    });
    world.keycloak.faults().on("/members").after(move |_| {
        if still_open.fetch_sub(1, Ordering::SeqCst) == 1 {
            after.lock().realm("corp").join("carol", "/matrix-users");
        }
    });
    let run = linked(&world, "").run("sync --format json").exits(0);
    assert_eq!(run.kept(), ["carol in_group_at_second_look", "matrix-sync-bot protected"]);
    assert_eq!(world.state_of("carol"), account(false, false));
}

#[tokio::test]
async fn explain_shows_who_was_requested_by_id_and_who_by_name() {
    let world = started(group().member("alice").account("alice").recreated_member("carol")).await;
    world.keycloak.shared().lock().realm("corp").leave("carol", "/matrix-users");
    let run = linked(&world, "").run("explain carol").exits(0);
    run.prints(&["Keycloak has no user of this ID", "user carol (", "so not in the group"]);
}

#[tokio::test]
async fn plan_is_refused_if_no_link_of_five_leads_to_a_user_of_the_realm() {
    for (links, is_refused) in [(4, false), (5, true)] {
        let world = (0..links).fold(group(), |world, number| {
            let name = format!("u{number}");
            let account = NewAccount::new(&name).linked_to(&format!("{name}@corp.test"));
            world.with_user(NewUser::member(&name)).with_account(account)
        });
        let refused = plan_of(world).await.json()["refused"].to_string();
        let told = "none of the links in MAS leads to a user of the realm";
        assert_eq!(refused.contains(told), is_refused, "{links} links: {refused}");
    }
}
