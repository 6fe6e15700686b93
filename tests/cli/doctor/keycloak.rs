//! What can be wrong with the connection to Keycloak.

use matrix_keycloak_sync::model::Server;
use matrix_keycloak_sync::standins::keycloak::StorageProvider;
use matrix_keycloak_sync::standins::{Fault, RunningWorld, World};

use super::{Findings, by_client, doctor};
use crate::harness::{
    BY_BOTH, group, own_error, program, program_by, proxy_page, started, the_table,
};
use crate::snapshots::assert_snapshot;
use crate::tls::{Authority, TlsFront};

async fn found_in(world: World) -> Findings {
    doctor(by_client(&started(world).await))
}

#[tokio::test]
async fn a_wrong_secret_leads_to_its_setting() {
    let world = started(the_table()).await;
    doctor(by_client(&world).env("KC_CLIENT_SECRET", "wrong"))
        .ailing_matches("doctor_keycloak_wrong_secret");
}

#[tokio::test]
async fn a_wrong_password_leads_to_its_setting() {
    let world = started(the_table()).await;
    doctor(program(&world).env("KC_ADMIN_PASS", "wrong"))
        .ailing_matches("doctor_keycloak_wrong_password");
}

#[tokio::test]
async fn missing_realm_is_reported() {
    let world = started(the_table()).await;
    doctor(by_client(&world).env("KC_REALM", "nosuch"))
        .ailing_matches("doctor_keycloak_missing_realm");
}

#[tokio::test]
async fn missing_group_is_reported() {
    let world = started(the_table()).await;
    doctor(by_client(&world).env("KC_GROUP_NAME", "nosuch"))
        .ailing_matches("doctor_keycloak_missing_group");
}

#[tokio::test]
async fn missing_role_view_users_is_reported() {
    for (roles, name) in [
        (&[][..], "doctor_keycloak_no_role"),
        (&["query-users", "query-groups"], "doctor_keycloak_only_query_roles"),
        (&["view-realm"], "doctor_keycloak_only_view_realm"),
    ] {
        found_in(the_table().service_roles(roles)).await.ailing_matches(name);
    }
}

#[tokio::test]
async fn credentials_with_too_many_roles_are_reported_with_the_roles_that_suffice() {
    let world = started(the_table()).await;
    doctor(program(&world)).ailing_matches("doctor_keycloak_administrator");
    let findings =
        found_in(the_table().service_roles(&["view-users", "view-realm", "manage-users"])).await;
    findings.ailing_matches("doctor_keycloak_needless_role");
}

#[tokio::test]
async fn members_without_a_valid_name_are_a_warning() {
    let world = started(the_table()).await;
    let id = world.keycloak.state().realm("corp").user("alice").expect("seeded").id.clone();
    let rows = serde_json::json!([{"id": id, "username": "alice", "enabled": true}]);
    world.keycloak.faults().on("/members").answer(Fault::Json(rows));
    let toml = "[keycloak]\nlocalpart = \"{{ user.email | split('@') | first }}\"\n";
    doctor(by_client(&world).file(&world, toml))
        .ailing_matches("doctor_keycloak_member_without_a_valid_name");
}

#[tokio::test]
async fn members_are_counted_group_by_group() {
    let world = started(the_table().member_of("/staff", "sam").disabled_member("frank")).await;
    let toml = "[keycloak]\ngroups = [\"/matrix-users\", \"/staff\"]\n";
    let findings = doctor(by_client(&world).without("KC_GROUP_NAME").file(&world, toml));
    findings.matches(&["keycloak members"], "doctor_keycloak_members_of_two_groups");
}

#[tokio::test]
async fn a_group_that_a_sync_would_refuse_is_a_warning() {
    found_in(group().user("dave").account("dave"))
        .await
        .ailing_matches("doctor_keycloak_empty_group");
}

#[tokio::test]
async fn directory_is_verified_only_if_one_of_its_users_is_a_member() {
    let world = started(the_table()).await;
    let provider = StorageProvider {
        id: "ldap-1".to_owned(),
        name: "ldap".to_owned(),
        import: true,
        enabled: true,
    };
    world.keycloak.state().realm("corp").storage_providers.push(provider);
    doctor(by_client(&world)).ailing_matches("doctor_keycloak_directory_without_a_member");
    world.keycloak.state().realm("corp").user_mut("alice").expect("seeded").federation_link =
        Some("ldap-1".to_owned());
    doctor(by_client(&world))
        .matches(&["keycloak directories"], "doctor_keycloak_directory_with_a_member");
}

#[tokio::test]
async fn view_realm_is_not_needed_if_federation_is_trusted() {
    let world = started(the_table().service_roles(&["view-users"])).await;
    let toml = "[keycloak]\nfederation = \"trust\"\n";
    let findings = doctor(by_client(&world).file(&world, toml));
    findings.matches(&["keycloak directories"], "doctor_keycloak_trusted_federation");
}

#[tokio::test]
async fn untrusted_certificate_is_reported_as_such() {
    let world = started(the_table()).await;
    let front =
        TlsFront::start(world.keycloak.server().address(), &Authority::new("own").server(), None);
    let findings = doctor(by_client(&world).env("KC_URL", &front.url()));
    findings.ailing_matches("doctor_keycloak_untrusted_certificate");
}

#[tokio::test]
async fn answer_of_a_proxy_is_not_taken_for_keycloak() {
    let world = started(the_table()).await;
    let pages = [401, 403, 404, 502].map(proxy_page);
    for fault in pages.into_iter().chain([Fault::Redirect("https://login.example.org".to_owned())])
    {
        world.keycloak.faults().clear();
        world.keycloak.faults().on("").answer(fault);
        doctor(by_client(&world)).ailing_is(&["keycloak reachable problem"]);
    }
}

#[tokio::test]
async fn token_without_roles_is_checked_by_its_access() {
    let world = started(the_table()).await;
    world.keycloak.state().lightweight_tokens = true;
    let checks = ["keycloak roles", "keycloak users"];
    doctor(by_client(&world)).matches(&checks, "doctor_keycloak_lightweight_token");

    let world = started(the_table().service_roles(&["query-users", "query-groups"])).await;
    world.keycloak.state().lightweight_tokens = true;
    doctor(by_client(&world)).matches(&checks, "doctor_keycloak_lightweight_token_without_roles");
}

#[tokio::test]
async fn admin_events_are_looked_for_and_their_absence_is_a_warning() {
    let events = &["keycloak events"];
    let world = started(the_table()).await;
    let saved = doctor(by_client(&world)).shown(events);
    world.keycloak.state().realm("corp").save_events = false;
    let unsaved = doctor(by_client(&world)).shown(events);
    let world = started(the_table().service_roles(&["view-users", "view-realm"])).await;
    let forbidden = doctor(by_client(&world)).shown(events);
    let off = by_client(&world).file(&world, "[watch]\nevents_every = \"off\"\n");
    let off = doctor(off).shown(events);
    assert_snapshot("doctor_keycloak_events", &[saved, unsaved, forbidden, off].concat());
}

#[tokio::test]
async fn error_of_keycloak_is_not_taken_for_a_missing_right_to_see_the_version() {
    let world = started(the_table()).await;
    let fault = own_error(Server::Keycloak, 500, "unknown_error");
    world.keycloak.faults().on("/admin/serverinfo").answer(fault);
    doctor(by_client(&world)).ailing_is(&["keycloak version problem"]);
}

const ADMINS: &str = "[admins]\ngroups = [\"matrix-admins\"]\n";

/// Ann is to be an administrator of Matrix; Ben administers the realm.
async fn with_admins() -> RunningWorld {
    let world = ["ann", "ben"].into_iter().fold(the_table(), World::user);
    let world = world.group("/matrix-admins").service_roles(&[
        "view-users",
        "view-realm",
        "view-events",
        "view-clients",
    ]);
    let world = started(world).await;
    let mut keycloak = world.keycloak.state();
    let realm = keycloak.realm("corp");
    realm.join("ann", "/matrix-admins");
    realm.give_role("ben", "realm-management:realm-admin");
    drop(keycloak);
    world
}

#[tokio::test]
async fn administrators_and_who_can_make_them_are_listed() {
    let world = with_admins().await;
    let shown = ["keycloak admins", "keycloak admin editors"];
    doctor(program_by(&world, BY_BOTH, ADMINS)).matches(&shown, "doctor_admins");
    world.keycloak.state().realm("corp").leave("ann", "/matrix-admins");
    doctor(program_by(&world, BY_BOTH, ADMINS)).ailing_is(&["keycloak admins warning"]);
}

#[tokio::test]
async fn who_can_make_administrators_is_not_known_without_the_permission() {
    let world = with_admins().await;
    world.keycloak.faults().on("/clients").answer(own_error(Server::Keycloak, 403, "forbidden"));
    let found = doctor(program_by(&world, BY_BOTH, ADMINS)).ailing_is(&[]);
    let shown = found.shown(&["keycloak admin editors"]);
    assert!(shown.starts_with("keycloak admin editors skipped\n"), "{shown}");
}

#[tokio::test]
async fn missing_group_of_administrators_is_a_problem() {
    let world = started(the_table()).await;
    doctor(program_by(&world, BY_BOTH, ADMINS)).ailing_matches("doctor_missing_group_of_admins");
}
