//! What can be wrong with the connection to Synapse.

use matrix_keycloak_sync::standins::{Auth, Fault, RunningWorld};

use super::doctor;
use crate::harness::{Program, program_with, started, the_table};

fn by_client(world: &RunningWorld) -> Program {
    program_with(world, Auth::ClientCredentials)
}

#[tokio::test]
async fn a_token_that_is_not_accepted_leads_to_its_setting() {
    let world = started(the_table()).await;
    let findings =
        doctor(by_client(&world).env("MATRIX_ADMIN_TOKEN", "mct_wrong")).ailing_is(&["synapse token problem"]);
    findings.tells("synapse token problem", &["401"], &["`synapse.admin_token` (MATRIX_ADMIN_TOKEN)"]).tells(
        "synapse admin skipped",
        &[],
        &[],
    );
}

#[tokio::test]
async fn token_without_access_to_the_admin_api_is_reported() {
    let world = started(the_table()).await;
    let token = world.login("alice").expect("alice can log in");
    let findings = doctor(by_client(&world).env("MATRIX_ADMIN_TOKEN", &token)).ailing_is(&["synapse admin problem"]);
    findings.tells("synapse token ok", &["@alice:example.org"], &[]).tells(
        "synapse admin problem",
        &["403"],
        &["--yes-i-want-to-grant-synapse-admin-privileges"],
    );
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
    let line = "synapse reachable problem";
    let findings = doctor(by_client(&world)).ailing_is(&[line]);
    findings.tells(line, &["a proxy or load balancer", "404"], &["let /_synapse/admin and /_matrix/client through"]);
}

#[tokio::test]
async fn a_synapse_that_cannot_lock_or_does_not_show_locks_is_a_warning() {
    let world = started(the_table()).await;
    let line = &["synapse version warning"][..];
    for (version, ailing) in
        [("1.90.0", line), ("1.91.0rc1", line), ("1.149.1", line), ("1.150.0rc1", &[]), ("1.163.2+ess", &[])]
    {
        world.synapse.state().settings.version = version.to_owned();
        doctor(by_client(&world)).ailing_is(ailing);
    }
}

#[tokio::test]
async fn synapse_without_the_v3_list_works_too() {
    let world = started(the_table().synapse_without_v3()).await;
    doctor(by_client(&world)).ailing_is(&[]).tells("synapse admin ok", &["5 accounts"], &[]);
}

#[tokio::test]
async fn web_page_instead_of_json_names_the_address() {
    let world = started(the_table()).await;
    world.synapse.faults().on("/whoami").answer(Fault::Html);
    doctor(by_client(&world)).ailing_matches("doctor_synapse_web_page");
}
