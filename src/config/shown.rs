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
    ServerText::from(escaped(&value.to_string())).to_string()
}

/// Returns TOML with hidden characters as TOML writes them.
fn escaped(toml: &str) -> String {
    let mut text = String::new();
    for c in toml.chars() {
        match u32::from(c) {
            _ if !is_hidden(c) => text.push(c),
            code @ ..=0xFFFF => {
                let _ = write!(text, "\\u{code:04X}");
            }
            code => {
                let _ = write!(text, "\\U{code:08X}");
            }
        }
    }
    text
}

fn origin(given: &Given) -> Origin {
    given.variable.clone().map_or(Origin::File, Origin::Variable)
}
