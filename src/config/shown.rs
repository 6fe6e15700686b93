//! Shows the effective values of the configuration, each with its origin.

use std::fmt::Write as _;

use toml::Value;

use super::given_values::{Given, Sources};
use super::keys::{Absent, ConfigKey};
use super::visible::is_command;
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

/// Returns every key that has a value, in the order of the documentation.
pub(super) fn shown(sources: &Sources) -> Vec<ShownKey> {
    let mut shown = Vec::new();
    for key in ConfigKey::all() {
        let file_form = key.is_secret().then(|| key.file_form());
        if let Some(given) = sources.given.get(key.name) {
            let value = if key.is_secret() { MASK.to_owned() } else { printed(key, given) };
            shown.push(ShownKey { name: key.name.to_owned(), value, origin: origin(given) });
        } else if let Some((name, given)) =
            file_form.and_then(|name| Some((name.clone(), sources.given.get(&name)?)))
        {
            shown.push(ShownKey { name, value: printed(key, given), origin: origin(given) });
        } else if let Absent::Is(value) = key.absent {
            let (name, value) = (key.name.to_owned(), value.to_owned());
            shown.push(ShownKey { name, value, origin: Origin::Default });
        }
    }
    shown
}

/// Returns a value without a password that an address may contain, and of a command only the program:
/// its arguments may be secrets.
fn printed(key: &ConfigKey, given: &Given) -> String {
    let value = match &given.value {
        Value::Array(words) if is_command(key.name) && words.len() > 1 => {
            Value::Array(vec![words[0].clone(), Value::String("…".to_owned())])
        }
        value => value.clone(),
    };
    ServerText::from(toml(&value)).to_string()
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
