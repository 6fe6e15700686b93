//! Who is whom in a world: links, accounts that only one server has, people who were renamed or made anew.

use serde_json::Value;

use super::{AccountState, InSynapse, RunningWorld, World};
use crate::standins::runtime;

async fn started(world: World) -> RunningWorld {
    world.start().await.expect("the world starts")
}

fn people() -> World {
    World::new("example.org").group("/staff").member("ann").account("ann")
}

fn id_in_keycloak(world: &RunningWorld, username: &str) -> Option<String> {
    world.keycloak.state().realm("corp").user(username).map(|user| user.id.clone())
}

/// The subjects of someone's links.
fn subjects(world: &RunningWorld, localpart: &str) -> Vec<String> {
    let mas = world.mas.state();
    let user = mas.user(localpart).expect("seeded").id.clone();
    let own = mas.links().filter(|link| link.user_id.as_deref() == Some(user.as_str()));
    own.map(|link| link.subject.clone()).collect()
}

async fn localparts(world: &RunningWorld) -> Vec<String> {
    let url = format!("{}/_synapse/admin/v3/users?guests=false", world.synapse.url());
    let answer = runtime::client().get(url).bearer_auth(world.admin_token()).send().await.expect("an answer");
    let list: Value = answer.json().await.expect("JSON");
    let rows = list["users"].as_array().expect("rows").iter();
    rows.map(|row| row["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn an_account_of_synapse_alone_is_listed_like_any_other() {
    let world = started(people().synapse_only_account("old").user("old")).await;
    let active = InSynapse { deactivated: false, locked: false, erased: false };
    assert_eq!(world.state_of("old"), AccountState { mas: None, synapse: Some(active) });
    assert!(localparts(&world).await.contains(&"@old:example.org".to_owned()));
    let state = world.synapse.state();
    let account = state.account("old").expect("seeded");
    assert!(account.appservice_id.is_none() && account.user_type.is_none() && !account.rooms.is_empty());
}

#[tokio::test]
async fn a_link_can_be_to_somebody_of_another_name() {
    let world = started(people().user("bob").account("bob").link("ann", "bob")).await;
    assert_eq!(subjects(&world, "ann"), [id_in_keycloak(&world, "bob").expect("seeded")]);
    assert_eq!(subjects(&world, "bob"), [""; 0]);
    assert!(people().link("ann", "nobody").start().await.is_err());
    assert!(people().link("nobody", "ann").start().await.is_err());
}

#[tokio::test]
async fn a_member_made_anew_is_not_the_one_of_the_link() {
    let world = started(people().recreated_member("eve")).await;
    let linked = subjects(&world, "eve");
    assert_eq!(linked.len(), 1);
    assert!(world.keycloak.state().realm("corp").user_by_id(&linked[0]).is_none());
    assert!(id_in_keycloak(&world, "eve").is_some());
    assert_eq!(subjects(&world, "ann"), [id_in_keycloak(&world, "ann").expect("seeded")]);
}

#[tokio::test]
async fn renaming_somebody_keeps_their_id_and_leaves_an_event() {
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
