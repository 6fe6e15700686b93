//! What can be wrong with the connection to Synapse.

use matrix_keycloak_sync::standins::Fault;

use super::{by_client, doctor};
use crate::harness::{started, the_table};

#[tokio::test]
async fn a_token_that_is_not_accepted_leads_to_its_setting() {
    let world = started(the_table()).await;
    let findings = doctor(by_client(&world).env("MATRIX_ADMIN_TOKEN", "mct_wrong"));
    findings.matches(&["synapse admin"], "doctor_synapse_wrong_token");
}

#[tokio::test]
async fn token_without_access_to_the_admin_api_is_reported() {
    let world = started(the_table()).await;
    let token = world.login("alice").expect("alice can log in");
    let findings = doctor(by_client(&world).env("MATRIX_ADMIN_TOKEN", &token));
    findings.matches(&["synapse token"], "doctor_synapse_token_without_the_admin_api");
}

#[tokio::test]
async fn wrong_server_name_is_reported_with_the_right_one() {
    let world = started(the_table()).await;
    let findings = doctor(by_client(&world).env("MATRIX_SERVER_NAME", "other.example"));
    findings.ailing_matches("doctor_synapse_wrong_server_name");
}

#[tokio::test]
async fn proxy_that_blocks_the_admin_api_is_reported() {
    let world = started(the_table()).await;
    world.synapse.faults().on("/_synapse/").answer(Fault::Status(404, String::new()));
    doctor(by_client(&world)).ailing_matches("doctor_synapse_blocked_by_a_proxy");
}

#[tokio::test]
async fn a_synapse_that_cannot_lock_or_does_not_show_locks_is_a_warning() {
    let world = started(the_table()).await;
    let line = &["synapse version warning"][..];
    for (version, ailing) in [
        ("1.90.0", line),
        ("1.91.0rc1", line),
        ("1.149.1", line),
        ("1.150.0rc1", &[]),
        ("1.163.2+ess", &[]),
    ] {
        world.synapse.state().settings.version = version.to_owned();
        doctor(by_client(&world)).ailing_is(ailing);
    }
}

#[tokio::test]
async fn synapse_without_the_v3_list_works_too() {
    let world = started(the_table().synapse_without_v3()).await;
    doctor(by_client(&world)).matches(&["synapse admin"], "doctor_synapse_without_the_v3_list");
}

#[tokio::test]
async fn web_page_instead_of_json_names_the_address() {
    let world = started(the_table()).await;
    world.synapse.faults().on("/whoami").answer(Fault::Html);
    doctor(by_client(&world)).ailing_matches("doctor_synapse_web_page");
}
