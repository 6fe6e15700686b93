//! Shows the effective values of the configuration, each with its origin.

use std::fmt::Write as _;

use toml::Value;

use super::given_values::{Given, Sources};
use super::keys::{self, Absent, ConfigKey};
use super::visible::is_command;
use super::{Config, KeycloakAuth, WriterKindConfig};
use crate::model::{ServerText, is_hidden};

/// What stands for a secret.
const MASK: &str = "\"…\"";

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    File,
    /// An environment variable.
    Variable(String),
    Default,
}

/// A key with its effective value, as TOML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownKey {
    /// The dotted name; that of a secret in a file ends with `_file`.
    pub name: String,
    pub value: String,
    pub origin: Origin,
}

/// Returns every key that is given.
pub(super) fn given(sources: &Sources) -> Vec<ShownKey> {
    let mut shown = Vec::new();
    for key in ConfigKey::all() {
        let file_form = key.file_form();
        if let Some(given) = sources.given.get(key.name) {
            let value = if key.is_secret() { MASK.to_owned() } else { printed(key, given) };
            shown.push(ShownKey { name: key.name.to_owned(), value, origin: origin(given) });
        } else if let Some(given) = sources.given.get(&file_form) {
            let value = printed(key, given);
            shown.push(ShownKey { name: file_form, value, origin: origin(given) });
        }
    }
    shown
}

/// Returns every key that has a value, in the order of the documentation: those given, and the
/// defaults of the others.
pub(super) fn with_defaults(mut given: Vec<ShownKey>, config: &Config) -> Vec<ShownKey> {
    let mut shown = Vec::new();
    for key in ConfigKey::all() {
        let is_it = |one: &mut ShownKey| one.name == key.name || one.name == key.file_form();
        if let Some(given) = given.extract_if(.., is_it).next() {
            shown.push(given);
        } else if let Some(value) = default_in(key, config) {
            shown.push(ShownKey { name: key.name.to_owned(), value, origin: Origin::Default });
        }
    }
    shown
}

/// Returns the default of a key, if it applies in this configuration. A default that has no
/// effect may be refused as a value.
fn default_in(key: &ConfigKey, config: &Config) -> Option<String> {
    let has_user = matches!(config.keycloak.auth, KeycloakAuth::Password { .. });
    let applies = match key.name {
        name if name == keys::keycloak::AUTH_REALM.name => has_user,
        name if name == keys::keycloak::CLIENT_ID.name => has_user,
        name if name == keys::mas_cli::CONFIG.name => match &config.writer.kind {
            WriterKindConfig::MasCli(mas_cli) => !mas_cli.config.is_empty(),
            WriterKindConfig::MasApi => false,
        },
        name if name.starts_with("writer.mas_api.") => config.mas_api.is_some(),
        name if name == keys::top_level::STATE_FILE.name => {
            let path = config.state_file.path()?;
            return Some(toml(&Value::String(path.display().to_string())));
        }
        _ => true,
    };
    match key.absent {
        Absent::Is(value) | Absent::Sometimes(value, _) if applies => Some(value.to_owned()),
        _ => None,
    }
}

/// Returns effective values as TOML, with the origin of each as a comment.
#[must_use]
pub fn as_toml(shown: &[ShownKey]) -> String {
    let mut text = String::new();
    let mut section = "";
    for ShownKey { name, value, origin } in shown {
        let (of, key) = name.rsplit_once('.').unwrap_or(("", name));
        if of != section {
            section = of;
            let _ = writeln!(text, "\n[{of}]");
        }
        let origin = match origin {
            Origin::File => "file",
            Origin::Variable(variable) => variable,
            Origin::Default => "default",
        };
        let _ = writeln!(text, "{key} = {value}   # {origin}");
    }
    text
}

/// Returns a value without a password that an address may contain, and of a command only the program:
/// its arguments may be secrets.
fn printed(key: &ConfigKey, given: &Given) -> String {
    let value = match &given.value {
        Value::Array(words) if is_command(key.name) && words.len() > 1 => {
            Value::Array(vec![words[0].clone(), Value::String("…".to_owned())])
        }
        Value::String(text) if given.variable.is_some() => in_the_file(key, text),
        value => value.clone(),
    };
    ServerText::from(toml(&value)).to_string()
}

/// Returns the value of a variable as it would be in the file, which has lists.
fn in_the_file(key: &ConfigKey, text: &str) -> Value {
    let paths = || std::env::split_paths(text).map(|path| path.display().to_string().into());
    match key.name {
        name if name == keys::keycloak::GROUPS.name => Value::Array(vec![text.into()]),
        name if name == keys::mas_cli::CONFIG.name && paths().nth(1).is_some() => {
            Value::Array(paths().collect())
        }
        _ => text.into(),
    }
}

/// Returns a value as TOML without hidden characters.
fn toml(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains(is_hidden) => quoted(text),
        Value::Array(entries) => {
            let entries: Vec<_> = entries.iter().map(toml).collect();
            format!("[{}]", entries.join(", "))
        }
        value => value.to_string(),
    }
}

/// Returns a text as a basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        let _ = match c {
            '"' | '\\' => write!(quoted, "\\{c}"),
            c if !is_hidden(c) => write!(quoted, "{c}"),
            c if u32::from(c) <= 0xFFFF => write!(quoted, "\\u{:04X}", u32::from(c)),
            c => write!(quoted, "\\U{:08X}", u32::from(c)),
        };
    }
    quoted + "\""
}

fn origin(given: &Given) -> Origin {
    given.variable.clone().map_or(Origin::File, Origin::Variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_read_back_as_it_was() {
        for text in ["plain", "m\u{202e}\\d\"", "x\n", "\u{1b}[31m", "\u{e0001}", "a\tb", "c:\\new"]
        {
            let value = Value::Array(vec![text.into(), "second".into()]);
            let shown = toml(&value);
            assert!(!shown.contains(is_hidden), "{shown:?}");
            let read: toml::Table = format!("key = {shown}").parse().expect(&shown);
            assert_eq!(read["key"], value, "{shown}");
        }
    }
}
