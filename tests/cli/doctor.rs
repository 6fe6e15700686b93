//! `doctor`: what is right and what is wrong, with what to change and where, and nothing changed.

use matrix_keycloak_sync::standins::mas::AdminApi;
use matrix_keycloak_sync::standins::{Auth, Fault, RunningWorld};
use serde_json::{Value, json};

use crate::harness::{
    BY_BOTH, BY_MAS, EVERY_WAY, Program, Run, Way, everyone, group, program, program_by, program_with, settings,
    started, the_table,
};

/// The checks that came out this way: `keycloak group`.
fn of(run: &Run, status: &str) -> Vec<String> {
    let all = run.json()["checks"].clone();
    let wanted = all.as_array().expect("a list").iter().filter(|check| check["status"] == status);
    let word = |check: &Value, field: &str| check[field].as_str().unwrap_or_default().to_owned();
    wanted.map(|check| format!("{} {}", word(check, "server"), word(check, "check"))).collect()
}

/// The one problem, once there is no other: what was found, and what to do.
#[track_caller]
fn the_problem(run: &Run, check: &str) -> String {
    assert_eq!(of(run, "problem"), [check], "{}", run.stdout);
    let all = run.json()["checks"].clone();
    let problem = all.as_array().expect("a list").iter().find(|check| check["status"] == "problem").cloned();
    let problem = problem.expect("a problem");
    format!("{} -> {}", problem["found"].as_str().expect("a text"), problem["fix"].as_str().expect("a text"))
}

#[track_caller]
fn finds(program: Program, check: &str, told: &[&str]) {
    let run = program.run("doctor --format json").exits(1);
    let problem = the_problem(&run, check);
    for part in told {
        assert!(problem.contains(part), "no {part:?} in {problem}");
    }
}

fn with_secret(world: &RunningWorld) -> Program {
    program_with(world, Auth::ClientCredentials)
}

#[tokio::test]
async fn a_healthy_world_has_no_problem_whoever_writes_and_lists() {
    for way in EVERY_WAY {
        let world = started(the_table()).await;
        let before = everyone(&world);
        let run = program_by(&world, way, "").run("doctor --format json").exits(0);
        let expected = if way.source == "mas" { vec!["settings services"] } else { vec![] };
        assert_eq!(
            (of(&run, "problem"), of(&run, "warning"), of(&run, "skipped")),
            (vec![], expected.iter().map(ToString::to_string).collect(), vec![]),
            "{way:?}"
        );
        assert_eq!(everyone(&world), before);
    }
}

#[tokio::test]
async fn nothing_but_tokens_is_asked_for_by_post() {
    for way in EVERY_WAY {
        let world = started(the_table()).await;
        program_by(&world, way, "").run("doctor").exits(0);
        let servers =
            [world.keycloak.requests(), world.synapse.requests(), world.mas.requests(), world.mas.admin().requests()];
        let posts: Vec<_> = servers
            .iter()
            .flat_map(|requests| requests.all())
            .filter(|seen| seen.method != "GET" && !seen.path.ends_with("/token"))
            .filter(|seen| !seen.path.starts_with("/_synapse/mas/") && !seen.path.ends_with("/introspect"))
            .map(|seen| seen.path)
            .collect();
        // The stand-in of mas-cli asks its database so, and only once.
        let by_mas_cli = if way.writer == "mas-cli" { vec!["/stand-in/manage"] } else { vec![] };
        assert_eq!(posts, by_mas_cli, "{way:?}");
    }
}

#[tokio::test]
async fn the_json_has_every_check_with_its_status() {
    let world = started(the_table()).await;
    let run = program_by(&world, BY_MAS, "").run("doctor --format json").exits(0);
    let document = run.json();
    assert_eq!(document["version"], 1);
    assert_eq!(document["summary"], json!({"ok": 16, "warning": 1, "problem": 0, "skipped": 0}), "{}", run.stdout);
    let group = json!({"server": "keycloak", "check": "group", "status": "ok", "found": "found: /matrix-users"});
    assert!(document["checks"].as_array().expect("a list").contains(&group));
}

#[tokio::test]
async fn the_text_fits_in_80_columns_and_ends_with_the_numbers() {
    let world = started(the_table().admin_api(AdminApi::Both)).await;
    world.keycloak.server().stop().await;
    let run = program_by(&world, BY_MAS, "").run("doctor").exits(1);
    run.prints(&[
        "PROBLEM  Keycloak: GET ",
        "skipped  token, users, group, members, directories: Keycloak does not answer",
        "warning  the Admin API also answers at MAS's public address",
        "      resources: [{name: adminapi}]",
        "1 problem, 2 warnings, ",
    ]);
    // An address or an example of a configuration is not broken in two.
    let long = |line: &&str| line.chars().count() > 80 && !line.contains("http") && !line.contains("resources:");
    let run = program_by(&world, BY_MAS, "").run("doctor").exits(1);
    assert_eq!(run.stdout.lines().filter(long).collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test]
async fn a_server_that_is_down_does_not_hide_the_others() {
    let world = started(the_table()).await;
    world.synapse.server().stop().await;
    let run = program(&world).run("doctor --format json").exits(1);
    assert!(the_problem(&run, "synapse reachable").contains("check that Synapse is up"));
    assert_eq!(of(&run, "skipped"), ["synapse token", "synapse version", "synapse accounts"]);
    assert!(of(&run, "ok").contains(&"keycloak members".to_owned()));
}

#[tokio::test]
async fn keycloak_that_gives_no_token() {
    let world = started(the_table()).await;
    let wrong = with_secret(&world).env("KC_CLIENT_SECRET", "wrongsecret");
    finds(wrong, "keycloak token", &["gave no token", "KC_CLIENT_SECRET"]);
}

#[tokio::test]
async fn a_group_that_is_not_there() {
    let world = started(the_table()).await;
    let other = with_secret(&world).env("KC_GROUP_NAME", "no-such-group");
    finds(other, "keycloak group", &["there is no group \"no-such-group\"", "KC_GROUP_NAME"]);
}

#[tokio::test]
async fn an_empty_group_is_a_warning() {
    let world = started(group().user("dave").account("dave")).await;
    let run = with_secret(&world).run("doctor --format json").exits(0);
    assert!(of(&run, "warning").contains(&"keycloak members".to_owned()));
}

#[tokio::test]
async fn a_token_that_sees_nobody() {
    let world = started(the_table().service_roles(&["query-users", "query-groups"])).await;
    let run = with_secret(&world).run("doctor --format json").exits(1);
    assert!(of(&run, "problem").contains(&"keycloak users".to_owned()), "{}", run.stdout);
    assert!(run.stdout.contains("the role view-users of the client realm-management"));
}

#[tokio::test]
async fn a_token_that_may_do_more_than_it_needs_is_a_warning() {
    let world = started(the_table().service_roles(&["view-users", "view-realm", "manage-users"])).await;
    let run = with_secret(&world).run("doctor --format json").exits(0);
    assert_eq!(of(&run, "warning"), ["keycloak rights"]);
    assert!(run.stdout.contains("the token may do more than it needs: manage-users"));
    let by_password = program(&world).run("doctor --format json").exits(0);
    assert_eq!(of(&by_password, "warning"), ["keycloak rights"]);
}

#[tokio::test]
async fn without_view_realm_directories_cannot_be_seen() {
    let world = started(the_table().service_roles(&["view-users"])).await;
    let run = with_secret(&world).run("doctor --format json").exits(0);
    assert_eq!(of(&run, "warning"), ["keycloak directories"]);
}

#[tokio::test]
async fn a_synapse_token_that_is_wrong_or_of_another_server() {
    let world = started(the_table()).await;
    finds(with_secret(&world).env("MATRIX_ADMIN_TOKEN", "mct_wrong"), "synapse token", &["401", "MATRIX_ADMIN_TOKEN"]);
    let other = with_secret(&world).env("MATRIX_SERVER_NAME", "other.example");
    finds(other, "synapse token", &["server_name is other.example", "MATRIX_SERVER_NAME"]);
}

#[tokio::test]
async fn an_admin_api_that_is_not_on_that_listener() {
    let world = started(the_table().admin_api(AdminApi::Nowhere)).await;
    finds(program_by(&world, BY_MAS, ""), "mas version", &["404", "add the resource adminapi to a listener"]);
}

#[tokio::test]
async fn a_client_that_is_not_listed_or_has_another_secret() {
    let world = started(the_table().mas_api_client_not_admin()).await;
    finds(program_by(&world, BY_MAS, ""), "mas token", &["invalid_scope", "policy.data.admin_clients"]);
    let world = started(the_table()).await;
    let wrong = settings(&world, BY_MAS).replace(world.mas_client_secret(), "wrongsecret");
    let wrong = program_by(&world, BY_MAS, "").file(&world, &wrong).hiding("wrongsecret");
    finds(wrong, "mas token", &["invalid_client", "writer.mas_api.client_secret"]);
}

#[tokio::test]
async fn a_mas_of_another_homeserver() {
    let world = started(the_table()).await;
    world.mas.state().settings.server_name = "other.example".to_owned();
    let told = ["MAS serves other.example, and server_name is example.org", "writer.mas_api.url"];
    finds(program_by(&world, BY_BOTH, ""), "mas server_name", &told);
}

#[tokio::test]
async fn a_mas_that_is_too_old_is_a_problem_for_the_writer_and_a_warning_for_the_reader() {
    let world = started(the_table().mas_version("v1.3.0")).await;
    finds(program_by(&world, BY_MAS, ""), "mas version", &["older than 1.4", "update MAS"]);
    let reads = Way { writer: "mas-cli", source: "mas" };
    let run = program_by(&world, reads, "").run("doctor --format json").exits(0);
    assert!(of(&run, "warning").contains(&"mas version".to_owned()), "{}", run.stdout);
}

#[tokio::test]
async fn before_1_14_a_lock_is_never_confirmed() {
    let world = started(the_table().mas_version("v1.13.2")).await;
    let lock = program_by(&world, BY_BOTH, "[policy]\ndisable = \"lock\"\n");
    finds(lock, "mas version", &["before 1.14 a lock does not reach Synapse", "update MAS"]);
    let run = program_by(&world, BY_BOTH, "").run("doctor --format json").exits(0);
    assert_eq!(of(&run, "warning"), ["mas version"]);
}

#[tokio::test]
async fn an_admin_api_in_public_comes_with_the_listeners_to_write() {
    let world = started(the_table().admin_api(AdminApi::Both)).await;
    let run = program_by(&world, BY_BOTH, "").run("doctor --format json").exits(0);
    assert_eq!(of(&run, "warning"), ["mas exposure"]);
    assert!(run.stdout.contains("resources: [{name: adminapi}]"));
}

#[tokio::test]
async fn a_personal_token_that_opens_synapse_too_is_a_warning() {
    let world = started(the_table()).await;
    let both = "urn:mas:admin urn:synapse:admin:* urn:matrix:client:api:*";
    let token = world.personal_token("matrix-sync-bot", both).expect("a token");
    let file = settings(&world, BY_BOTH)
        .replace(&format!("client_id = {:?}\n", world.mas_client_id()), "")
        .replace(&format!("client_secret = {:?}", world.mas_client_secret()), &format!("access_token = {token:?}"));
    let program = program_by(&world, BY_BOTH, "").file(&world, &file).hiding(&token);
    let run = program.run("doctor --format json").exits(0);
    assert_eq!(of(&run, "warning"), ["mas client"], "{}", run.stdout);
}

#[tokio::test]
async fn no_upstream_provider_that_is_the_realm() {
    let world = started(the_table()).await;
    let provider = world.upstream_provider();
    world.mas.state().provider_mut(provider).expect("the provider").issuer = None;
    let file = settings(&world, BY_MAS).replacen("[accounts]\n", "[accounts]\nmatch = \"upstream-link\"\n", 1);
    finds(
        program_by(&world, BY_MAS, "").file(&world, &file),
        "mas provider",
        &["no upstream provider is", "accounts.provider"],
    );
}

#[tokio::test]
async fn mas_cli_that_is_not_there() {
    let world = started(the_table()).await;
    let run = with_secret(&world).env("PATH", "/nowhere").run("doctor --format json").exits(1);
    assert!(the_problem(&run, "mas-cli program").contains("install mas-cli on this host"));
    assert_eq!(of(&run, "skipped"), ["mas-cli configuration", "mas-cli database"]);
}

#[tokio::test]
async fn a_configuration_of_mas_that_is_missing_or_no_yaml() {
    let world = started(the_table()).await;
    let missing = with_secret(&world).env("MAS_CONFIG", "/not/there.yaml");
    finds(missing, "mas-cli configuration", &["cannot read this file", "MAS_CONFIG"]);
    let broken = crate::harness::write(&world, "broken.yaml", "database: [");
    let broken = with_secret(&world).env("MAS_CONFIG", &broken.display().to_string());
    finds(broken, "mas-cli configuration", &["this is not YAML", "MAS_CONFIG"]);
}

#[tokio::test]
async fn a_database_that_is_down_or_refuses_the_password() {
    let world = started(the_table()).await;
    let uri = world.mas.url().replacen("http://", "http://mas:wrong@", 1);
    let wrong = crate::harness::write(&world, "wrong.yaml", &format!("database:\n  uri: \"{uri}/\"\n"));
    let wrong = with_secret(&world).env("MAS_CONFIG", &wrong.display().to_string());
    finds(wrong, "mas-cli database", &["could not connect to the database", "password authentication failed"]);
    let down = crate::harness::write(&world, "down.yaml", "database:\n  uri: \"http://127.0.0.1:1/\"\n");
    let down = with_secret(&world).env("MAS_CONFIG", &down.display().to_string());
    finds(down, "mas-cli database", &["could not connect to the database", "Connection refused"]);
}

#[tokio::test]
async fn a_web_page_where_json_belongs() {
    let world = started(the_table()).await;
    world.synapse.faults().on("/whoami").answer(Fault::Html);
    finds(with_secret(&world), "synapse token", &["text/html where JSON belongs", "MATRIX_URL"]);
}

#[tokio::test]
async fn a_configuration_that_is_wrong_ends_as_everywhere() {
    let world = started(the_table()).await;
    with_secret(&world).without("KC_URL").run("doctor").exits(78).tells(&["KC_URL"]);
}
