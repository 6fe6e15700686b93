//! Which accounts count: the homeserver's lists hide some, and contain some that are not ours to
//! manage.

use matrix_keycloak_sync::standins::{Fault, World};
use serde_json::json;

use crate::harness::{
    BY_BOTH, EVERY_WAY, NO_LIMITS, account, everyone, group, program, program_by, program_for,
    started, the_table,
};

#[tokio::test]
async fn both_versions_of_the_list_show_everyone() {
    for world in [the_table(), the_table().synapse_without_v3()] {
        let world = started(world.member("frank").deactivated_account("frank")).await;
        let run = program(&world).run("sync --format json").exits(0);
        let done = [
            "activate bob in_group done",
            "disable dave not_in_group done",
            "activate frank in_group done",
        ];
        assert_eq!(run.actions(), done);
        assert_eq!(run.json()["read"]["accounts"], 6);
    }
}

#[tokio::test]
async fn every_list_is_requested_without_guests_and_with_locked_accounts() {
    for (world, path) in
        [(the_table(), "/v3/users?"), (the_table().synapse_without_v3(), "/v2/users?")]
    {
        let world = started(world).await;
        program(&world).run("plan").exits(0);
        let requests = world.synapse.requests();
        let with = requests.count("guests=false&locked=true");
        assert_eq!((with > 0, requests.count("/users?")), (true, with), "{path}");
        assert!(requests.count(path) > 0, "{path}");
    }
}

#[tokio::test]
async fn accounts_of_bridges_and_bots_are_skipped() {
    let world =
        started(the_table().bridge_account("telegram_1", "telegram").bot_account("reminder")).await;
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!(run.kept(), ["reminder bot", "telegram_1 appservice"]);
    assert_eq!(run.actions(), ["activate bob in_group done", "disable dave not_in_group done"]);
}

#[tokio::test]
async fn the_owner_of_the_token_is_never_disabled() {
    let world = started(the_table().user("svc").account("svc").token_owner("svc")).await;
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!(run.kept(), ["svc token_owner"]);
    assert_eq!(world.state_of("svc").synapse, account(false, false).synapse);
}

#[tokio::test]
async fn administrators_are_skipped_by_default() {
    let world = started(the_table().admin_account("root").leavers(10, "x")).await;
    let plan = |toml: &str| program(&world).file(&world, toml).run("plan --format json").exits(0);
    assert_eq!(plan("").kept(), ["root admin"]);
    let unprotected = plan("[policy]\nprotect_admins = false");
    assert_eq!(unprotected.kept(), [""; 0]);
    assert!(unprotected.actions().contains(&"disable root not_in_keycloak".to_owned()));
}

#[tokio::test]
async fn protected_account_is_skipped_and_misspelt_entry_reported() {
    let world = started(the_table().account("bot-1").account("helper")).await;
    let toml = "[policy]\nprotect = [\"/bot-.*/\", \"HELPER\", \"hepler\", \"dave\", \"!dave\"]";
    let run = program(&world).file(&world, toml).run("plan --format json").exits(0);
    assert_eq!(run.kept(), ["bot-1 protected", "helper protected"]);
    run.tells(&["policy.protect: \"hepler\" matches no account"]);
}

#[tokio::test]
async fn accounts_unknown_to_keycloak_are_disabled_or_kept_as_the_configuration_says() {
    let world = started(the_table().account("old-timer")).await;
    let plan = |toml: &str| program(&world).file(&world, toml).run("plan --format json").exits(0);
    assert!(plan("").actions().contains(&"disable old-timer not_in_keycloak".to_owned()));
    assert_eq!(plan("[policy]\nunknown_accounts = \"keep\"").kept(), ["old-timer unknown_account"]);
}

#[tokio::test]
async fn member_whose_account_was_erased_is_skipped() {
    let world = started(group().member("eve").erased_account("eve")).await;
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!((run.kept(), run.actions()), (vec!["eve erased".to_owned()], vec![]));
}

#[tokio::test]
async fn names_are_compared_without_regard_to_case() {
    let world =
        started(group().member("ALICE").account("Alice").user("dave").account("Dave")).await;
    let run = program(&world).run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["disable Dave not_in_group done"]);
    assert_eq!(
        ["Alice", "Dave"].map(|name| world.state_of(name)),
        [account(false, false), account(true, true)]
    );
}

#[tokio::test]
async fn two_accounts_that_differ_only_in_case_are_disabled_with_their_user() {
    let world = started(
        group().member("alice").account("alice").user("dave").account("dave").account("DAVE"),
    )
    .await;
    let run =
        program(&world).file(&world, crate::harness::NO_LIMITS).run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["disable DAVE not_in_group done", "disable dave not_in_group done"]);
}

#[tokio::test]
async fn names_with_odd_characters_are_requested_unchanged() {
    let names = ["-rf", "--deactivate", "a+b", "a/b", "a=b&c", "a%2Fb"];
    // mas-cli is not called with all of them.
    for (way, names) in [(BY_BOTH, &names[..]), (EVERY_WAY[0], &names[..4])] {
        let world = names
            .iter()
            .fold(group().member("alice"), |world, name| world.user(name).account(name));
        let world = started(world).await;
        let run = program_by(&world, way, NO_LIMITS).run("sync --format json").exits(0);
        let mut done: Vec<_> =
            names.iter().map(|name| format!("disable {name} not_in_group done")).collect();
        done.sort();
        assert_eq!(run.actions(), done);
        assert!(names.iter().all(|name| world.state_of(name) == account(true, true)));
    }
}

#[tokio::test]
async fn a_token_that_synapse_cannot_check_is_an_error_with_a_remedy() {
    let world = started(the_table()).await;
    let before = everyone(&world);
    world.mas.stop().await;
    let run = program(&world).run("sync").exits(1);
    run.tells(&["Synapse: GET ", "/account/whoami", "503", "hint: ", "MAS is down"]);
    assert_eq!(everyone(&world), before);
}

#[tokio::test]
async fn a_token_of_no_administrator_is_an_error_with_a_remedy() {
    let world = started(the_table()).await;
    let token = world.login("alice").expect("alice can log in");
    let run = program(&world).env("MATRIX_ADMIN_TOKEN", &token).run("sync").exits(1);
    run.tells(&[
        "Synapse: GET ",
        "/_synapse/admin/v3/users",
        "403",
        "--yes-i-want-to-grant-synapse-admin-privileges",
    ]);
}

#[tokio::test]
async fn another_server_name_than_the_homeservers_own_is_an_error() {
    let world = started(the_table()).await;
    let run = program_for(&world, "example.com").run("sync").exits(1);
    run.tells(&[
        "the token belongs to @matrix-sync-bot:example.org, and server_name is example.com",
    ]);
}

#[tokio::test]
async fn list_without_all_rows_of_its_total_or_the_token_owner_is_an_error() {
    let world = started(the_table()).await;
    let row = json!({"name": "@matrix-sync-bot:example.org", "deactivated": false});
    for (users, total, told) in
        [(vec![row], 9, "claims 9 accounts and contains 1"), (vec![], 0, "does not contain")]
    {
        let short = Fault::Json(json!({"users": users, "total": total}));
        world.synapse.faults().clear();
        world.synapse.faults().on("/v3/users?").answer(short);
        program(&world).run("sync").exits(1).tells(&["Synapse: GET ", told, "hint: "]);
    }
}

#[tokio::test]
async fn more_accounts_than_a_page_are_all_read() {
    let world =
        started(World::new("example.org").group("/g").members(5100, "u").accounts(5100, "u")).await;
    let run = program(&world).run("plan --format json").exits(0);
    assert_eq!(
        (run.json()["read"].clone(), run.actions()),
        (json!({"members": 5100, "accounts": 5101}), vec![])
    );
}

#[tokio::test]
async fn list_in_many_small_pages_is_read_whole() {
    let world = started(group().members(150, "u").accounts(150, "u")).await;
    world.synapse.faults().on("/v3/users?").in_pages_of(10);
    let run = program(&world).run("plan --format json").exits(0);
    assert_eq!(run.json()["read"], json!({"members": 150, "accounts": 151}));
}

#[tokio::test]
async fn rows_that_one_page_of_several_leaves_out_are_missed() {
    let world = started(group().members(5100, "u").accounts(5100, "u")).await;
    let before = everyone(&world);
    for users in [json!([]), json!([{"name": "@u00001:example.org", "deactivated": false}])] {
        world.synapse.faults().clear();
        world
            .synapse
            .faults()
            .on("from=5000")
            .answer(Fault::Json(json!({"users": users, "total": 5101})));
        let run = program(&world).file(&world, NO_LIMITS).run("sync").exits(1);
        run.tells(&["Synapse: GET ", "claims 5101 accounts and contains ", "hint: "]);
    }
    assert_eq!(everyone(&world), before);
}
