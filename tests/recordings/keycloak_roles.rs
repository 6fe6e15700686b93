//! Keycloak's stand-in against `keycloak-roles.json`: who has a role, what each permission may
//! read, and the admin events of role changes.

use matrix_keycloak_sync::standins::keycloak::{ManagementRoles, Realm, RealmClient};
use matrix_keycloak_sync::standins::{NewUser, RunningWorld, World};
use serde_json::Value;

use crate::compare::{Target, differences, nothing, recording, replay};
use crate::keycloak::keycloak_token;

const ROLE: &str = "matrix-user71437";
const STAFF: &str = "staff71437";
const OF_CLIENT: &str = "chat71437:user";
const GROUP: &str = "/dept71437";
const PEOPLE: [(&str, &str); 8] = [
    ("alice", "49206408-23d0-4f4e-a962-ca14b883a61f"),
    ("bob", "487b73b0-0a21-40be-90d2-0a95f1cb8246"),
    ("direct71437", "0ba50303-5dc2-4485-ad77-acd8b74f5b9f"),
    ("composite71437", "94ba7cab-6b03-455c-bc46-6f928440e356"),
    ("bygroup71437", "87252f41-61a9-4ce8-87cb-b615ba03104e"),
    ("bysub71437", "f1f0330a-7ec9-468a-8d59-37d5e6fbf44f"),
    ("byclient71437", "c0b2e9a2-e099-4995-8671-e6470b52479f"),
    ("none71437", "ee0ae8b8-1190-4944-94f0-b3e95adab4cc"),
];
const ROLES: [(&str, &str); 6] = [
    ("default-roles-corp", "35be9544-1722-4e67-9681-fd951cd1a689"),
    ("uma_authorization", "e16fc2aa-80cc-41a0-83e9-e4e19c605691"),
    ("offline_access", "700a6947-5c66-49c7-b9ea-e56d6a4d6893"),
    (STAFF, "607cefcd-6335-497a-9e48-8977a4763626"),
    (ROLE, "51da2343-e7a5-4fca-860a-ccafad1599cd"),
    (OF_CLIENT, "344f2403-835c-41e7-9f18-136ef8c1f403"),
];
/// Clients by the role that they have in addition to `view-users`.
const READERS: [&str; 4] = ["view-users", "view-realm", "view-clients", "view-events"];

fn user(name: &str, id: &str) -> NewUser {
    let first = name.trim_end_matches("71437");
    let first = first[..1].to_uppercase() + &first[1..];
    NewUser::new(name).id(id).named(&first, "Test").email(&format!("{name}@corp.test"))
}

fn seed(realm: &mut Realm) {
    "c2f9c6a2-c5fb-49b4-b5a8-88d0ebab3b12".clone_into(&mut realm.id);
    realm.add_group_with_id(GROUP, "6917d292-f23d-4fcd-85ce-9c9f34a9e215");
    realm.add_group("/dept71437/sub");
    realm.join("bygroup71437", GROUP);
    realm.join("bysub71437", "/dept71437/sub");
    for name in [ROLE, STAFF, OF_CLIENT] {
        realm.add_role(name);
    }
    for (name, id) in ROLES {
        realm.set_role_id(name, id);
    }
    realm.add_to_composite(STAFF, ROLE);
    realm.give_role("direct71437", ROLE);
    realm.give_role("composite71437", STAFF);
    realm.give_role("byclient71437", OF_CLIENT);
    realm.give_role_to_group(GROUP, ROLE);
    realm.give_role_to_group(GROUP, OF_CLIENT);
    for (name, _) in PEOPLE.iter().skip(2) {
        realm.user_mut(name).expect("described above").email_verified = false;
    }
    let chat = realm.clients.get_mut("chat71437").expect("added with its role");
    "f81fcec5-522f-46a8-bb9d-de1dd7b77cb1".clone_into(&mut chat.id);
    chat.service_account = Some(ManagementRoles::default());
    for reader in READERS {
        let client = RealmClient {
            secret: Some("secret".into()),
            service_account: Some(ManagementRoles::from_names(&["view-users", reader])),
            ..RealmClient::default()
        };
        realm.clients.insert(reader.to_owned(), client);
    }
}

async fn recorded_roles() -> RunningWorld {
    let people = PEOPLE.map(|(name, id)| user(name, id));
    let world = people.into_iter().fold(World::new("corp.test"), World::with_user);
    let world = world.start().await.expect("the world starts");
    world.keycloak.state().realm("corp").silently(seed);
    world
}

#[tokio::test]
async fn roles_and_permissions_are_as_recorded() {
    let world = recorded_roles().await;
    let (mut found, mut replayed) = (Vec::new(), 0);
    for exchange in recording("keycloak-roles.json") {
        let name = exchange["name"].as_str().expect("a name");
        let reader = READERS.into_iter().find(|reader| name.contains(&format!("with {reader}")));
        let is_about_roles =
            reader.is_some() || name.contains("role") || name.contains("composite");
        // The others are about service accounts.
        if !is_about_roles || name.starts_with("admin events") {
            continue;
        }
        let token = keycloak_token(&world, reader.unwrap_or("view-realm"), "secret").await;
        let target = Target { base: &world.keycloak.url(), credentials: &token, hosts: &[] };
        found.extend(replay(&target, &exchange).await);
        replayed += 1;
    }
    nothing(&found);
    assert_eq!(replayed, 42);
}

/// The changes in the recorded events, oldest first.
fn change_roles(realm: &mut Realm) {
    realm.give_role("none71437", ROLE);
    realm.take_role("none71437", ROLE);
    realm.give_role("none71437", OF_CLIENT);
    realm.take_role_from_group(GROUP, ROLE);
    realm.give_role_to_group(GROUP, ROLE);
    realm.remove_from_composite(STAFF, ROLE);
}

#[tokio::test]
async fn events_of_role_changes_are_as_recorded() {
    let world = recorded_roles().await;
    change_roles(world.keycloak.state().realm("corp"));
    let recorded = recording("keycloak-roles.json");
    let events = recorded.iter().find(|exchange| {
        exchange["name"].as_str().is_some_and(|name| name.starts_with("admin events"))
    });
    let recorded = events.expect("recorded")["response"]["body"].as_array().expect("a list");
    // The recording begins with other changes, some of them without details.
    let of_ours = recorded.iter().filter(|event| {
        let is_of_roles = event["resourceType"].as_str().is_some_and(|kind| kind.contains("ROLE"));
        let text = event["representation"].as_str().unwrap_or_default();
        is_of_roles && (text.contains(ROLE) || text.contains("344f2403"))
    });
    let of_ours: Vec<&Value> = of_ours.collect();
    let token = keycloak_token(&world, "view-events", "secret").await;
    let url = format!("{}/admin/realms/corp/admin-events?max=20", world.keycloak.url());
    let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await;
    let came: Vec<Value> =
        answer.expect("Keycloak answers").json().await.expect("a list of events");
    assert_eq!((came.len(), of_ours.len()), (6, 6));
    let mut found = Vec::new();
    for (recorded, came) in of_ours.into_iter().zip(&came) {
        differences("event", "", recorded, came, &mut found);
        assert_eq!(came["resourcePath"], recorded["resourcePath"]);
    }
    nothing(&found);
}
