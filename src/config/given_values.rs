//! Reads the sources of a configuration: a TOML file, and environment variables, which override it.
//! Both become one flat table of dotted keys.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Value;

use super::keys::{ConfigKey, with_variable};
use super::problem::{ConfigError, Problem};

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
        for key in ConfigKey::all() {
            let Some(variable) = key.variable else { continue };
            let mut forms = vec![(variable.to_owned(), key.name.to_owned())];
            if key.is_secret() {
                forms.push((format!("{variable}_FILE"), key.file_form()));
            }
            let set: Vec<_> = forms
                .into_iter()
                .filter_map(|(variable, name)| {
                    let value = get(&variable).filter(|value| !value.is_empty())?;
                    Some((value, variable, name))
                })
                .collect();
            if !set.is_empty() {
                self.given.remove(key.name);
                self.given.remove(&key.file_form());
            }
            for (value, variable, name) in set {
                if value.contains(char::REPLACEMENT_CHARACTER) {
                    let reported = with_variable(&name, Some(&variable));
                    self.problem(&reported, "this is not UTF-8".to_owned());
                }
                let value = Value::String(value);
                self.given.insert(name, Given { value, variable: Some(variable) });
            }
        }
    }

    /// Returns the keys whose value is the secret itself.
    pub(super) fn secrets(&self) -> Vec<&'static str> {
        let is_given = |key: &&ConfigKey| key.is_secret() && self.given.contains_key(key.name);
        ConfigKey::all().filter(is_given).map(|key| key.name).collect()
    }

    fn flatten(&mut self, prefix: &str, table: toml::Table) {
        for (name, value) in table {
            let name = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            match value {
                Value::Table(table) if is_section(&name) => self.flatten(&name, table),
                value if is_key(&name) => {
                    self.given.insert(name, Given { value, variable: None });
                }
                _ if is_section(&name) => {
                    self.problem(&name, format!("expected a table, [{name}]"));
                }
                _ => self.problem(&name, unknown(&name)),
            }
        }
    }

    fn problem(&mut self, key: &str, expected: String) {
        self.problems.push(Problem { key: key.to_owned(), value: None, expected });
    }
}

/// Returns whether there is such a key; a secret `x` has `x_file` too.
fn is_key(name: &str) -> bool {
    ConfigKey::all().any(|key| key.name == name || (key.is_secret() && key.file_form() == name))
}

fn is_section(name: &str) -> bool {
    let mut rests = ConfigKey::all().filter_map(|key| key.name.strip_prefix(name));
    rests.any(|rest| rest.starts_with('.'))
}

/// Returns the problem of an unknown key. A key with the same last part, or one typing error away,
/// was probably meant.
fn unknown(name: &str) -> String {
    let distance = |key: &ConfigKey| strsim::damerau_levenshtein(key.name, name);
    match ConfigKey::all().min_by_key(|key| distance(key)).filter(|key| distance(key) <= 3) {
        Some(key) => format!("there is no such key; did you mean {}?", key.name),
        None => "there is no such key".to_owned(),
    }
}
