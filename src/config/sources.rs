//! Reads the sources of a configuration: a TOML file, and environment variables, which override it. Both
//! become one flat table of dotted keys.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Value;

use super::problem::{ConfigError, Problem};

/// A key of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The dotted name.
    pub name: &'static str,
    /// Whether it can be given as `…_file` as well.
    pub secret: bool,
}

const fn key(name: &'static str) -> Key {
    Key { name, secret: false }
}

const fn secret(name: &'static str) -> Key {
    Key { name, secret: true }
}

/// All keys, in the order of the documentation.
pub const KEYS: &[Key] = &[
    key("server_name"),
    key("state_file"),
    key("history_keep"),
    key("keycloak.url"),
    key("keycloak.realm"),
    key("keycloak.groups"),
    key("keycloak.include_subgroups"),
    key("keycloak.client_id"),
    secret("keycloak.client_secret"),
    key("keycloak.auth_realm"),
    key("keycloak.username"),
    secret("keycloak.password"),
    key("keycloak.disabled_members"),
    key("keycloak.federation"),
    key("keycloak.localpart"),
    key("synapse.url"),
    secret("synapse.admin_token"),
    key("accounts.source"),
    key("accounts.provider"),
    key("accounts.match"),
    key("writer.type"),
    key("writer.confirm_timeout"),
    key("writer.mas_cli.command"),
    key("writer.mas_cli.config"),
    key("writer.mas_cli.timeout"),
    key("writer.mas_cli.concurrency"),
    key("writer.mas_api.url"),
    key("writer.mas_api.issuer"),
    key("writer.mas_api.client_id"),
    secret("writer.mas_api.client_secret"),
    secret("writer.mas_api.access_token"),
    key("writer.mas_api.ca_file"),
    key("writer.mas_api.client_cert_file"),
    key("writer.mas_api.client_key_file"),
    key("writer.mas_api.allow_http"),
    key("writer.mas_api.concurrency"),
    key("policy.disable"),
    key("policy.reactivate"),
    key("policy.unknown_accounts"),
    key("policy.locked_members"),
    key("policy.protect"),
    key("policy.protect_admins"),
    key("policy.grace"),
    key("limits.max_disable"),
    key("limits.max_disable_percent"),
    key("limits.max_activate"),
    key("limits.min_members"),
    key("limits.max_look"),
    key("limits.max_consecutive_failures"),
    key("watch.interval"),
    key("watch.events_every"),
    key("watch.members_every"),
    key("watch.accounts_every"),
    key("watch.listen"),
    key("watch.on_refused"),
];

/// The environment variables and the keys that they override.
pub const VARIABLES: &[(&str, &str)] = &[
    ("KC_URL", "keycloak.url"),
    ("KC_REALM", "keycloak.realm"),
    ("KC_GROUP_NAME", "keycloak.groups"),
    ("KC_CLIENT_ID", "keycloak.client_id"),
    ("KC_CLIENT_SECRET", "keycloak.client_secret"),
    ("KC_ADMIN_USER", "keycloak.username"),
    ("KC_ADMIN_PASS", "keycloak.password"),
    ("MATRIX_URL", "synapse.url"),
    ("MATRIX_ADMIN_TOKEN", "synapse.admin_token"),
    ("MATRIX_SERVER_NAME", "server_name"),
    ("MAS_CONFIG", "writer.mas_cli.config"),
];

/// A value, and the variable that it came from, if any.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) variable: Option<String>,
}

/// Both sources in one flat table; unknown keys have become problems.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) given: BTreeMap<String, Given>,
    pub(super) problems: Vec<Problem>,
}

impl Sources {
    /// Adds the file.
    pub(super) fn file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            let before = &text[..error.span().map_or(0, |span| span.start).min(text.len())];
            ConfigError::NotToml {
                path: path.to_owned(),
                line: before.matches('\n').count() + 1,
                column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
                message: error.message().to_owned(),
            }
        })?;
        self.flatten("", table);
        Ok(())
    }

    /// Adds the environment, which overrides the file; an empty variable counts as not set.
    pub(super) fn environment(&mut self, get: &dyn Fn(&str) -> Option<String>) {
        for (variable, name) in VARIABLES {
            let is_secret = KEYS.iter().any(|key| key.name == *name && key.secret);
            let forms = [
                Some(((*variable).to_owned(), (*name).to_owned())),
                is_secret.then(|| (format!("{variable}_FILE"), file_form(name))),
            ];
            let set: Vec<_> = forms
                .into_iter()
                .flatten()
                .filter_map(|(variable, name)| {
                    Some((get(&variable).filter(|value| !value.is_empty())?, variable, name))
                })
                .collect();
            if !set.is_empty() {
                self.given.remove(*name);
                self.given.remove(&file_form(name));
            }
            for (value, variable, name) in set {
                if value.contains(char::REPLACEMENT_CHARACTER) {
                    self.problem(&format!("{name} ({variable})"), None, "this is not UTF-8".to_owned());
                }
                let value = Value::String(value);
                self.given.insert(name, Given { value, variable: Some(variable) });
            }
        }
    }

    /// Returns the keys whose value is the secret itself.
    pub(super) fn secrets(&self) -> Vec<&'static str> {
        let is_given = |key: &&Key| key.secret && self.given.contains_key(key.name);
        KEYS.iter().filter(is_given).map(|key| key.name).collect()
    }

    fn flatten(&mut self, prefix: &str, table: toml::Table) {
        for (name, value) in table {
            let name = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            match value {
                Value::Table(table) if is_section(&name) => self.flatten(&name, table),
                value => match find(&name) {
                    Some(_) => {
                        self.given.insert(name, Given { value, variable: None });
                    }
                    None if is_section(&name) => self.problem(&name, None, format!("expected a table, [{name}]")),
                    None => self.problem(&name, None, unknown(&name)),
                },
            }
        }
    }

    fn problem(&mut self, key: &str, value: Option<String>, expected: String) {
        self.problems.push(Problem { key: key.to_owned(), value, expected });
    }
}

/// Returns the key `x_file` of a secret `x`.
pub(super) fn file_form(name: &str) -> String {
    format!("{name}_file")
}

fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name || (key.secret && name.strip_suffix("_file") == Some(key.name)))
}

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// Returns the problem of an unknown key. A key with the same last part, or one typing error away, was
/// probably meant.
fn unknown(name: &str) -> String {
    let distance = |key: &Key| strsim::damerau_levenshtein(key.name, name);
    match KEYS.iter().min_by_key(|key| distance(key)).filter(|key| distance(key) <= 3) {
        Some(key) => format!("there is no such key; did you mean {}?", key.name),
        None => "there is no such key".to_owned(),
    }
}
