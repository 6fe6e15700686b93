//! Takes typed values from the flat table and notes every problem, so that all are reported at
//! once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{SecretSlice, SecretString};
use toml::Value;
use url::Url;

use super::given_values::{Given, Sources};
use super::keys::{ConfigKey, OFF, with_variable};
use super::problem::Problem;
use super::secret_files::SecretFiles;
use crate::files;
use crate::model::{Word, mask_secret};

/// The longest time. More is a typing error, and sums of times must stay within the range of a
/// clock.
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// The table that values are taken from.
#[derive(Debug, Default)]
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

    pub(super) fn is_given(&self, key: &ConfigKey) -> bool {
        let given = &self.sources.given;
        given.contains_key(key.name) || given.contains_key(&key.file_form())
    }

    pub(super) fn is_any_given(&self, keys: &[ConfigKey]) -> bool {
        keys.iter().any(|key| self.is_given(key))
    }

    /// Returns whether a key that begins like this has a problem.
    pub(super) fn is_wrong_in(&self, section: &str) -> bool {
        self.sources.problems.iter().any(|problem| problem.key.starts_with(section))
    }

    /// Notes a problem with a value that has been taken.
    pub(super) fn wrong(&mut self, key: &ConfigKey, value: Option<&str>, why: impl Into<String>) {
        let value = value.map(|value| format!("{value:?}"));
        self.note(key.with_variable(), value, why.into());
    }

    /// Notes that a value that has been taken is not what is expected.
    pub(super) fn unexpected(&mut self, key: &ConfigKey, value: Option<&str>) {
        self.wrong(key, value, format!("expected {}", key.expected));
    }

    /// Notes that a list that has been taken is empty.
    pub(super) fn empty(&mut self, key: &ConfigKey) {
        self.wrong(key, None, format!("expected {}; it is empty", key.expected));
    }

    /// Notes that a value is needed.
    pub(super) fn missing(&mut self, key: &ConfigKey, what: &str) {
        self.wrong(key, None, format!("missing: {what}"));
    }

    fn note(&mut self, key: String, value: Option<String>, expected: String) {
        self.sources.problems.push(Problem { key, value, expected });
    }

    /// Takes a value, if it is given.
    pub(super) fn take<T, P>(&mut self, key: &ConfigKey, parse: P) -> Option<T>
    where
        P: FnOnce(&Value) -> Option<T>,
    {
        let Given { value, variable } = self.sources.given.remove(key.name)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            let name = with_variable(key.name, variable.as_deref().or(key.variable));
            self.note(name, Some(value.to_string()), format!("expected {}", key.expected));
        }
        parsed
    }

    /// Takes a value, or the default if it is not given or wrong.
    pub(super) fn take_or_default<T, P>(&mut self, key: &ConfigKey, parse: P) -> T
    where
        P: Fn(&Value) -> Option<T>,
    {
        self.take(key, &parse).unwrap_or_else(|| key.default(parse))
    }

    pub(super) fn text(&mut self, key: &ConfigKey) -> Option<String> {
        self.take(key, text)
    }

    pub(super) fn text_or_default(&mut self, key: &ConfigKey) -> String {
        self.take_or_default(key, text)
    }

    pub(super) fn needed_text(&mut self, key: &ConfigKey, what: &str) -> Option<String> {
        if !self.is_given(key) {
            self.missing(key, what);
        }
        self.text(key)
    }

    pub(super) fn switch(&mut self, key: &ConfigKey) -> bool {
        self.take_or_default(key, Value::as_bool)
    }

    /// Takes a list of texts; a variable has only one.
    pub(super) fn texts(&mut self, key: &ConfigKey) -> Option<Vec<String>> {
        let is_variable = self.is_from_variable(key);
        self.take(key, |value| match value {
            Value::String(one) if is_variable => Some(vec![one.clone()]),
            several => texts(several),
        })
    }

    pub(super) fn texts_or_default(&mut self, key: &ConfigKey) -> Vec<String> {
        self.texts(key).unwrap_or_else(|| key.default(texts))
    }

    fn is_from_variable(&self, key: &ConfigKey) -> bool {
        self.sources.given.get(key.name).is_some_and(|given| given.variable.is_some())
    }

    pub(super) fn count(&mut self, key: &ConfigKey) -> usize {
        let bounds = key.expected.bounds();
        self.take_or_default(key, |value| {
            let number = usize::try_from(value.as_integer()?).ok()?;
            bounds.contains(&number).then_some(number)
        })
    }

    pub(super) fn duration(&mut self, key: &ConfigKey) -> Duration {
        self.take_or_default(key, |value| {
            let duration = humantime::parse_duration(value.as_str()?).ok()?;
            (duration <= LONGEST).then_some(duration)
        })
    }

    /// Takes a value that can be turned off.
    pub(super) fn unless_off<T, P>(&mut self, key: &ConfigKey, parse: P) -> Option<T>
    where
        P: Fn(&str) -> Option<T>,
    {
        self.take_or_default(key, |value| match value.as_str()? {
            OFF => Some(None),
            text => parse(text).map(Some),
        })
    }

    /// Takes one of a few words.
    pub(super) fn choice<C: Word>(&mut self, key: &ConfigKey) -> C {
        self.take_or_default(key, |value| C::from_word(value.as_str()?))
    }

    /// Takes the address of a server. One with a password in it is refused without being shown.
    pub(super) fn server_url(&mut self, key: &ConfigKey) -> Option<Url> {
        let what = format!("the address of the server, such as {:?}", key.expected.example());
        let text = self.needed_text(key, &what)?;
        let url = Url::parse(&text).ok().filter(is_of_a_server);
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
            None => {
                self.unexpected(key, Some(text.as_str()).filter(|text| !text.contains('@')));
                None
            }
        }
    }

    /// Takes a secret, given as itself or as a file that contains it; both at once is an error. It
    /// is masked in every text from then on.
    pub(super) fn secret(&mut self, key: &ConfigKey) -> Option<SecretString> {
        self.given_secret(key).inspect(mask_secret)
    }

    fn given_secret(&mut self, key: &ConfigKey) -> Option<SecretString> {
        let file_form = key.file_form();
        let direct = self.sources.given.remove(key.name);
        let file = self.sources.given.remove(&file_form);
        match (direct, file) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                self.wrong(key, None, format!("given twice: remove {} or {file_form}", key.name));
                None
            }
            (Some(given), None) => self.direct_secret(key, &given),
            (None, Some(given)) => self.secret_file(key, &given),
        }
    }

    fn direct_secret(&mut self, key: &ConfigKey, given: &Given) -> Option<SecretString> {
        let secret = given.value.as_str().filter(|text| is_secret(text));
        if secret.is_none() {
            let name = with_variable(key.name, given.variable.as_deref().or(key.variable));
            self.note(name, None, format!("expected {} (its value is not shown)", key.expected));
        }
        secret.map(SecretString::from)
    }

    fn secret_file(&mut self, key: &ConfigKey, given: &Given) -> Option<SecretString> {
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
            Err(why) => {
                let variable = given.variable.as_deref().or(key.variable);
                // If it is not a path, it may be the secret itself in the wrong key, so it is not
                // shown.
                self.note(with_variable(&key.file_form(), variable), None, why);
                None
            }
        }
    }

    /// Notes that a secret is in this file.
    fn secret_in<'p>(&mut self, path: &'p str) -> &'p Path {
        let path = Path::new(path);
        self.secret_files.note(path);
        path
    }

    /// Takes a file, several, or with `""` none; a variable separates them by `:`.
    pub(super) fn files(&mut self, key: &ConfigKey) -> Option<Vec<PathBuf>> {
        let is_variable = self.is_from_variable(key);
        self.take(key, |value| match value {
            Value::String(text) if is_variable => Some(std::env::split_paths(text).collect()),
            value => paths(value),
        })
    }

    /// Takes the content of a file of certificates or keys.
    pub(super) fn pem_file(&mut self, key: &ConfigKey) -> PemFile {
        if !self.is_given(key) {
            return PemFile::NotGiven;
        }
        let Some(path) = self.text(key) else { return PemFile::Wrong };
        match files::read(self.secret_in(&path), files::SETTINGS) {
            Ok(pem) => PemFile::Read { path, content: pem.into() },
            Err(error) => {
                self.wrong(key, Some(&path), format!("cannot read this file: {error}"));
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

/// Returns a text that is not empty.
pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(text).collect()
}

/// Returns the paths of a file, of several, or with `""` of none.
pub(super) fn paths(value: &Value) -> Option<Vec<PathBuf>> {
    match value {
        Value::String(path) if path.is_empty() => Some(Vec::new()),
        Value::String(path) => Some(vec![path.into()]),
        several => Some(texts(several)?.into_iter().map(PathBuf::from).collect()),
    }
}

fn is_of_a_server(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

/// Returns whether a text can be sent as a secret in a header or a form.
fn is_secret(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}
