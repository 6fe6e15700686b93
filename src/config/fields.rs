//! Takes typed values from the flat table and notes every problem, so that all are reported at once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{SecretSlice, SecretString};
use toml::Value;
use url::Url;

use super::problem::Problem;
use super::secret_files::SecretFiles;
use super::sources::{Given, Sources, VARIABLES, file_form};
use crate::files;
use crate::model::{Word, mask_secret};

/// The longest time. More is a typing error, and sums of times must stay within the range of a clock.
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// The table that values are taken from.
#[derive(Debug)]
pub(super) struct Fields {
    sources: Sources,
    /// The files that secrets and certificates were read from.
    secret_files: SecretFiles,
}

impl Fields {
    pub(super) fn new(sources: Sources) -> Self {
        Self { sources, secret_files: SecretFiles::default() }
    }

    /// Returns all problems, and the files that secrets and certificates were read from.
    pub(super) fn into_problems_and_files(self) -> (Vec<Problem>, SecretFiles) {
        (self.sources.problems, self.secret_files)
    }

    pub(super) fn is_given(&self, key: &str) -> bool {
        self.sources.given.contains_key(key) || self.sources.given.contains_key(&file_form(key))
    }

    /// Returns whether any key of a section is given.
    pub(super) fn is_given_below(&self, section: &str) -> bool {
        self.sources.given.keys().any(|key| key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.')))
    }

    /// Notes a problem with a value that has been taken.
    pub(super) fn wrong(&mut self, key: &str, value: Option<&str>, expected: impl Into<String>) {
        let problem = Problem {
            key: named(key, None),
            value: value.map(|value| format!("{value:?}")),
            expected: expected.into(),
        };
        self.sources.problems.push(problem);
    }

    /// Notes that a value is needed.
    pub(super) fn missing(&mut self, key: &str, expected: &str) {
        self.sources.problems.push(Problem {
            key: named(key, None),
            value: None,
            expected: format!("missing: {expected}"),
        });
    }

    pub(super) fn take<T>(&mut self, key: &str, expected: &str, parse: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let Given { value, variable } = self.sources.given.remove(key)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            let problem = Problem {
                key: named(key, variable.as_deref()),
                value: Some(value.to_string()),
                expected: format!("expected {expected}"),
            };
            self.sources.problems.push(problem);
        }
        parsed
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.take(key, "a text that is not empty", |value| {
            Some(value.as_str()?.to_owned()).filter(|text| !text.is_empty())
        })
    }

    pub(super) fn needed_text(&mut self, key: &str, what: &str) -> Option<String> {
        if !self.is_given(key) {
            self.missing(key, what);
        }
        self.text(key)
    }

    pub(super) fn switch(&mut self, key: &str, default: bool) -> bool {
        self.take(key, "true or false", Value::as_bool).unwrap_or(default)
    }

    /// Takes a list of texts; a variable has only one.
    pub(super) fn texts(&mut self, key: &str, expected: &str) -> Option<Vec<String>> {
        let from_variable = self.sources.given.get(key).is_some_and(|given| given.variable.is_some());
        self.take(key, expected, |value| match value {
            Value::String(one) if from_variable => Some(vec![one.clone()]),
            Value::Array(many) => {
                many.iter().map(|one| one.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned)).collect()
            }
            _ => None,
        })
    }

    pub(super) fn count(&mut self, key: &str, default: usize, least: usize, most: usize) -> usize {
        let expected = match most {
            usize::MAX => format!("a whole number, {least} or more"),
            most => format!("a whole number from {least} to {most}"),
        };
        self.take(key, &expected, |value| {
            value
                .as_integer()
                .and_then(|number| usize::try_from(number).ok())
                .filter(|number| (least..=most).contains(number))
        })
        .unwrap_or(default)
    }

    pub(super) fn duration(&mut self, key: &str, default: Duration) -> Duration {
        self.take(key, "a time such as \"30s\" or \"15m\", at most a year", |value| {
            humantime::parse_duration(value.as_str()?).ok().filter(|duration| *duration <= LONGEST)
        })
        .unwrap_or(default)
    }

    /// Takes one of a few words.
    pub(super) fn choice<T: Word + Default>(&mut self, key: &str) -> T {
        let words: Vec<_> = T::VARIANTS.iter().map(|choice| format!("{:?}", choice.word())).collect();
        self.take(key, &words.join(" or "), |value| T::from_word(value.as_str()?)).unwrap_or_default()
    }

    /// Takes the address of a server. One with a password in it is refused without being shown.
    pub(super) fn server_url(&mut self, key: &str, example: &str) -> Option<Url> {
        let text = self.needed_text(key, &format!("the address of the server, such as {example:?}"))?;
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        match url {
            Some(url) if !url.username().is_empty() || url.password().is_some() => {
                self.wrong(key, None, "an address must not contain a username or password");
                None
            }
            Some(url) if url.query().is_some() || url.fragment().is_some() => {
                self.wrong(key, None, "an address must not contain ? or #");
                None
            }
            Some(url) => Some(url),
            None if text.contains('@') => {
                self.wrong(key, None, format!("expected an address such as {example:?}"));
                None
            }
            None => {
                self.wrong(key, Some(&text), format!("expected an address such as {example:?}"));
                None
            }
        }
    }

    /// Takes a secret, given as itself or as a file that contains it; both at once is an error. It is masked
    /// in every text from then on.
    pub(super) fn secret(&mut self, key: &str) -> Option<SecretString> {
        self.given_secret(key).inspect(mask_secret)
    }

    fn given_secret(&mut self, key: &str) -> Option<SecretString> {
        let file_key = file_form(key);
        let direct = self.sources.given.remove(key);
        let file = self.sources.given.remove(&file_key);
        match (direct, file) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                self.wrong(key, None, format!("given twice: remove {key} or {file_key}"));
                None
            }
            (Some(Given { value: Value::String(secret), .. }), None) if is_secret(&secret) => Some(secret.into()),
            (Some(given), None) => {
                let key = named(key, given.variable.as_deref());
                let expected = "expected a text of one line that is not empty (its value is not shown)".to_owned();
                self.sources.problems.push(Problem { key, value: None, expected });
                None
            }
            (None, Some(given)) => self.secret_file(&file_key, &given),
        }
    }

    fn secret_file(&mut self, key: &str, given: &Given) -> Option<SecretString> {
        let read = match given.value.as_str() {
            None => Err("expected the path of a file".to_owned()),
            Some(path) => match files::read_text(self.secret_in(path), files::SETTINGS) {
                Err(error) => Err(format!("cannot read this file: {error}")),
                Ok(text) => match text.trim_end_matches(['\r', '\n']) {
                    "" => Err("this file is empty".to_owned()),
                    secret if is_secret(secret) => Ok(SecretString::from(secret)),
                    _ => Err("this file has more than one line".to_owned()),
                },
            },
        };
        match read {
            Ok(secret) => Some(secret),
            Err(expected) => {
                let key = named(key, given.variable.as_deref());
                // If it is not a path, it may be the secret itself in the wrong key, so it is not shown.
                self.sources.problems.push(Problem { key, value: None, expected });
                None
            }
        }
    }

    /// Notes that a secret is in this file.
    fn secret_in<'p, P: AsRef<Path> + ?Sized>(&mut self, path: &'p P) -> &'p Path {
        self.secret_files.note(path.as_ref());
        path.as_ref()
    }

    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    /// Takes a file, several, or with `""` none; a variable separates them by `:`.
    pub(super) fn files(&mut self, key: &str) -> Option<Vec<PathBuf>> {
        let from_variable = self.sources.given.get(key).is_some_and(|given| given.variable.is_some());
        let file = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(PathBuf::from);
        self.take(key, "a file, or a list of files", |value| match value {
            Value::String(text) if text.is_empty() => Some(Vec::new()),
            Value::String(text) if from_variable => Some(std::env::split_paths(text).collect()),
            Value::Array(many) => many.iter().map(file).collect(),
            one => file(one).map(|file| vec![file]),
        })
    }

    /// Takes the content of a file of certificates or keys.
    pub(super) fn pem_file(&mut self, key: &str) -> PemFile {
        if !self.is_given(key) {
            return PemFile::NotGiven;
        }
        let Some(path) = self.path(key) else { return PemFile::Wrong };
        match files::read(self.secret_in(&path), files::SETTINGS) {
            Ok(pem) => PemFile::Read { path: path.to_string_lossy().into_owned(), content: pem.into() },
            Err(error) => {
                self.wrong(key, Some(&path.to_string_lossy()), format!("cannot read this file: {error}"));
                PemFile::Wrong
            }
        }
    }
}

/// A file of certificates or keys.
#[derive(Debug)]
pub(super) enum PemFile {
    /// The key is not given.
    NotGiven,
    /// It cannot be read, and the problem is noted.
    Wrong,
    /// The content, which may be a key.
    Read { path: String, content: SecretSlice<u8> },
}

/// Returns whether a text can be sent as a secret in a header or a form.
fn is_secret(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}

/// Returns the key as it is reported: with the variable that set it, or could set it.
fn named(key: &str, variable: Option<&str>) -> String {
    let base = key.strip_suffix("_file").unwrap_or(key);
    let known = VARIABLES.iter().find(|(_, name)| *name == base).map(|(variable, _)| *variable);
    match variable.or(known) {
        Some(variable) => format!("{key} ({variable})"),
        None => key.to_owned(),
    }
}
