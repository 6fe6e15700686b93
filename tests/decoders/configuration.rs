//! The configuration: its file and the environment.

use std::path::{Path, PathBuf};

use matrix_keycloak_sync::config::{Config, ConfigError, ConfigKey, Loaded, load};
use matrix_keycloak_sync::error_chain::in_one_line;

use crate::corpus::Input;
use crate::corpus::{law, outcome};
use crate::mutations::{any_text, texts};
use crate::stage::Stage;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A complete configuration for MAS's Admin API on the stage, and Keycloak there too.
pub(crate) fn settings(stage: &Stage, more: &str) -> String {
    let url = stage.url.as_str();
    format!(
        "server_name = \"test.local\"\n[keycloak]\nurl = {url:?}\nrealm = \"corp\"\ngroups = [\"matrix-users\"]\n\
         client_id = \"sync\"\nclient_secret = \"secret\"\n[writer]\ntype = \"mas-api\"\n[writer.mas_api]\nurl = {url:?}\n\
         issuer = {url:?}\naccess_token = \"token\"\n{more}"
    )
}

/// The same, loaded.
pub(crate) fn loaded(stage: &Stage, more: &str) -> Config {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), settings(stage, more)).expect("a file");
    load(Some(file.path()), &|_| None).expect("a configuration").config
}

/// What is loaded is valid, and what is not has an error.
fn judged(result: &Result<Loaded, ConfigError>) -> String {
    match result {
        Ok(Loaded { config, .. }) => {
            assert!(
                !config.keycloak.members.groups.is_empty()
                    && !config.server_name.as_str().is_empty()
            );
            assert!(config.limits.max_disable_percent <= 100);
        }
        Err(error) => assert!(!in_one_line(error).is_empty()),
    }
    outcome(&result.as_ref().map_err(without_places))
}

/// The messages without the lines of the file, which differ for every input.
fn without_places(error: &ConfigError) -> std::io::Error {
    let messages: Vec<String> = match error {
        ConfigError::Problems(problems) => problems.iter().map(ToString::to_string).collect(),
        ConfigError::NotToml { mistakes, .. } => {
            mistakes.iter().take(1).map(|mistake| mistake.message.clone()).collect()
        }
        ConfigError::Unreadable { .. } => vec![in_one_line(error)],
    };
    std::io::Error::other(messages.join("\n"))
}

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    std::fs::read_to_string(path).expect("the example")
}

#[test]
fn a_file_is_a_configuration_or_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let file: PathBuf = directory.path().join("config.toml");
    law("configuration-file", file!(), texts(vec![example()]), |text| {
        std::fs::write(&file, text).expect("a file");
        judged(&load(Some(&file), &|_| None))
    });
}

#[test]
fn an_environment_is_a_configuration_or_an_error() {
    let good = [
        ("KC_URL", "https://sso.example.org"),
        ("KC_REALM", "corp"),
        ("KC_GROUP_NAME", "matrix-users"),
        ("KC_CLIENT_ID", "sync"),
        ("KC_CLIENT_SECRET", "secret"),
        ("MATRIX_URL", "https://matrix.example.org"),
        ("MATRIX_ADMIN_TOKEN", "token"),
        ("MATRIX_SERVER_NAME", "example.org"),
    ];
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("config.toml");
    std::fs::write(
        &file,
        "[writer.mas_cli]\ncommand = [\"docker\", \"exec\", \"mas\", \"mas-cli\"]\n",
    )
    .expect("a file");
    let variables = ConfigKey::all().filter_map(|key| key.variable);
    let names: Vec<_> =
        variables.flat_map(|name| [name.to_owned(), format!("{name}_FILE")]).collect();
    let set = vec((select(names), any_text()), 0..4);
    // One variable per line; the last one of a name counts.
    let inputs = set.prop_map(move |set| {
        let good = good.iter().map(|(name, value)| format!("{name}={value}"));
        let set =
            set.into_iter().map(|(name, value)| format!("{name}={}", value.replace('\n', "\r")));
        Input(good.chain(set).collect::<Vec<_>>().join("\n").into_bytes())
    });
    law("environment", file!(), inputs, |text| {
        let text = String::from_utf8_lossy(text);
        let get = |name: &str| {
            let of_name =
                |line: &&str| line.split_once('=').is_some_and(|(found, _)| found == name);
            Some(text.lines().rfind(of_name)?.split_once('=')?.1.to_owned())
        };
        judged(&load(Some(&file), &get))
    });
}
