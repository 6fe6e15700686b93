//! Lists every key with everything there is to know about it. The code that takes a value gets from
//! here its default and what is expected, and `docs/configuration.md` is made from it.

pub(super) mod accounts;
pub(super) mod admins;
mod expected;
pub(super) mod keycloak;
pub(super) mod limits;
pub(super) mod mas_api;
pub(super) mod mas_cli;
pub(super) mod notify;
pub(super) mod policy;
pub(super) mod synapse;
#[cfg(test)]
mod tests;
pub(super) mod top_level;
pub(super) mod watch;
pub(super) mod writer;

use toml::Value;

pub use expected::Expected;
pub(super) use expected::OFF;

/// A key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct ConfigKey {
    /// The dotted name.
    pub name: &'static str,
    /// The environment variable that overrides it.
    pub variable: Option<&'static str>,
    /// What is expected, in the words of the error.
    pub expected: Expected,
    /// What applies if the key is missing.
    pub absent: Absent,
    /// What it means, in Markdown.
    pub meaning: &'static str,
}

/// What applies if a key is missing. Values are TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The key is required.
    Needed,
    Nothing,
    Is(&'static str),
    /// A value that applies in some cases, and the rule, in which `{}` is the value.
    Sometimes(&'static str, &'static str),
    Depends(&'static str),
}

/// The sections, in the order of the documentation.
const SECTIONS: [&[ConfigKey]; 12] = [
    top_level::KEYS,
    keycloak::KEYS,
    synapse::KEYS,
    accounts::KEYS,
    admins::KEYS,
    writer::KEYS,
    mas_cli::KEYS,
    mas_api::KEYS,
    policy::KEYS,
    limits::KEYS,
    watch::KEYS,
    notify::KEYS,
];

impl ConfigKey {
    /// Returns every key, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        SECTIONS.into_iter().flatten()
    }

    /// Returns whether it can be given as a file as well.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self.expected, Expected::Secret)
    }

    /// Returns the name of the key for a secret's file.
    #[must_use]
    pub fn file_form(&self) -> String {
        format!("{}_file", self.name)
    }

    /// Returns the name with the variable that could set it.
    #[must_use]
    pub fn with_variable(&self) -> String {
        with_variable(self.name, self.variable)
    }

    /// Parses the default.
    pub(super) fn default<T>(&self, parse: impl FnOnce(&Value) -> Option<T>) -> T {
        let (Absent::Is(text) | Absent::Sometimes(text, _)) = self.absent else {
            unreachable!("{} has no default", self.name)
        };
        let value = text.parse().expect("a default is TOML");
        parse(&value).expect("a default is a valid value")
    }

    const fn env(self, variable: &'static str) -> Self {
        Self { variable: Some(variable), ..self }
    }
}

/// Returns the name of a key with the variable that set it or could set it.
pub(super) fn with_variable(name: &str, variable: Option<&str>) -> String {
    match variable {
        Some(variable) => format!("{name} ({variable})"),
        None => name.to_owned(),
    }
}

const fn key(
    name: &'static str,
    expected: Expected,
    absent: Absent,
    meaning: &'static str,
) -> ConfigKey {
    ConfigKey { name, variable: None, expected, absent, meaning }
}

/// Defines the keys of a section, and the list of them.
macro_rules! keys {
    ($($name:ident = $key:expr),+ $(,)?) => {
        $(pub(in crate::config) const $name: $crate::config::ConfigKey = $key;)+

        pub(in crate::config) const KEYS: &[$crate::config::ConfigKey] = &[$($name),+];
    };
}
use keys;
