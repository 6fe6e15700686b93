//! mas-cli's output on stderr and stdout, and the configuration of MAS that is checked before.

use std::path::Path;
use std::time::Duration;

use matrix_keycloak_sync::config::{FilesToCheck, MasCliConfig};
use matrix_keycloak_sync::error_chain::in_one_line;
use matrix_keycloak_sync::writers::{MasCli, WriterError};

use crate::corpus::{law, law_at_a_cost, outcome};
use crate::mutations::texts;
use crate::recordings::recordings;
use crate::stage::Stage;

/// Prints the file on stderr and on stdout, and ends with this code.
fn says(file: &Path, exit: u8) -> MasCliConfig {
    let script = format!("cat \"$0\" >&2; cat \"$0\"; exit {exit}");
    MasCliConfig {
        program: "/bin/sh".to_owned(),
        arguments: vec!["-c".to_owned(), script, file.to_str().expect("UTF-8").to_owned()],
        config: Vec::new(),
        config_to_check: FilesToCheck::Here(Vec::new()),
        timeout: Duration::from_secs(10),
        concurrency: 1,
    }
}

fn said(stream: &str) -> Vec<String> {
    let of = |recording: &serde_json::Value| {
        recording[stream].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    recordings("mas-cli.json").iter().filter_map(of).collect()
}

#[test]
fn output_of_mas_cli_is_reported_in_one_printable_line() {
    let stage = Stage::new();
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("said");
    let environment = |name: &str| (name == "PATH").then(|| "/usr/bin:/bin".to_owned());
    law_at_a_cost(
        2,
        "mas-cli-output",
        file!(),
        texts([said("stderr"), said("stdout")].concat()),
        |text| {
            std::fs::write(&file, text).expect("a file");
            let version = |exit| stage.run(MasCli::new(says(&file, exit), &environment).version());
            let failed = version(1).expect_err("exit code 1 is an error");
            let is_not_found = matches!(failed, WriterError::UserNotFound { .. });
            assert!(
                matches!(failed, WriterError::Failed { .. })
                    || (is_not_found && String::from_utf8_lossy(text).contains("User not found"))
            );
            assert!(!in_one_line(&failed).contains(char::is_control), "{failed:?}");
            assert!(in_one_line(&failed).chars().count() < 3000);
            let version = version(0).expect("exit code 0 is a version");
            assert!(!version.to_string().contains(char::is_control), "{version:?}");
            outcome::<(), _>(&Err(failed)).chars().take(80).collect()
        },
    );
}

#[test]
fn the_configuration_of_mas_has_settings_or_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("mas.yaml");
    let yaml = "http:\n  listeners:\n  - name: web\n    resources: [{name: discovery}, {name: human}]\n    binds:\n    - address: \"[::]:8080\"\n\
                matrix: {homeserver: example.org}\n\
                database: &db\n  uri: postgresql://mas@localhost/mas\nsecrets:\n  encryption: !!str 0123\n  keys:\n  - kid: a\n    key: |\n      \
                -----BEGIN\npolicy: {data: {admin_users: [a, b]}}\nother: *db\n";
    law("mas-configuration", file!(), texts(vec![yaml.to_owned(); 2]), |text| {
        std::fs::write(&file, text).expect("a file");
        let config = MasCliConfig {
            config_to_check: FilesToCheck::Here(vec![file.clone()]),
            ..says(&file, 0)
        };
        outcome(&MasCli::new(config, &|_| None).read_config(&"example.org".into()))
    });
}
