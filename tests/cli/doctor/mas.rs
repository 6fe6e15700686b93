//! What can be wrong with the Admin API of MAS.

use matrix_keycloak_sync::standins::RunningWorld;
use matrix_keycloak_sync::standins::mas::AdminApi;

use super::{Findings, doctor};
use crate::harness::{BY_BOTH, BY_MAS, Program, Way, program_by, settings, started, the_table};
use crate::sections::PROTECT;
use crate::tls::{Authority, TlsFront};
use crate::token_owners::settings_with_token;

/// Edits the file that configures MAS by the Admin API alone.
fn edited(world: &RunningWorld, way: Way, edit: impl FnOnce(String) -> String) -> Program {
    program_by(world, way, "").file(world, &format!("{}{PROTECT}", edit(settings(world, way))))
}

/// With a personal access token instead of client and secret.
fn by_token(world: &RunningWorld, way: Way, token: &str) -> Program {
    edited(world, way, |_| settings_with_token(world, way, token)).hiding(token)
}

fn by_mas(world: &RunningWorld) -> Findings {
    doctor(program_by(world, BY_MAS, PROTECT))
}

#[tokio::test]
async fn mas_that_is_down_is_reported_once() {
    let world = started(the_table()).await;
    world.mas.stop().await;
    by_mas(&world).ailing_matches("doctor_mas_down");
}

#[tokio::test]
async fn listener_without_the_admin_api_is_reported() {
    let world = started(the_table().admin_api(AdminApi::Nowhere)).await;
    by_mas(&world).ailing_matches("doctor_mas_without_the_admin_api");
}

#[tokio::test]
async fn client_missing_from_the_list_of_mas_is_reported() {
    let world = started(the_table().mas_api_client_not_admin()).await;
    by_mas(&world).ailing_matches("doctor_mas_client_without_the_scope");
}

#[tokio::test]
async fn a_wrong_secret_leads_to_its_setting() {
    let world = started(the_table()).await;
    let program =
        edited(&world, BY_MAS, |file| file.replace(world.mas_client_secret(), "wrongsecret"));
    doctor(program.hiding("wrongsecret")).ailing_matches("doctor_mas_wrong_secret");
}

#[tokio::test]
async fn wrong_issuer_is_reported_with_the_right_one() {
    let world = started(the_table()).await;
    let issuer = world.mas_issuer();
    world.mas.state().settings.issuer = "https://auth.example.org/".to_owned();
    let program = edited(&world, BY_MAS, |file| file.replace("https://auth.example.org/", &issuer));
    doctor(program).ailing_matches("doctor_mas_wrong_issuer");
}

#[tokio::test]
async fn the_homeserver_of_mas_has_to_be_ours() {
    let world = started(the_table()).await;
    let findings =
        doctor(program_by(&world, BY_MAS, PROTECT).env("MATRIX_SERVER_NAME", "other.example"));
    findings.ailing_matches("doctor_mas_other_homeserver");
}

#[tokio::test]
async fn mas_too_old_to_end_sessions_can_list_but_not_write() {
    let world = started(the_table().mas_version("v1.3.0")).await;
    by_mas(&world).ailing_matches("doctor_mas_too_old_to_write");
    let reads = Way { writer: "mas-cli", source: "mas" };
    doctor(program_by(&world, reads, PROTECT)).ailing_is(&["mas version warning"]);
}

#[tokio::test]
async fn lock_that_never_reaches_synapse_is_a_problem_in_lock_mode() {
    let world = started(the_table().mas_version("v1.13.0")).await;
    let lock = "[policy]\ndisable = \"lock\"\n";
    doctor(program_by(&world, BY_BOTH, "")).ailing_matches("doctor_mas_too_old_to_share_locks");
    doctor(program_by(&world, BY_BOTH, lock))
        .ailing_matches("doctor_mas_too_old_to_share_locks_in_lock_mode");
    by_mas(&world).matches(&["mas client"], "doctor_mas_too_old_to_show_clients");
}

#[tokio::test]
async fn public_admin_api_is_reported_with_the_listener_to_use_instead() {
    let world = started(the_table().admin_api(AdminApi::Both)).await;
    by_mas(&world).ailing_matches("doctor_mas_public_admin_api");
}

#[tokio::test]
async fn client_for_logins_is_reported_with_the_client_to_use_instead() {
    let world = started(the_table()).await;
    let callback = "https://admin.example.org/callback";
    let id = world.mas_client_id().to_owned();
    world.mas.state().client_mut(&id).expect("seeded").redirect_uris.push(callback.to_owned());
    by_mas(&world).ailing_matches("doctor_mas_client_for_logins");
}

#[tokio::test]
async fn personal_token_with_unneeded_access_to_synapse_is_reported() {
    let world = started(the_table()).await;
    let token = |scope| world.personal_token("matrix-sync-bot", scope).expect("a token");
    let both = "urn:mas:admin urn:synapse:admin:* urn:matrix:client:api:*";

    let (just_mas, wide) = (token("urn:mas:admin"), token(both));
    let checks = ["mas other_doors", "mas token_owner"];
    doctor(by_token(&world, BY_BOTH, &just_mas)).matches(&checks, "doctor_mas_token");
    doctor(by_token(&world, BY_BOTH, &wide)).ailing_matches("doctor_mas_token_that_opens_synapse");
    let same = by_token(&world, BY_BOTH, &wide).env("MATRIX_ADMIN_TOKEN", &wide);
    doctor(same).matches(&checks, "doctor_mas_token_that_synapse_is_given_too");
}

#[tokio::test]
async fn personal_token_without_the_scope_is_reported() {
    let world = started(the_table()).await;
    let token =
        world.personal_token("matrix-sync-bot", "urn:matrix:client:api:*").expect("a token");
    doctor(by_token(&world, BY_MAS, &token)).ailing_matches("doctor_mas_token_without_the_scope");
}

#[tokio::test]
async fn the_provider_that_is_the_realm_has_to_be_found() {
    let world = started(the_table()).await;
    let matched = |more: &str| {
        edited(&world, BY_MAS, |file| {
            file.replace("[accounts]\n", &format!("[accounts]\nmatch = \"upstream-link\"\n{more}"))
        })
    };
    doctor(matched("")).matches(&["mas provider"], "doctor_mas_provider");
    doctor(matched("provider = \"01H8PKNWKKRPCBW4YGH1RWV000\"\n"))
        .ailing_matches("doctor_mas_wrong_provider");
}

#[tokio::test]
async fn missing_provider_for_the_realm_is_reported() {
    let world = started(the_table()).await;
    world.mas.state().provider_mut(world.upstream_provider()).expect("the provider").issuer = None;
    let matched =
        |text: String| text.replacen("[accounts]\n", "[accounts]\nmatch = \"upstream-link\"\n", 1);
    doctor(edited(&world, BY_MAS, matched)).ailing_matches("doctor_mas_missing_provider");
}

#[tokio::test]
async fn tls_to_mas_is_reported_correctly() {
    let own = Authority::new("own");
    let world = started(the_table()).await;
    let front = TlsFront::start(world.mas.admin().address(), &own.server(), None);
    let ca = own.write(world.directory(), "ca");
    let at_front = |more: &str| {
        let url = format!("url = {:?}\n{more}", front.url());
        edited(&world, BY_MAS, |file| {
            file.replace(&format!("url = {:?}\n", world.mas_admin_url()), &url)
        })
    };
    doctor(at_front("")).ailing_matches("doctor_mas_untrusted_certificate");
    let trusting = doctor(at_front(&format!("ca_file = {:?}\n", ca.to_string_lossy())));
    trusting.matches(&["mas reachable"], "doctor_mas_trusted_certificate");
}
