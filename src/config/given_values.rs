//! Reads the sources of a configuration: a TOML file, and environment variables, which override it.
//! Both become one flat table of dotted keys.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Value;

use super::document::{Document, Part};
use super::excerpt::Place;
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
    document: Option<Document>,
    /// The variables that are set, by key.
    variables: BTreeMap<String, String>,
}

impl Sources {
    /// Adds the file.
    pub(super) fn file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let (document, table) = Document::parse(path, text)?;
        self.document = Some(document);
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
                self.variables.insert(name.clone(), variable.clone());
                if value.contains(char::REPLACEMENT_CHARACTER) {
                    let key = with_variable(&name, Some(&variable));
                    let place = Some(Place::Variable(variable.clone()));
                    let expected = "this is not UTF-8".to_owned();
                    self.problems.push(Problem { key, value: None, expected, place });
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
                    self.problem(name.clone(), format!("expected a table, [{name}]"), Part::Value);
                }
                _ => {
                    let expected = unknown(&name);
                    self.problem(name, expected, Part::Key);
                }
            }
        }
    }

    fn problem(&mut self, key: String, expected: String, part: Part) {
        let place = self.place(&key, part);
        self.problems.push(Problem { key, value: None, expected, place });
    }

    /// Returns the origin of the value of a key.
    pub(super) fn place(&self, name: &str, part: Part) -> Option<Place> {
        if let Some(variable) = self.variables.get(name) {
            return Some(Place::Variable(variable.clone()));
        }
        self.document.as_ref()?.excerpt(name, part).map(Place::Line)
    }

    /// Returns the place a missing key belongs to.
    pub(super) fn place_to_add(&self, name: &str) -> Option<Place> {
        let document = self.document.as_ref()?;
        let in_file = |belongs: String| Place::File(document.path().to_owned(), belongs);
        let Some((section, _)) = name.rsplit_once('.') else {
            return Some(in_file("it belongs above the first [section]".to_owned()));
        };
        let header = document.excerpt(section, Part::Value).map(Place::Line);
        Some(header.unwrap_or_else(|| in_file(format!("there is no [{section}]"))))
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

/// Returns the problem of an unknown key or section. One that is a typing error away, or the only
/// key with the same last part, was probably meant.
fn unknown(name: &str) -> String {
    let section = |key: &&'static ConfigKey| key.name.rsplit_once('.').map(|(section, _)| section);
    let names = ConfigKey::all().map(|key| key.name);
    let is_around =
        |known: &str| name.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'));
    let near = names
        .chain(ConfigKey::all().filter_map(|key| section(&key)))
        .filter(|known| !is_around(known))
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let last_part = name.rsplit('.').next();
    let mut namesakes = ConfigKey::all().filter(|key| key.name.rsplit('.').next() == last_part);
    match (near, namesakes.next(), namesakes.next()) {
        (Some((_, meant)), ..) => format!("there is no such key; did you mean {meant}?"),
        (None, Some(key), None) => format!("there is no such key; did you mean {}?", key.name),
        _ => "there is no such key".to_owned(),
    }
}
