//! Tests the users and accounts of a world: links, accounts on one server only, users who were
//! renamed or re-created.

use serde_json::Value;

use super::{
    MasUserState, NewAccount, NewUser, RunningWorld, ServerStates, SynapseAccountState, World,
};
use crate::standins::mas::SessionKind;
use crate::standins::runtime;
use crate::standins::world::AccountParts;

async fn started(world: World) -> RunningWorld {
    world.start().await.expect("the world starts")
}

fn people() -> World {
    World::new("example.org").group("/staff").member("ann").account("ann")
}

fn id_in_keycloak(world: &RunningWorld, username: &str) -> Option<String> {
    world.keycloak.state().realm("corp").user(username).map(|user| user.id.clone())
}

/// Returns the subjects of an account's links.
fn subjects(world: &RunningWorld, localpart: &str) -> Vec<String> {
    let mas = world.mas.state();
    let user = mas.user(localpart).expect("seeded").id.clone();
    let own = mas.links().filter(|link| link.user_id.as_deref() == Some(user.as_str()));
    own.map(|link| link.subject.clone()).collect()
}

async fn localparts(world: &RunningWorld) -> Vec<String> {
    let url = format!("{}/_synapse/admin/v3/users?guests=false", world.synapse.url());
    let answer = runtime::client()
        .get(url)
        .bearer_auth(world.admin_token())
        .send()
        .await
        .expect("an answer");
    let list: Value = answer.json().await.expect("JSON");
    let rows = list["users"].as_array().expect("rows").iter();
    rows.map(|row| row["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn an_account_of_synapse_alone_is_listed_like_any_other() {
    let world = started(people().synapse_only_account("old").user("old")).await;
    let active = SynapseAccountState { deactivated: false, locked: false, erased: false };
    assert_eq!(world.state_of("old"), ServerStates { mas: None, synapse: Some(active) });
    assert!(localparts(&world).await.contains(&"@old:example.org".to_owned()));
    let state = world.synapse.state();
    let account = state.account("old").expect("seeded");
    assert!(
        account.appservice_id.is_none() && account.user_type.is_none() && !account.rooms.is_empty()
    );
}

#[tokio::test]
async fn a_link_can_be_to_a_user_of_another_name() {
    let world = started(people().user("bob").account("bob").link("ann", "bob")).await;
    assert_eq!(subjects(&world, "ann"), [id_in_keycloak(&world, "bob").expect("seeded")]);
    assert_eq!(subjects(&world, "bob"), [""; 0]);
    assert!(people().link("ann", "nobody").start().await.is_err());
    assert!(people().link("nobody", "ann").start().await.is_err());
}

#[tokio::test]
async fn a_re_created_member_is_not_the_one_of_the_link() {
    let world = started(people().recreated_member("eve")).await;
    let linked = subjects(&world, "eve");
    assert_eq!(linked.len(), 1);
    assert!(world.keycloak.state().realm("corp").user_by_id(&linked[0]).is_none());
    assert!(id_in_keycloak(&world, "eve").is_some());
    assert_eq!(subjects(&world, "ann"), [id_in_keycloak(&world, "ann").expect("seeded")]);
}

#[tokio::test]
async fn renaming_a_user_keeps_their_id_and_leaves_an_event() {
    let world = started(people()).await;
    let id = id_in_keycloak(&world, "ann");
    world.rename_in_keycloak("ann", "anna");
    assert_eq!((id_in_keycloak(&world, "ann"), id_in_keycloak(&world, "anna")), (None, id));
    let mut keycloak = world.keycloak.state();
    let realm = keycloak.realm("corp");
    assert!(realm.group_by_path("/staff").expect("seeded").members.contains("anna"));
    let event = realm.admin_events().next().expect("an event");
    assert_eq!((event.operation.as_str(), event.resource.as_str()), ("UPDATE", "USER"));
}

async fn users(world: &RunningWorld, query: &str) -> Vec<String> {
    let form = "grant_type=client_credentials&client_id=matrix-sync&client_secret=syncsecret";
    let url = format!("{}/realms/corp/protocol/openid-connect/token", world.keycloak.url());
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let answer = runtime::client()
        .post(url)
        .header(kind.0, kind.1)
        .body(form)
        .send()
        .await
        .expect("an answer");
    let token: Value = answer.json().await.expect("JSON");
    let token = token["access_token"].as_str().expect("a token");
    let url = format!("{}/admin/realms/corp/{query}", world.keycloak.url());
    let answer = runtime::client().get(url).bearer_auth(token).send().await.expect("an answer");
    let found: Value = answer.json().await.expect("JSON");
    let Some(rows) = found.as_array() else { return vec![found.to_string()] };
    rows.iter().map(|row| row["username"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_described_user_has_what_is_said_and_nothing_else() {
    let user =
        NewUser::member("Zoe").id("id-zoe").named("Zoe", "Doe").created("2026-11-01T00:00:00Z");
    let world = started(people().with_user(user)).await;
    {
        let mut keycloak = world.keycloak.state();
        let realm = keycloak.realm("corp");
        let zoe = realm.user_by_id("id-zoe").expect("described");
        assert_eq!(
            (zoe.username.as_str(), zoe.email.as_deref(), zoe.created),
            ("zoe", None, 1_793_491_200_000)
        );
        assert!(realm.group_by_path("/staff").expect("seeded").members.contains("zoe"));
        assert!(realm.user("ann").expect("seeded").created < 1_795_867_200_000);
    }
    world
        .put_user(&NewUser::new("zoe.new").id("id-zoe").email("zoe@corp.test"))
        .expect("it can be");
    assert_eq!(
        (id_in_keycloak(&world, "zoe"), id_in_keycloak(&world, "zoe.new")),
        (None, Some("id-zoe".to_owned()))
    );
    assert_eq!(users(&world, "users?email=ZOE@corp.test&exact=true").await, ["zoe.new"]);
    assert_eq!(users(&world, "users?firstName=ann&lastName=test").await, ["ann"]);
    assert!(people().with_user(NewUser::new("x").created("tomorrow")).start().await.is_err());
}

#[tokio::test]
async fn a_service_account_is_found_by_exact_name_and_id_alone() {
    let robot = NewUser::service_account("ci").in_first_group().id("id-ci");
    let world = started(people().with_user(robot)).await;
    let name = "service-account-ci";
    assert_eq!(users(&world, &format!("users?username={name}&exact=true")).await, [name]);
    assert!(users(&world, "users/id-ci").await[0].contains(name));
    assert_eq!(users(&world, "users").await, ["ann"]);
    assert_eq!(users(&world, "users?search=service").await, [""; 0]);
    assert_eq!(users(&world, "users?search=*n").await, ["ann"]);
    assert_eq!(users(&world, "users/count").await, ["1"]);
    let group =
        world.keycloak.state().realm("corp").group_by_path("/staff").expect("seeded").id.clone();
    assert_eq!(users(&world, &format!("groups/{group}/members")).await, ["ann", name]);
}

#[tokio::test]
async fn a_group_keeps_a_slash_in_its_name() {
    let world = started(people().group_named("/staff", "a/b").group_named("", "x/y")).await;
    let mut keycloak = world.keycloak.state();
    let realm = keycloak.realm("corp");
    let inner = realm.group_by_path("/staff/a/b").expect("added");
    assert_eq!((inner.name.as_str(), inner.path.as_str()), ("a/b", "/staff/a/b"));
    assert_eq!(inner.parent, realm.group_by_path("/staff").map(|group| group.id.clone()));
    assert!(realm.group_by_path("x/y").is_some_and(|group| group.parent.is_none()));
    assert!(realm.group_by_path("/staff/a").is_none() && realm.group_by_path("/x").is_none());
    realm.join("ann", "/staff/a/b");
    assert!(realm.group_by_path("/staff/a/b").expect("added").members.contains("ann"));
}

#[tokio::test]
async fn a_described_account_has_what_is_said_on_each_server() {
    let other = "01H8PKNWKKRPCBW4YGH1RWV270";
    let account = NewAccount::new("cat")
        .locked_at("2026-06-01T00:00:00Z")
        .in_synapse(SynapseAccountState { deactivated: true, locked: false, erased: false })
        .external_id("oidc-keycloak", "id-old")
        .displayname("Cool Cat")
        .mas_admin()
        .linked_by(other, "42")
        .linked_to_at("id-c", "2026-01-01T00:00:00Z")
        .linked_to("id-d");
    let world = people().user("cat").provider(other, "https://other.example").with_account(account);
    let world =
        started(world.with_account(NewAccount::new("alone").mas_only().email("alone@corp.test")))
            .await;
    let expected = ServerStates {
        mas: Some(MasUserState { locked: true, deactivated: false, sessions: 0 }),
        synapse: Some(SynapseAccountState { deactivated: true, locked: false, erased: false }),
    };
    assert_eq!(world.state_of("cat"), expected);
    let mut linked = subjects(&world, "cat");
    assert_eq!(linked.remove(0), "id-c", "the oldest comes first");
    linked.sort();
    assert_eq!(linked, ["42", "id-d"]);
    assert!(world.mas.state().user("cat").is_some_and(|user| user.admin));
    assert!(world.synapse.state().account("cat").is_some_and(|account| !account.admin));
    assert_eq!(world.state_of("alone").synapse, None);
    let url = format!("{}/_synapse/admin/v2/users/@cat:example.org", world.synapse.url());
    let answer = runtime::client()
        .get(url)
        .bearer_auth(world.admin_token())
        .send()
        .await
        .expect("an answer");
    let detail: Value = answer.json().await.expect("JSON");
    let ids = serde_json::json!([{"auth_provider": "oidc-keycloak", "external_id": "id-old"}]);
    assert_eq!((&detail["external_ids"], &detail["displayname"]), (&ids, &Value::from("Cool Cat")));

    let id = world.mas.state().user("cat").map(|user| user.id.clone());
    world.put_account(&NewAccount::new("cat").linked_to("id-e")).expect("it can be");
    assert_eq!(world.mas.state().user("cat").map(|user| user.id.clone()), id);
    assert_eq!(subjects(&world, "cat"), ["id-e"]);
    world.put_account(&NewAccount::new("cat").synapse_only()).expect("it can be");
    assert_eq!(world.state_of("cat").mas, None);
}

#[tokio::test]
async fn two_accounts_can_differ_only_in_case() {
    let world = started(people().account("dave").account("DAVE").account("Eve")).await;
    {
        let mas = world.mas.state();
        let name = |name: &str| mas.user(name).map(|user| user.username.clone());
        assert_eq!(
            (name("dave").as_deref(), name("DAVE").as_deref()),
            (Some("dave"), Some("DAVE"))
        );
        assert_eq!((name("Dave"), name("EVE").as_deref()), (None, Some("Eve")));
        assert!(mas.is_taken("Dave"));
    }
    world.mas.state().remove_user("DAVE");
    assert!(world.mas.state().user("Dave").is_some_and(|user| user.username == "dave"));
}

#[tokio::test]
async fn a_described_account_can_have_rooms_and_sessions() {
    let scope = "urn:matrix:client:api:* urn:matrix:client:device:PHONE urn:synapse:admin:*";
    let cat = NewAccount::new("cat")
        .displayname("Cool Cat")
        .email("cat@corp.test")
        .mas_admin()
        .linked_to("id-cat")
        .room("!ops:example.org", "Ops")
        .session(SessionKind::OAuth2, scope)
        .session(SessionKind::Browser, "");
    let world = started(people().with_account(cat.clone())).await;
    let parts = AccountParts {
        mas_admin: true,
        subjects: vec!["id-cat".to_owned()],
        emails: vec!["cat@corp.test".to_owned()],
        displayname: Some("Cool Cat".to_owned()),
        rooms: vec!["!lobby:example.org".to_owned(), "!ops:example.org".to_owned()],
    };
    assert_eq!(world.parts_of("cat"), parts);
    assert_eq!(world.parts_of("nemo"), AccountParts::default());
    world.put_account(&cat.deactivated()).expect("it can be");
    let sessions = world.sessions_of("cat", SessionKind::OAuth2);
    assert_eq!(sessions.iter().map(|open| open.scope.as_str()).collect::<Vec<_>>(), [scope]);
    assert_eq!(world.sessions_of("cat", SessionKind::Browser).len(), 1);
    assert_eq!(world.parts_of("cat").rooms, [""; 0]);
    let synapse = world.synapse.state();
    assert!(synapse.account("cat").is_some_and(|account| account.devices.contains("PHONE")));
}
