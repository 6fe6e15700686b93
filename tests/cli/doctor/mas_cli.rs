//! What can be wrong with mas-cli, its configuration and its database.

use matrix_keycloak_sync::standins::RunningWorld;

use super::{by_client, doctor};
use crate::harness::{PROGRAM, Program, script, started, the_table, write};
use crate::snapshots::assert_snapshot;

/// A mas-cli that reports this version, and is the stand-in otherwise.
fn of_version(world: &RunningWorld, version: &str, more: &str) -> Program {
    let body = format!(
        "case \"$*\" in *--version) echo 'mas-cli {version}'; exit 0;; esac\nexec '{PROGRAM}' stand-in mas-cli \"$@\""
    );
    let path = script(world, "mas-cli", &body);
    by_client(world).file(world, &format!("[writer.mas_cli]\ncommand = [\"{}\"]\n{more}", path.display()))
}

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
    let text = std::fs::read_to_string(world.mas_cli_config()).expect("seeded").replace("mas:", "mas:wrong");
    let path = write(&world, "wrong.yaml", &text).display().to_string();
    doctor(by_client(&world).env("MAS_CONFIG", &path)).ailing_matches("doctor_mas_cli_wrong_password");
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
        doctor(of_version(&world, version, more)).ailing_is(ailing);
    }
}

#[tokio::test]
async fn database_check_is_skipped_if_mas_cli_cannot_list_administrators() {
    let world = started(the_table()).await;
    let body = format!(
        "case \"$*\" in *list-admin-users) echo \"error: unrecognized subcommand 'list-admin-users'\" >&2; exit 2;; esac\n\
         exec '{PROGRAM}' stand-in mas-cli \"$@\""
    );
    let path = script(&world, "mas-cli", &body);
    let toml = format!("[writer.mas_cli]\ncommand = [\"{}\"]\n", path.display());
    let findings = doctor(by_client(&world).file(&world, &toml));
    findings.matches(&["mas-cli database"], "doctor_mas_cli_without_a_list_of_administrators");
}
