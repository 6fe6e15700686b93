//! What can be wrong with mas-cli, its configuration and its database.

use super::{by_client, doctor};
use crate::harness::{mas_cli, started, the_table, write};
use crate::sections::mas_cli_of;
use crate::snapshots::assert_snapshot;

#[tokio::test]
async fn missing_mas_cli_is_reported() {
    let world = started(the_table()).await;
    doctor(by_client(&world).env("PATH", "/usr/bin:/bin")).ailing_matches("doctor_mas_cli_missing");
}

#[tokio::test]
async fn configuration_that_mas_cli_would_ignore_is_reported_and_no_default_database_is_used() {
    let world = started(the_table()).await;
    let broken = write(&world, "broken.yaml", "{ this is: [not YAML").display().to_string();
    let empty = write(&world, "empty.yaml", "").display().to_string();
    let shown = ["/nowhere.yaml", &broken, &empty].map(|path| {
        let findings = doctor(by_client(&world).env("MAS_CONFIG", path));
        findings.shown(&["mas-cli program", "mas-cli database"])
    });
    assert_snapshot("doctor_mas_cli_wrong_configuration", &shown.concat());
}

#[tokio::test]
async fn error_of_mas_cli_is_quoted_if_the_database_refuses_the_password() {
    let world = started(the_table()).await;
    let text = std::fs::read_to_string(world.mas_cli_config())
        .expect("seeded")
        .replace("mas:", "mas:wrong");
    let path = write(&world, "wrong.yaml", &text).display().to_string();
    doctor(by_client(&world).env("MAS_CONFIG", &path))
        .ailing_matches("doctor_mas_cli_wrong_password");
}

#[tokio::test]
async fn error_of_mas_cli_is_quoted_if_the_database_is_down() {
    let world = started(the_table()).await;
    // Lets Synapse cache the token, so that only mas-cli needs MAS.
    doctor(by_client(&world)).ailing_is(&[]);
    world.mas.stop().await;
    doctor(by_client(&world)).ailing_matches("doctor_mas_cli_database_down");
}

#[tokio::test]
async fn versions_that_are_too_old_are_reported() {
    let world = started(the_table()).await;
    let lock = "[policy]\ndisable = \"lock\"\n";
    for (version, more, ailing) in [
        ("v0.19.0", "", &["mas-cli version problem"][..]),
        ("v0.20.0", "", &["mas-cli version warning"]),
        ("v1.13.0", lock, &["mas-cli version problem"]),
        ("v1.14.0", lock, &[]),
        ("v1.14.0-3-g0123abc", lock, &[]),
        ("unstable", lock, &[]),
    ] {
        let toml = format!("{}{more}", mas_cli_of(&world, version));
        doctor(by_client(&world).file(&world, &toml)).ailing_is(ailing);
    }
}

#[tokio::test]
async fn database_check_is_skipped_if_mas_cli_cannot_list_administrators() {
    let world = started(the_table()).await;
    let error = "echo \"error: unrecognized subcommand 'list-admin-users'\" >&2; exit 2";
    let old = mas_cli(&world, &format!("case \"$*\" in *list-admin-users) {error};; esac"));
    let findings = doctor(by_client(&world).file(&world, &old));
    findings.matches(&["mas-cli database"], "doctor_mas_cli_without_a_list_of_administrators");
}
