//! Keycloak's stand-in against `keycloak.json`, `keycloak-lockout.json` and what
//! `keycloak-roles.json` has about service accounts.

use matrix_keycloak_sync::standins::keycloak::{ManagementRoles, Realm, RealmClient};
use matrix_keycloak_sync::standins::{NewUser, RunningWorld, World};
use serde_json::Value;

use crate::compare::{Target, exchanges, nothing, recording, replay};

const GROUPS: [(&str, &str); 4] = [
    ("/matrix-users", "37dd3e50-b749-4ea8-a198-e24f52b7dc92"),
    ("/matrix-users/contractors", "4ccbc0d8-26ce-4bda-9460-fccd24c2ea90"),
    ("/staff", "fe3c0fd3-332a-460a-b90b-efb8068dcce6"),
    ("/staff/matrix-users", "b7cf884f-fbf3-4757-9db3-7f0f04aadc26"),
];
const PEOPLE: [(&str, &str, &str); 8] = [
    ("alice", "fa4918d5-ee08-4111-8360-0d859fef89ee", "/matrix-users"),
    ("bob", "9d2eb96a-2e13-4b1e-a7f2-de934857e0f0", "/matrix-users"),
    ("carol", "871d3423-e0da-4fe2-832a-e2ab09dbbc15", "/matrix-users"),
    ("erin", "37f14790-c75e-4413-b7bf-86fedb28ce85", "/matrix-users/contractors"),
    ("frank", "ac2547dd-7582-4079-9533-519fc8f20fcf", "/matrix-users"),
    ("grace", "9f9cb223-fb20-409b-825a-8dde20c72d37", "/matrix-users"),
    ("henry_k", "edb1f8ef-2142-4fcb-a391-4a71e70fe79c", "/matrix-users"),
    ("dave", "5a7b2c6e-93a1-4d0f-8a60-2f4f0c7f7f10", ""),
];

fn seed_people(realm: &mut Realm) {
    for (path, id) in GROUPS {
        realm.add_group_with_id(path, id);
    }
    for (name, id, group) in PEOPLE {
        realm.set_user_id(name, id);
        realm.join(name, group);
    }
    if let Some(henry) = realm.user_mut("henry_k") {
        henry.first_name = Some("Henry_K".to_owned());
    }
    realm.disable_user("frank");
}

/// The eight changes in the recorded admin events, oldest first.
fn change_what_the_events_tell(realm: &mut Realm) {
    realm.event_time = Some(1_795_429_749_400);
    realm.leave("grace", "/matrix-users");
    realm.join("grace", "/matrix-users");
    realm.disable_user("grace");
    realm.enable_user("grace");
    realm.add_user("temp1");
    realm.delete_user("temp1");
    realm.add_group("/temp-group");
    realm.delete_group("/temp-group");
}

async fn recorded_keycloak() -> RunningWorld {
    let names = PEOPLE.map(|(name, _, _)| name);
    let world = names.iter().fold(World::new("corp.test"), |world, name| world.user(name));
    let world = world.service_roles(&["view-users"]).start().await.expect("the world starts");
    {
        let mut state = world.keycloak.state();
        let realm = state.realm("corp");
        realm.silently(seed_people);
        change_what_the_events_tell(realm);
        let clients: [(&str, &str, Option<&[&str]>); 4] = [
            ("mas", "massecret", None),
            ("no-role", "secret", Some(&[])),
            ("query", "secret", Some(&["query-users", "query-groups"])),
            ("events", "secret", Some(&["view-users", "view-events"])),
        ];
        for (id, secret, roles) in clients {
            let client = RealmClient {
                secret: Some(secret.into()),
                service_account: roles.map(ManagementRoles::from_names),
                ..RealmClient::default()
            };
            realm.clients.insert(id.to_owned(), client);
        }
    }
    world
}

pub(crate) async fn keycloak_token(world: &RunningWorld, client: &str, secret: &str) -> String {
    let url = format!("{}/realms/corp/protocol/openid-connect/token", world.keycloak.url());
    let answer: Value = reqwest::Client::new()
        .post(url)
        .basic_auth(client, Some(secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials")
        .send()
        .await
        .expect("Keycloak answers")
        .json()
        .await
        .expect("a token");
    answer["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn keycloak_answers_as_recorded() {
    let world = recorded_keycloak().await;
    let mut found = Vec::new();
    for exchange in recording("keycloak.json") {
        let (client, secret) = match exchange["name"].as_str().unwrap_or_default() {
            "service account with no role" => ("no-role", "secret"),
            "service account with query-users + query-groups" => ("query", "secret"),
            "admin events without view-events" => ("matrix-sync", "syncsecret"),
            name if name.starts_with("admin events") => ("events", "secret"),
            _ => ("matrix-sync", "syncsecret"),
        };
        let token = keycloak_token(&world, client, secret).await;
        let target = Target { base: &world.keycloak.url(), credentials: &token, hosts: &[] };
        found.extend(replay(&target, &exchange).await);
    }
    nothing(&found);
}

/// The exchanges about users that only the ID identifies, and about users that Keycloak itself has
/// disabled.
const IDENTITIES: [(&str, &[&str]); 2] = [
    (
        "keycloak-roles.json",
        &[
            "members of a group with a service account in it",
            "users: search leaves service accounts out",
            "users: exact username finds a service account",
            "a service account by ID: serviceAccountClientId",
        ],
    ),
    (
        "keycloak-lockout.json",
        &[
            "a user whom failed logins have locked out for good",
            "the same, brief",
            "a renamed user, by the old name: nobody",
            "a renamed user, by ID",
        ],
    ),
];

#[tokio::test]
async fn keycloak_distinguishes_users_as_recorded() {
    let address = |name: &str| format!("{name}@corp.test");
    let locked_out = NewUser::new("lockme72417")
        .id("2e6f6ec9-784c-4ec7-8de2-349c3fa9051d")
        .named("L", "M")
        .email(&address("lockme72417"))
        .disabled()
        .attribute("disabledReason", &["permanentLockout"]);
    let renamed = NewUser::new("before72417")
        .id("f3fd8f2a-3296-4a55-82df-e507529ed6df")
        .named("B", "R")
        .email(&address("before72417"));
    let member = NewUser::new("bygroup71437")
        .id("87252f41-61a9-4ce8-87cb-b615ba03104e")
        .named("Bygroup", "Test")
        .email(&address("bygroup71437"));
    let service =
        NewUser::service_account("cap-svc71437").id("de49f3de-eecc-4888-a79e-f75d9c7f457f");
    let world = [locked_out, renamed, member, service]
        .into_iter()
        .fold(World::new("corp.test"), World::with_user);
    let world = world.service_roles(&["view-users"]).start().await.expect("the world starts");
    {
        let mut state = world.keycloak.state();
        let realm = state.realm("corp");
        realm.rename_user("before72417", "after72417");
        realm.add_group_with_id("/g71437", "6917d292-f23d-4fcd-85ce-9c9f34a9e215");
        for name in ["bygroup71437", "service-account-cap-svc71437"] {
            realm.join(name, "/g71437");
        }
        for name in ["lockme72417", "after72417", "bygroup71437"] {
            realm.user_mut(name).expect("described above").email_verified = false;
        }
    }
    let token = keycloak_token(&world, "matrix-sync", "syncsecret").await;
    let target = Target { base: &world.keycloak.url(), credentials: &token, hosts: &[] };
    let mut found = Vec::new();
    for (file, names) in IDENTITIES {
        for exchange in exchanges(file, names) {
            found.extend(replay(&target, &exchange).await);
        }
    }
    nothing(&found);
}
