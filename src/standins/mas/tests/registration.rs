//! Tests `mas-cli manage register-user`, and sessions of administrators.

use reqwest::StatusCode;
use serde_json::Value;

use super::{PERSONAL, TestApi};
use crate::standins::mas::SessionKind;
use crate::standins::mas_cli::{self, Output};
use crate::standins::world::AccountParts;
use crate::standins::{Fault, NewAccount, RunningWorld, World};

const SYNAPSE_ADMIN: &str = "urn:synapse:admin:*";

async fn manage(world: &RunningWorld, arguments: &[&str]) -> Output {
    let arguments = std::iter::once("manage").chain(arguments.iter().copied());
    mas_cli::execute(arguments.map(Into::into).collect(), Some(world.mas_cli_config().into())).await
}

fn mapping(world: &RunningWorld, subject: &str) -> String {
    format!("{}:{subject}", world.upstream_provider())
}

async fn started(world: World) -> RunningWorld {
    world.start().await.expect("the world starts")
}

#[tokio::test]
async fn register_user_does_everything_at_once() {
    let world = started(World::new("example.org")).await;
    let (link, emails) = (mapping(&world, "id-new"), ["one@corp.test", "two@corp.test"]);
    let new = ["-d", "New Person", "-m", &link, "-e", emails[0], "-e", emails[1], "--admin"];
    let call = [&["register-user", "--yes"], &new[..], &["--", "new"]].concat();
    let output = manage(&world, &call).await;
    assert_eq!(output.exit, 0, "{}", output.stderr);
    assert!(!output.stderr.contains("No email address"), "{}", output.stderr);
    assert!(world.settle().await);
    let parts = AccountParts {
        mas_admin: true,
        subjects: vec!["id-new".to_owned()],
        emails: emails.map(str::to_owned).to_vec(),
        displayname: Some("New Person".to_owned()),
        rooms: Vec::new(),
    };
    assert_eq!(world.parts_of("new"), parts);
}

#[tokio::test]
async fn register_user_does_nothing_if_it_cannot_do_all() {
    let world =
        started(World::new("example.org").with_account(NewAccount::new("ann").linked_to("id-ann")))
            .await;
    let (taken, free) = (mapping(&world, "id-ann"), mapping(&world, "id-new"));
    for (case, exit, arguments) in [
        ("linked to another account", 1, ["--yes", "-m", &taken, "new"]),
        ("unknown provider", 101, ["--yes", "-m", "01H8PKNWKKRPCBW4YGH1RWV270:x", "new"]),
        ("no provider", 2, ["--yes", "-m", "keycloak:x", "new"]),
        ("name of digits", 1, ["--yes", "-m", &free, "12345"]),
        ("no terminal to ask", 1, ["-m", &free, "--", "new"]),
    ] {
        let call = [&["register-user"], &arguments[..]].concat();
        assert_eq!(manage(&world, &call).await.exit, exit, "{case}");
    }
    assert!(world.settle().await);
    assert_eq!(world.parts_of("new"), AccountParts::default());
    let mas = world.mas.state();
    assert_eq!((mas.users().count(), mas.links().count()), (2, 1));
}

#[tokio::test]
async fn rule_about_one_subcommand_lets_others_pass() {
    let world = started(World::new("example.org").account("ann")).await;
    world.mas.faults().on("?register-user").times(1).answer(Fault::LostAnswer);
    assert_eq!(manage(&world, &["lock-user", "ann"]).await.exit, 0);
    let register = ["register-user", "--yes", "new"];
    assert_eq!(manage(&world, &register).await.exit, 1);
    assert!(world.mas.state().user("new").is_some(), "only the answer was lost");
    let again = manage(&world, &register).await;
    assert_eq!((again.exit, again.stderr.as_str()), (1, "Error: User already exists\n"));
}

#[tokio::test]
async fn provisioning_all_users_sends_locks_that_the_homeserver_has_missed() {
    let world = started(World::new("example.org").account("ann").mas_version("v1.13.0")).await;
    assert_eq!(manage(&world, &["lock-user", "ann"]).await.exit, 0);
    assert!(world.settle().await);
    "v1.22.0".clone_into(&mut world.mas.state().settings.version);
    let is_locked = || world.state_of("ann").synapse.is_some_and(|seen| seen.locked);
    assert!(!is_locked());
    assert_eq!(manage(&world, &["provision-all-users"]).await.exit, 0);
    assert!(world.settle().await);
    assert!(is_locked());
}

fn ids(list: &Value) -> Vec<String> {
    let rows = list["data"].as_array().expect("a list").iter();
    rows.map(|row| row["id"].as_str().expect("an ID").to_owned()).collect()
}

#[tokio::test]
async fn sessions_of_an_administrator_are_found_by_their_scope_and_end_alone() {
    let ann = NewAccount::new("ann")
        .session(SessionKind::OAuth2, "urn:matrix:client:api:* urn:mas:admin")
        .session(SessionKind::Personal, PERSONAL);
    let api = TestApi::start(World::new("example.org").with_account(ann)).await;
    let admin = api.world.login_with_scope("ann", SYNAPSE_ADMIN).expect("a login");
    let plain = api.world.login_by_oauth2("ann").expect("a login");
    let user = format!("filter[user]={}", api.id("ann"));
    let (_, all) = api.get(&format!("oauth2-sessions?{user}")).await;
    assert_eq!(ids(&all).len(), 3);
    let scopes = all["data"].as_array().expect("a list").iter();
    let scopes: Vec<_> =
        scopes.map(|row| row["attributes"]["scope"].as_str().unwrap_or_default()).collect();
    assert_eq!(scopes.iter().filter(|scope| scope.contains(SYNAPSE_ADMIN)).count(), 1);

    let by_scope = format!("oauth2-sessions?{user}&filter[scope]={SYNAPSE_ADMIN}");
    let (_, found) = api.get(&by_scope).await;
    assert_eq!(ids(&found).len(), 1);
    let (_, none) = api.get(&format!("{by_scope}&filter[scope]=urn:mas:admin")).await;
    assert_eq!(ids(&none), [""; 0], "each part has to be in the scope");
    let (_, personal) = api.get("personal-sessions?filter[scope]=urn:mas:admin").await;
    assert_eq!(ids(&personal).len(), 1);
    let (status, _) = api.get("oauth2-sessions?filter[scope]=two%20parts").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    let finish = format!("oauth2-sessions/{}/finish", ids(&found)[0]);
    assert_eq!(api.post(&finish).await.0, StatusCode::OK);
    assert!(api.world.settle().await);
    assert_eq!(api.world.whoami(&admin).await.expect("an answer"), 401);
    assert_eq!(api.world.whoami(&plain).await.expect("an answer"), 200);
}
