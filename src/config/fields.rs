//! Takes typed values from the flat table and notes every problem, so that all are reported at
//! once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{SecretSlice, SecretString};
use toml::Value;
use url::Url;

use super::address::parse_address;
use super::document::Part;
use super::excerpt::Place;
use super::given_values::{Given, Sources};
use super::keys::{ConfigKey, OFF, with_variable};
use super::problem::Problem;
use super::secret_files::SecretFiles;
use super::text_list::TextList;
use super::visible::{is_command, is_open_address, is_path, visible_value};
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
        let place = self.place(key, Part::Value);
        self.note(key.with_variable(), value, why.into(), place);
    }

    /// Notes a problem with an entry of a list that has been taken.
    pub(super) fn wrong_entry(
        &mut self,
        key: &ConfigKey,
        entry: usize,
        value: Option<&str>,
        why: impl Into<String>,
    ) {
        let value = value.map(|value| format!("{value:?}"));
        let place = self.place(key, Part::Entry(entry));
        self.note(key.with_variable(), value, why.into(), place);
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
        let place = self.sources.place_to_add(key.name);
        self.note(key.with_variable(), None, format!("missing: {what}"), place);
    }

    /// Returns the place of a value, or of the file that contains it.
    fn place(&self, key: &ConfigKey, part: Part) -> Option<Place> {
        let file_form = || self.sources.place(&key.file_form(), part);
        self.sources.place(key.name, part).or_else(file_form)
    }

    fn note(&mut self, key: String, value: Option<String>, expected: String, place: Option<Place>) {
        self.sources.problems.push(Problem { key, value, expected, place });
    }

    /// Notes a value of the wrong type or form.
    fn wrong_value(&mut self, key: &ConfigKey, given: &Given) {
        let name = with_variable(key.name, given.variable.as_deref().or(key.variable));
        let value = visible_value(key.name, &given.value);
        let place = self.place(key, Part::Value);
        self.note(name, value, format!("expected {}", key.expected), place);
    }

    /// Takes a value, if it is given.
    pub(super) fn take<T, P>(&mut self, key: &ConfigKey, parse: P) -> Option<T>
    where
        P: FnOnce(&Value) -> Option<T>,
    {
        let given = self.sources.given.remove(key.name)?;
        let parsed = parse(&given.value);
        if parsed.is_none() {
            self.wrong_value(key, &given);
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

    /// Returns a text that was not taken yet, to check others with it.
    pub(super) fn text_to_come(&self, key: &ConfigKey) -> Option<String> {
        self.sources.given.get(key.name).and_then(|given| text(&given.value))
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
    pub(super) fn list(&mut self, key: &ConfigKey) -> Option<TextList> {
        let given = self.sources.given.remove(key.name)?;
        match &given.value {
            Value::String(one) if given.variable.is_some() => {
                Some(TextList::new([Some(one.clone())]))
            }
            Value::Array(entries) => Some(self.entries(key, entries)),
            _ => {
                self.wrong_value(key, &given);
                None
            }
        }
    }

    /// Takes a list of texts, if it is given and every entry is one.
    pub(super) fn texts(&mut self, key: &ConfigKey) -> Option<Vec<String>> {
        self.list(key)?.whole()
    }

    /// Takes a list of texts that is empty if it is not given. Returns `None` if it is wrong.
    pub(super) fn texts_or_none(&mut self, key: &ConfigKey) -> Option<Vec<String>> {
        if self.is_given(key) { self.texts(key) } else { Some(Vec::new()) }
    }

    /// Returns the entries of a list of texts, and notes each that is none.
    fn entries(&mut self, key: &ConfigKey, entries: &[Value]) -> TextList {
        for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| text(entry).is_none()) {
            let is_visible = !entry.is_array() && !is_command(key.name);
            let value = Some(entry).filter(|_| is_visible);
            let value = value.and_then(|entry| visible_value(key.name, entry));
            let (expected, number) = (key.expected, at + 1);
            let why = if entry.is_str() {
                format!("expected {expected}; entry {number} is empty")
            } else {
                format!("expected {expected}; entry {number} is not a text")
            };
            let place = self.place(key, Part::Entry(at));
            self.note(key.with_variable(), value, why, place);
        }
        TextList::new(entries.iter().map(text))
    }

    pub(super) fn texts_or_default(&mut self, key: &ConfigKey) -> Vec<String> {
        self.texts(key).unwrap_or_else(|| key.default(texts))
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

    /// Returns nothing if the value is wrong, so that nothing is said about what needs another one.
    pub(super) fn choice_if_valid<C: Word>(&mut self, key: &ConfigKey) -> Option<C> {
        let is_given = self.is_given(key);
        let parse = |value: &Value| C::from_word(value.as_str()?);
        self.take(key, parse).or_else(|| (!is_given).then(|| key.default(parse)))
    }

    /// Takes the address of a server. One with a password in it is refused without being shown.
    pub(super) fn server_url(&mut self, key: &ConfigKey) -> Option<Url> {
        let what = format!("the address of the server, such as {:?}", key.expected.example());
        let text = self.needed_text(key, &what)?;
        match parse_address(key, &text) {
            Ok(url) => Some(url),
            Err(why) => {
                self.wrong(key, Some(text.as_str()).filter(|text| is_open_address(text)), why);
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
            let why = format!("expected {} (its value is not shown)", key.expected);
            self.note(name, None, why, self.sources.place(key.name, Part::Value));
        }
        secret.map(SecretString::from)
    }

    fn secret_file(&mut self, key: &ConfigKey, given: &Given) -> Option<SecretString> {
        let read = match given.value.as_str() {
            None => Err("expected the path of a file".to_owned()),
            Some(path) => {
                match files::read_text(self.secret_in(&key.file_form(), path), files::SETTINGS) {
                    Err(error) => Err(format!("cannot read this file: {error}")),
                    Ok(text) => match text.trim_end_matches(['\r', '\n']) {
                        "" => Err("this file is empty".to_owned()),
                        secret if is_secret(secret) => Ok(SecretString::from(secret)),
                        _ => Err("this file has more than one line".to_owned()),
                    },
                }
            }
        };
        match read {
            Ok(secret) => Some(secret),
            Err(why) => {
                let (name, path) = (key.file_form(), given.value.as_str());
                let variable = given.variable.as_deref().or(key.variable);
                // If it is not a path, it may be the secret itself in the wrong key, so it is not
                // shown.
                let shown = path.filter(|path| is_path(path)).map(|path| format!("{path:?}"));
                let is_hidden = path.is_some() && shown.is_none();
                let note = " (its path is not shown, because it may be the secret itself)";
                let why = why + if is_hidden { note } else { "" };
                let place = self.sources.place(&name, Part::Value);
                self.note(with_variable(&name, variable), shown, why, place);
                None
            }
        }
    }

    /// Notes that a secret is in the file that this key names.
    fn secret_in<'p>(&mut self, key: &str, path: &'p str) -> &'p Path {
        let path = Path::new(path);
        self.secret_files.note(key, path);
        path
    }

    /// Takes a file, several, or with `""` none; a variable separates them by `:`.
    pub(super) fn files(&mut self, key: &ConfigKey) -> Option<Vec<PathBuf>> {
        let given = self.sources.given.remove(key.name)?;
        match &given.value {
            Value::String(text) if given.variable.is_some() => {
                Some(std::env::split_paths(text).collect())
            }
            Value::Array(entries) => {
                let texts = self.entries(key, entries).whole()?;
                Some(texts.into_iter().map(PathBuf::from).collect())
            }
            value => paths(value).or_else(|| {
                self.wrong_value(key, &given);
                None
            }),
        }
    }

    /// Takes the content of a file of certificates or keys.
    pub(super) fn pem_file(&mut self, key: &ConfigKey) -> PemFile {
        if !self.is_given(key) {
            return PemFile::NotGiven;
        }
        let Some(path) = self.text(key) else { return PemFile::Wrong };
        match files::read(self.secret_in(key.name, &path), files::SETTINGS) {
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

/// Returns whether a text can be sent as a secret in a header or a form.
fn is_secret(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}
