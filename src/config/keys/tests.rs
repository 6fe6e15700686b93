//! The table of keys and the code that takes them fit together.

use std::collections::BTreeMap;

use super::super::{ConfigError, load};
use super::*;

const NEEDED: &[(&str, &str)] = &[
    ("server_name", "\"example.org\""),
    ("keycloak.url", "\"https://sso.example.org\""),
    ("keycloak.realm", "\"corp\""),
    ("keycloak.groups", "[\"matrix-users\"]"),
    ("keycloak.client_id", "\"matrix-sync\""),
    ("keycloak.client_secret", "\"1\""),
    ("synapse.url", "\"https://matrix.example.org\""),
    ("synapse.admin_token", "\"2\""),
];
const USER: (&str, &str) = ("keycloak.username", "\"admin\"");
const PASSWORD: (&str, &str) = ("keycloak.password", "\"3\"");
const BY_PASSWORD: &[(&str, &str)] = &[USER, PASSWORD];
const BY_API: &[(&str, &str)] = &[
    ("writer.type", "\"mas-api\""),
    ("writer.mas_api.url", "\"https://mas-admin.internal:8443\""),
    ("writer.mas_api.issuer", "\"https://auth.example.org/\""),
    ("writer.mas_api.client_id", "\"01J44QC8BCY7FCFM7WGHQGKMTJ\""),
    ("writer.mas_api.client_secret", "\"4\""),
];

/// Loads a configuration in which a key matters, with this value or without one.
fn with(key: &ConfigKey, value: Option<&str>) -> Result<String, ConfigError> {
    let more = match key.name {
        "keycloak.auth_realm" | "keycloak.client_id" => BY_PASSWORD,
        name if name.starts_with("writer.mas_api.") => BY_API,
        "writer.type" | "accounts.source" | "accounts.match" => BY_API,
        _ => &[],
    };
    let mut keys: BTreeMap<_, _> = NEEDED.iter().chain(more).copied().collect();
    keys.remove(key.name);
    keys.extend(value.map(|value| (key.name, value)));
    let lines: Vec<_> = keys.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), lines.join("\n")).expect("a writable file");
    load(Some(file.path()), &|_| None).map(|loaded| format!("{:#?}", loaded.config))
}

#[test]
fn default_is_what_a_missing_key_results_in() {
    for key in ConfigKey::all() {
        let (Absent::Is(default) | Absent::Sometimes(default, _)) = key.absent else { continue };
        let given = with(key, Some(default)).expect("a default is a good value");
        let missing = with(key, None).expect("a key with a default may be missing");
        assert_eq!(given, missing, "{}", key.name);
    }
}

#[test]
fn only_needed_keys_are_missed() {
    for key in ConfigKey::all().filter(|key| !matches!(key.absent, Absent::Depends(_))) {
        let is_missed = with(key, None).is_err();
        assert_eq!(is_missed, key.absent == Absent::Needed, "{}", key.name);
    }
}

#[test]
fn every_key_is_taken_and_a_wrong_value_is_an_error_with_what_is_expected() {
    for key in ConfigKey::all() {
        let problems = match with(key, Some("[1]")) {
            Err(ConfigError::Problems(problems)) => problems,
            _ => Vec::new(),
        };
        let expected = format!("expected {}", key.expected);
        let is_found = problems
            .iter()
            .filter(|problem| problem.key == key.with_variable())
            .any(|problem| problem.expected.starts_with(&expected));
        assert!(is_found, "{}: {problems:?}", key.name);
    }
}

#[test]
fn every_word_of_a_choice_is_a_good_value() {
    for key in ConfigKey::all() {
        let Expected::OneOf(words) = key.expected else { continue };
        for word in words() {
            let loaded = with(key, Some(&format!("{word:?}")));
            assert!(loaded.is_ok(), "{} = {word:?}: {loaded:?}", key.name);
        }
    }
}

#[test]
fn both_ends_of_a_count_are_good_values_and_more_is_not() {
    for key in ConfigKey::all() {
        let Expected::Count { least, most } = key.expected else { continue };
        assert!(with(key, Some(&least.to_string())).is_ok(), "{} = {least}", key.name);
        if most < usize::MAX {
            assert!(with(key, Some(&most.to_string())).is_ok(), "{} = {most}", key.name);
            assert!(with(key, Some(&(most + 1).to_string())).is_err(), "{} = {most} + 1", key.name);
        }
    }
}
