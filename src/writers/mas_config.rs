//! Checks MAS's own configuration before mas-cli is run. mas-cli ignores a file that is missing or
//! broken, and uses a default database. With files of another homeserver it would change accounts
//! of the same name there.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::WriterError;
use super::error::MasConfigProblem;
use crate::files;
use crate::model::{Localpart, ServerName, ServerText};

/// `matrix.kind` if Synapse uses MAS through MSC3861.
const KIND_OF_MSC3861: &str = "synapse_legacy";

/// The parts of MAS's configuration that are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasConfig {
    /// The localparts in `policy.data.admin_users`. No list of MAS shows them (trap 48).
    pub admin_users: Vec<Localpart>,
    /// Whether users may deactivate their own accounts; MAS allows it by default.
    pub account_deactivation_allowed: bool,
    /// The upstream providers (`upstream_oauth2.providers`).
    pub providers: Vec<ProviderInFile>,
    /// Whether Synapse uses MAS through MSC3861, the old way (trap 71).
    pub is_msc3861: bool,
}

impl MasConfig {
    /// Reads the files and merges them as MAS does: the later file wins.
    pub(super) fn read(files: &[PathBuf], server_name: &ServerName) -> Result<Self, WriterError> {
        let mut settings = Map::new();
        for path in files {
            merge(&mut settings, read(path).map_err(|problem| wrong(path, problem))?);
        }
        let last = || files.last().cloned().unwrap_or_default();
        check(&settings, server_name).map_err(|problem| wrong(&last(), problem))?;
        let admin_users =
            settings.get("policy").and_then(|policy| policy.pointer("/data/admin_users"));
        let names = admin_users.and_then(Value::as_array).into_iter().flatten();
        let value =
            |section: &str, key: &str| settings.get(section).and_then(|section| section.get(key));
        Ok(Self {
            admin_users: names.filter_map(Value::as_str).map(Localpart::from).collect(),
            account_deactivation_allowed: value("account", "account_deactivation_allowed")
                .and_then(Value::as_bool)
                .unwrap_or(true),
            providers: providers(&settings),
            is_msc3861: value("matrix", "kind").and_then(Value::as_str) == Some(KIND_OF_MSC3861),
        })
    }
}

/// An upstream provider in MAS's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderInFile {
    /// A ULID.
    pub id: ServerText,
    pub issuer: Option<String>,
}

impl MasConfig {
    /// Returns the provider whose issuer is this one, or the only one if it names no issuer.
    #[must_use]
    pub fn provider(&self, issuer: &str) -> Option<&ServerText> {
        let is_it = |one: &&ProviderInFile| {
            let theirs = one.issuer.as_deref();
            theirs
                .is_some_and(|theirs| theirs.trim_end_matches('/') == issuer.trim_end_matches('/'))
        };
        let fitting: Vec<_> = self.providers.iter().filter(is_it).collect();
        match (fitting.as_slice(), self.providers.as_slice()) {
            ([one], _) => Some(&one.id),
            ([], [only]) if only.issuer.is_none() => Some(&only.id),
            _ => None,
        }
    }
}

fn providers(settings: &Map<String, Value>) -> Vec<ProviderInFile> {
    let providers = settings.get("upstream_oauth2").and_then(|section| section.get("providers"));
    let providers = providers.and_then(Value::as_array).into_iter().flatten();
    let provider = |one: &Value| {
        Some(ProviderInFile {
            id: one.get("id")?.as_str()?.into(),
            issuer: one.get("issuer").and_then(Value::as_str).map(ToOwned::to_owned),
        })
    };
    providers.filter_map(provider).collect()
}

fn wrong(path: &Path, problem: MasConfigProblem) -> WriterError {
    WriterError::MasConfig { path: path.to_owned(), problem }
}

fn read(path: &Path) -> Result<Map<String, Value>, MasConfigProblem> {
    let text = files::read_text(path, files::SETTINGS).map_err(MasConfigProblem::Unreadable)?;
    let settings: Value = serde_saphyr::from_str(&text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        MasConfigProblem::NotYaml { line, column }
    })?;
    match settings {
        Value::Object(settings) if !settings.is_empty() => Ok(settings),
        _ => Err(MasConfigProblem::NoSettings),
    }
}

fn merge(settings: &mut Map<String, Value>, later: Map<String, Value>) {
    for (key, value) in later {
        match (settings.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(value)) => merge(below, value),
            (_, value) => drop(settings.insert(key, value)),
        }
    }
}

fn check(settings: &Map<String, Value>, server_name: &ServerName) -> Result<(), MasConfigProblem> {
    if !settings.get("database").is_some_and(Value::is_object) {
        return Err(MasConfigProblem::NoDatabase);
    }
    let homeserver =
        settings.get("matrix").and_then(|matrix| matrix.get("homeserver")).and_then(Value::as_str);
    match homeserver {
        None => Err(MasConfigProblem::NoHomeserver),
        Some(actual) if actual != server_name.as_str() => Err(MasConfigProblem::OtherHomeserver {
            actual: actual.into(),
            configured: server_name.clone(),
        }),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what is read from these files, or what is wrong with them.
    fn read_of(texts: &[&str]) -> Result<Vec<String>, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |(number, text): (usize, &&str)| {
            let path = directory.path().join(format!("{number}.yaml"));
            std::fs::write(&path, text).expect("a writable directory");
            path
        };
        let files: Vec<_> = texts.iter().enumerate().map(file).collect();
        match MasConfig::read(&files, &"example.org".into()) {
            Ok(config) => Ok(config.admin_users.iter().map(ToString::to_string).collect()),
            Err(WriterError::MasConfig { problem, .. }) => Err(problem.to_string()),
            Err(other) => Err(other.to_string()),
        }
    }

    const GOOD: &str = "database: {uri: a}\nmatrix: {homeserver: example.org}\n";

    #[test]
    fn configuration_is_that_of_the_homeserver() {
        assert_eq!(read_of(&[GOOD]), Ok(vec![]));
        let other = "database: {uri: a}\nmatrix: {homeserver: \"example.org:8448\"}\n";
        assert!(read_of(&[other]).is_err_and(|told| told.contains("example.org:8448")));
        assert!(
            read_of(&["database: {uri: a}\n"])
                .is_err_and(|told| told.contains("matrix.homeserver"))
        );
        assert!(
            read_of(&["matrix: {homeserver: example.org}\n"])
                .is_err_and(|told| told.contains("database"))
        );
    }

    #[test]
    fn later_file_wins_and_keeps_what_it_does_not_name() {
        let other =
            "matrix: {homeserver: other.test, kind: synapse}\npolicy: {data: {admin_users: [a]}}\n";
        assert_eq!(read_of(&[other, GOOD]), Ok(vec!["a".to_owned()]));
        assert!(read_of(&[GOOD, other]).is_err_and(|told| told.contains("other.test")));
        assert_eq!(
            read_of(&[GOOD, "policy: {data: {admin_users: [b, c]}}\n"]),
            Ok(vec!["b".to_owned(), "c".to_owned()])
        );
    }
}
