//! The writer for hosts without mas-cli: its requests to the Admin API, and what happens if MAS
//! fails.

use std::time::Duration;

use matrix_keycloak_sync::standins::mas::{AdminApi, ClientAuth, SessionKind};
use matrix_keycloak_sync::standins::{Fault, RunningWorld, SeenRequest, World};

use crate::harness::{
    BY_BOTH, BY_MAS, NO_LIMITS, Run, account, everyone, group, program_by, settings, started,
    the_table,
};
use crate::sections::PROTECT;
use crate::snapshots::assert_snapshot;

/// The requested changes in order: `lock`, `deactivate` and so on.
fn changes(world: &RunningWorld) -> Vec<String> {
    let asked = world.mas.admin().requests().all();
    let posts = asked.iter().filter(|seen| seen.method == "POST");
    posts.filter_map(|seen| seen.path.rsplit('/').next()).map(ToOwned::to_owned).collect()
}

/// Returns why dave, the second action, was not disabled.
fn error_of_dave(run: &Run) -> String {
    run.json()["actions"][1]["error"].as_str().expect("an error").to_owned()
}

/// `count` users outside the group, each with an active account.
fn crowd(count: usize) -> World {
    group().member("alice").account("alice").leavers(count, "c")
}

#[tokio::test]
async fn disabling_is_lock_deactivate_and_the_end_of_every_session() {
    let world = started(the_table()).await;
    world.login("dave").expect("dave can log in");
    world.login_by_oauth2("dave").expect("dave can log in");
    program_by(&world, BY_BOTH, "").run("sync").exits(0);
    assert_eq!(
        changes(&world),
        ["unlock", "reactivate", "lock", "deactivate", "finish", "finish", "finish"]
    );
    assert!(world.settle().await);
    assert_eq!(
        ["bob", "dave"].map(|name| world.state_of(name)),
        [account(false, false), account(true, true)]
    );
}

#[tokio::test]
async fn locking_is_lock_and_the_end_of_every_session() {
    let world = started(the_table()).await;
    let token = world.login_by_oauth2("dave").expect("dave can log in");
    program_by(&world, BY_BOTH, "[policy]\ndisable = \"lock\"\n").run("sync").exits(0);
    assert_eq!(changes(&world), ["unlock", "reactivate", "lock", "finish", "finish"]);
    assert_eq!(world.whoami(&token).await.expect("an answer"), 401);
}

#[tokio::test]
async fn activation_interrupted_at_the_homeserver_is_finished() {
    let world = started(group().member("alice").account("alice")).await;
    // MAS changes the homeserver first, and drops the rest if the client has gone.
    world.mas.state().user_mut("alice").expect("seeded").deactivated_at =
        Some("2026-11-24T01:00:00Z".to_owned());
    let run = program_by(&world, BY_BOTH, "").run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["activate alice in_group done"]);
    assert_eq!(world.state_of("alice"), account(false, false));
}

#[tokio::test]
async fn a_plan_by_the_admin_api_changes_nothing() {
    let world = started(the_table()).await;
    let before = everyone(&world);
    program_by(&world, BY_MAS, PROTECT).run("plan --format json").exits(0);
    assert_eq!((changes(&world), everyone(&world)), (vec![], before));
}

#[tokio::test]
async fn no_request_goes_to_synapse_if_it_is_not_configured() {
    let world = started(the_table()).await;
    let run = program_by(&world, BY_MAS, PROTECT).run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["activate bob in_group done", "disable dave not_in_group done"]);
    let by_the_program = world
        .synapse
        .requests()
        .all()
        .into_iter()
        .filter(|seen| !seen.path.starts_with("/_synapse/mas/"));
    assert_eq!(by_the_program.count(), 0);
}

#[tokio::test]
async fn an_account_that_mas_does_not_know_is_kept_and_no_failure() {
    let world = started(
        the_table().bridge_account("telegram_42", "telegram").synapse_only_account("casper"),
    )
    .await;
    let run = program_by(&world, BY_BOTH, NO_LIMITS).run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["activate bob in_group done", "disable dave not_in_group done"]);
    assert_eq!(run.kept(), ["casper not_in_mas", "telegram_42 appservice"]);
}

#[tokio::test]
async fn session_that_ends_in_the_meantime_is_no_failure() {
    let world = started(the_table()).await;
    world.login("dave").expect("dave can log in");
    let state = world.mas.shared();
    world.mas.admin().faults().on("/finish").before(move |_| {
        let mut mas = state.lock();
        let dave = mas.user("dave").expect("a user").id.clone();
        mas.finish_sessions(&dave, &[SessionKind::Compat, SessionKind::Browser]);
    });
    program_by(&world, BY_BOTH, "").run("sync").exits(0);
    assert_eq!(world.state_of("dave"), account(true, true));
}

#[tokio::test]
async fn only_the_sessions_of_the_user_are_ended() {
    let world = started(the_table()).await;
    for name in ["alice", "dave"] {
        world.login(name).expect("not locked");
        world.login_by_oauth2(name).expect("not locked");
    }
    // A MAS that ignores the filter lists the sessions of all users.
    let everybody = |seen: &SeenRequest| seen.path.ends_with("-sessions");
    world.mas.admin().faults().matching(everybody).answer(Fault::WithoutFilters);
    program_by(&world, BY_BOTH, "").run("sync").exits(0);
    let kinds = [SessionKind::Compat, SessionKind::OAuth2, SessionKind::Browser];
    let open = |name| kinds.map(|kind| world.sessions_of(name, kind).len());
    assert_eq!((open("alice"), open("dave")), ([1, 1, 1], [0, 0, 0]));
}

#[tokio::test]
async fn token_is_renewed_if_it_expires_during_500_actions() {
    let lifetime = Duration::from_secs(2);
    let world = started(crowd(500).mas_api_token_lifetime(lifetime)).await;
    // On any machine, eight at a time take longer than the token's lifetime.
    world.mas.admin().faults().on("/lock").late(lifetime / 40);
    let run = program_by(&world, BY_MAS, &format!("{PROTECT}{NO_LIMITS}"))
        .run("sync --format json")
        .exits(0);
    assert_eq!(run.json()["summary"]["disable"], 500);
    assert!(run.actions().iter().all(|line| line.ends_with("done")));
    assert!(world.mas.requests().count("/oauth2/token") > 1);
}

#[tokio::test]
async fn late_refused_request_is_not_repeated_with_an_expired_newer_token() {
    let lifetime = Duration::from_secs(2);
    let world = started(crowd(500).mas_api_token_lifetime(lifetime)).await;
    world.mas.admin().faults().on("/lock").late(lifetime / 40);
    world.mas.admin().faults().on("/lock").skip(250).times(1).late(3 * lifetime);
    program_by(&world, BY_MAS, &format!("{PROTECT}{NO_LIMITS}")).run("sync").exits(0);
}

#[tokio::test]
async fn new_token_is_requested_if_mas_forgets_the_old_one() {
    let world = started(crowd(50)).await;
    let state = world.mas.shared();
    world
        .mas
        .admin()
        .faults()
        .on("/lock")
        .skip(20)
        .times(1)
        .before(move |_| state.lock().forget_client_tokens());
    program_by(&world, BY_MAS, &format!("{PROTECT}{NO_LIMITS}")).run("sync").exits(0);
}

#[tokio::test]
async fn a_client_shows_its_secret_in_the_way_that_it_is_registered_with() {
    for auth in [ClientAuth::Basic, ClientAuth::Post] {
        let world = started(the_table().mas_api_client_auth(auth)).await;
        program_by(&world, BY_MAS, PROTECT).run("sync").exits(0);
        assert_eq!(world.state_of("dave").mas.map(|mas| mas.deactivated), Some(true), "{auth:?}");
    }
}

#[tokio::test]
async fn personal_access_token_works_too() {
    let world = started(the_table()).await;
    let token = world.personal_token("matrix-sync-bot", "urn:mas:admin").expect("a token");
    let section = settings(&world, BY_MAS);
    let lines =
        section.lines().filter(|line| !line.starts_with("client_") && !line.starts_with("issuer"));
    let file = lines.fold(String::new(), |file, line| file + line + "\n");
    let file = format!("{file}access_token = {token:?}\n{PROTECT}");
    program_by(&world, BY_MAS, "").file(&world, &file).hiding(&token).run("sync").exits(0);
    assert_eq!(world.mas.requests().count("/oauth2/token"), 0);
    assert_eq!(world.state_of("dave").mas.map(|mas| mas.deactivated), Some(true));
}

/// Checks that no account is disabled, and that `snapshots/NAME.snap` says why.
#[track_caller]
fn refuses(world: &RunningWorld, name: &str) {
    let before = everyone(world);
    program_by(world, BY_MAS, PROTECT).run("sync").exits(1).matches(world, name);
    assert_eq!(everyone(world), before);
}

#[tokio::test]
async fn client_missing_from_admin_clients_is_reported() {
    let world = started(the_table().mas_api_client_not_admin()).await;
    refuses(&world, "sync_without_the_scope_of_the_admin_api");
}

#[tokio::test]
async fn wrong_secret_is_reported_and_not_printed() {
    let world = started(the_table()).await;
    let file = settings(&world, BY_MAS).replace(world.mas_client_secret(), "wrongsecret");
    let run = program_by(&world, BY_MAS, "")
        .hiding("wrongsecret")
        .file(&world, &file)
        .run("sync")
        .exits(1);
    run.matches(&world, "sync_with_a_wrong_secret");
}

#[tokio::test]
async fn every_request_says_why_there_is_no_token() {
    let world = started(the_table()).await;
    let file = settings(&world, BY_BOTH).replace(world.mas_client_secret(), "wrongsecret");
    for command in ["plan", "sync", "report", "explain dave"] {
        let run = program_by(&world, BY_BOTH, "").file(&world, &file).run(command).exits(1);
        let run = run.tells(&["invalid_client: Client authentication failed"]);
        assert!(!run.stderr.contains("a moment ago"), "{command}: {}", run.stderr);
    }
}

#[tokio::test]
async fn token_without_the_scope_is_reported() {
    let world = started(the_table()).await;
    let token =
        world.personal_token("matrix-sync-bot", "urn:matrix:client:api:*").expect("a token");
    let file = settings(&world, BY_MAS)
        .replace(&format!("client_id = {:?}\n", world.mas_client_id()), "")
        .replace(
            &format!("client_secret = {:?}", world.mas_client_secret()),
            &format!("access_token = {token:?}"),
        );
    let run =
        program_by(&world, BY_MAS, "").file(&world, &file).hiding(&token).run("plan").exits(1);
    // Several requests are sent at once.
    run.tells(&[
        "answered 401 Unauthorized: Missing urn:mas:admin scope",
        "lacks the scope urn:mas:admin",
    ]);
}

#[tokio::test]
async fn listener_without_the_admin_api_is_distinguished_from_a_failing_mas() {
    let world = started(the_table().admin_api(AdminApi::Nowhere)).await;
    refuses(&world, "sync_without_the_admin_api");
    let world = started(the_table()).await;
    world.mas.admin().faults().on("").answer(Fault::Html);
    refuses(&world, "sync_with_a_web_page_for_the_admin_api");
}

#[tokio::test]
async fn wrong_issuer_is_refused() {
    let world = started(the_table()).await;
    world.mas.state().settings.issuer = "https://auth.example.org/".to_owned();
    let file = settings(&world, BY_MAS)
        .replace("https://auth.example.org/", &format!("{}/", world.mas.url()));
    let run = program_by(&world, BY_MAS, "").file(&world, &file).run("plan").exits(1);
    run.matches(&world, "plan_with_a_wrong_issuer");
}

#[tokio::test]
async fn only_the_action_fails_whose_user_is_deleted_after_the_plan() {
    let world = started(the_table().user("mallory").account("mallory")).await;
    let state = world.mas.shared();
    world.mas.admin().faults().on("/lock").times(1).before(move |_| {
        state.lock().remove_user("dave");
    });
    let run = program_by(&world, BY_MAS, &format!("{PROTECT}{NO_LIMITS}"))
        .run("sync --format json")
        .exits(4);
    let actions = [
        "activate bob in_group done",
        "disable dave not_in_group failed",
        "disable mallory not_in_group done",
    ];
    assert_eq!(run.actions(), actions);
    assert_snapshot("error_of_a_deleted_user", &error_of_dave(&run));
}

#[tokio::test]
async fn new_user_with_the_name_of_a_deleted_one_is_not_disabled() {
    let world = started(the_table()).await;
    let state = world.mas.shared();
    world.mas.admin().faults().on("/lock").times(1).before(move |_| {
        let mut mas = state.lock();
        mas.remove_user("dave");
        mas.add_user("dave");
    });
    program_by(&world, BY_MAS, &format!("{PROTECT}{NO_LIMITS}")).run("sync").exits(4);
    assert_eq!(
        world.state_of("dave").mas.map(|mas| (mas.locked, mas.deactivated)),
        Some((false, false))
    );
}

#[tokio::test]
async fn many_temporary_refusals_are_retried_until_they_end() {
    for storm in [Fault::TooManyRequests { retry_after_secs: 1 }, Fault::Status(503, String::new())]
    {
        let world = started(crowd(60)).await;
        let busy = |seen: &SeenRequest| seen.method == "POST" || seen.path.contains("-sessions");
        world.mas.admin().faults().matching(busy).times(25).answer(storm.clone());
        let run = program_by(&world, BY_MAS, &format!("{PROTECT}{NO_LIMITS}"))
            .run("sync --format json")
            .exits(0);
        assert!(run.actions().iter().all(|line| line.ends_with("done")), "{storm:?}");
    }
}

#[tokio::test]
async fn broken_connections_are_retried() {
    let world = started(crowd(10)).await;
    world.mas.admin().faults().on("/deactivate").times(1).answer(Fault::Reset);
    world.mas.admin().faults().on("/compat-sessions").times(1).answer(Fault::CutBody);
    program_by(&world, BY_MAS, &format!("{PROTECT}{NO_LIMITS}")).run("sync").exits(0);
}

#[tokio::test]
async fn sessions_end_and_the_action_fails_if_a_disable_is_only_half_done() {
    let world = started(the_table()).await;
    world.login("dave").expect("dave can log in");
    world.mas.admin().faults().on("/deactivate").answer(Fault::Status(500, String::new()));
    let run = program_by(&world, BY_BOTH, "").run("sync --format json").exits(4);
    assert_snapshot("error_of_a_lock_without_the_deactivation", &error_of_dave(&run));
    assert_eq!(
        world.state_of("dave").mas.map(|mas| (mas.locked, mas.deactivated, mas.sessions)),
        Some((true, false, 0))
    );
}

#[tokio::test]
async fn disable_goes_on_if_the_answer_to_the_lock_is_lost() {
    let world = started(the_table()).await;
    world.login("dave").expect("dave can log in");
    let lock = |seen: &SeenRequest| seen.path.ends_with("/lock");
    world.mas.admin().faults().matching(lock).answer(Fault::CutBody);
    let run = program_by(&world, BY_MAS, PROTECT).run("sync --format json").exits(4);
    assert_eq!(run.actions(), ["activate bob in_group done", "disable dave not_in_group failed"]);
    let left = world.state_of("dave").mas.map(|mas| (mas.locked, mas.deactivated, mas.sessions));
    assert_eq!(left, Some((true, true, 0)));
}

#[tokio::test]
async fn other_sessions_end_if_one_kind_cannot_be_ended() {
    let world = started(the_table()).await;
    world.login("dave").expect("dave can log in");
    world.login_by_oauth2("dave").expect("dave can log in");
    world.mas.admin().faults().on("/compat-sessions").answer(Fault::Status(500, String::new()));
    let run = program_by(&world, BY_MAS, &format!("{PROTECT}disable = \"lock\"\n"))
        .run("sync --format json")
        .exits(4);
    assert_snapshot("error_of_a_lock_without_the_end_of_sessions", &error_of_dave(&run));
    let kinds = [SessionKind::Compat, SessionKind::OAuth2, SessionKind::Browser];
    assert_eq!(kinds.map(|kind| world.sessions_of("dave", kind).len()), [1, 0, 0]);
}

#[tokio::test]
async fn failed_token_request_is_shared_by_all_waiting_actions() {
    let world = started(crowd(40)).await;
    let state = world.mas.shared();
    let lock = |seen: &SeenRequest| seen.path.ends_with("/lock");
    world
        .mas
        .admin()
        .faults()
        .matching(lock)
        .times(1)
        .before(move |_| state.lock().forget_client_tokens());
    world.mas.faults().on("/oauth2/token").skip(1).answer(Fault::Status(500, String::new()));
    let run = program_by(&world, BY_MAS, &format!("{PROTECT}{NO_LIMITS}"))
        .run("sync --format json")
        .exits(4);
    assert!(run.actions().iter().any(|line| line.ends_with("skipped")), "the run stops trying");
    assert!(world.mas.requests().count("/oauth2/token") < 12);
}

#[tokio::test]
async fn empty_list_with_a_count_is_an_error() {
    let world = started(the_table()).await;
    let rows = serde_json::json!({"meta": {"count": 7}, "data": [], "links": {}});
    world.mas.admin().faults().on("/users?").answer(Fault::Json(rows));
    refuses(&world, "sync_with_an_empty_list_of_users");
}

#[tokio::test]
async fn empty_list_of_users_is_an_error_if_users_have_links() {
    let world = started(the_table()).await;
    world.mas.admin().faults().on("/users?").answer(Fault::EmptyList);
    refuses(&world, "sync_with_links_of_no_users");
}

#[tokio::test]
async fn list_with_fewer_rows_than_its_count_is_an_error() {
    let world = started(the_table()).await;
    let alice = world.mas.state().user("alice").expect("seeded").id.clone();
    let user = serde_json::json!({"username": "alice", "locked_at": null, "deactivated_at": null, "admin": false});
    let link = serde_json::json!({"provider_id": "01H8PKNWKKRPCBW4YGH1RWV279", "subject": "a", "user_id": alice});
    for (list, attributes, name) in [
        ("/users?", user, "sync_with_a_short_list_of_users"),
        ("/upstream-oauth-links?", link, "sync_with_a_short_list_of_links"),
    ] {
        let row = serde_json::json!({"id": alice, "attributes": attributes});
        let rows = serde_json::json!({"meta": {"count": 7}, "data": [row], "links": {}});
        world.mas.admin().faults().on(list).answer(Fault::Json(rows));
        refuses(&world, name);
        world.mas.admin().faults().clear();
    }
}

#[tokio::test]
async fn guests_are_not_listed_and_administrators_are_skipped() {
    let world = started(the_table().guest_account("guest-1").admin_account("root")).await;
    let run = program_by(&world, BY_MAS, PROTECT).run("plan --format json").exits(0);
    assert_eq!(run.kept(), ["matrix-sync-bot protected", "root admin"]);
    assert_eq!(run.json()["read"]["accounts"], 6);
}

#[tokio::test]
async fn owner_of_the_synapse_token_is_kept_if_mas_lists_the_accounts() {
    let world = started(the_table()).await;
    let way = crate::harness::Way { writer: "mas-api", source: "mas" };
    let program = program_by(&world, way, "").env("MATRIX_URL", &world.synapse.url());
    let run =
        program.env("MATRIX_ADMIN_TOKEN", world.admin_token()).run("sync --format json").exits(0);
    assert_eq!(run.actions(), ["activate bob in_group done", "disable dave not_in_group done"]);
    assert_eq!(run.json()["kept"][0]["reason"], "token_owner");
}

#[tokio::test]
async fn a_mas_of_another_homeserver_is_refused() {
    for way in [BY_MAS, BY_BOTH] {
        let world = started(the_table()).await;
        world.mas.state().settings.server_name = "other.example".to_owned();
        let before = everyone(&world);
        let run = program_by(&world, way, "").run("sync").exits(1);
        run.matches(&world, "sync_with_the_mas_of_another_homeserver");
        assert_eq!(everyone(&world), before, "{way:?}");
    }
}

#[tokio::test]
async fn admin_api_at_the_public_address_is_a_warning() {
    let world = started(the_table().admin_api(AdminApi::Both)).await;
    let run = program_by(&world, BY_MAS, PROTECT).run("plan").exits(0);
    run.logs(&world, "plan_with_a_public_admin_api");
    let world = started(the_table()).await;
    let run = program_by(&world, BY_MAS, PROTECT).run("plan").exits(0);
    assert_eq!(run.stderr, "");
}

#[tokio::test]
async fn client_with_more_rights_than_needed_is_a_warning() {
    let world = started(the_table()).await;
    let more = vec!["https://app.example/callback".to_owned()];
    world.mas.state().client_mut(world.mas_client_id()).expect("the client").redirect_uris = more;
    let run = program_by(&world, BY_MAS, PROTECT).run("plan").exits(0);
    run.logs(&world, "plan_with_a_client_for_logins");
}

#[tokio::test]
async fn mas_that_would_erase_accounts_is_refused_before_the_first_change() {
    for version in ["v0.19.0", "v0.20.0", "v1.3.0"] {
        let world = started(the_table().mas_version(version)).await;
        let before = everyone(&world);
        let run = program_by(&world, BY_BOTH, "").run("sync").exits(1);
        run.logs(&world, "sync_with_a_mas_that_would_erase_accounts");
        assert_eq!((changes(&world), everyone(&world)), (vec![], before), "{version}");
    }
}
