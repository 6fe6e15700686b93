//! Parses the file, remembers where each value stands, and shows lines of it without secrets.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table};

use super::excerpt::Excerpt;
use super::problem::{ConfigError, Mistake};
use super::syntax::{is_open, visible_part};
use super::visible::is_visible;

/// A part of the file, in bytes.
pub(super) type Span = Range<usize>;

/// What stands for a text, a number, and a comment that is not shown.
const HIDDEN_TEXT: &str = "\"…\"";
const HIDDEN_VALUE: &str = "…";
const HIDDEN_COMMENT: &str = "";

/// The file, with the places of its keys.
#[derive(Debug)]
pub(super) struct Document {
    path: PathBuf,
    text: String,
    /// By dotted name: keys with a value, and sections.
    keys: BTreeMap<String, KeySpans>,
    /// What is not shown, in order, each with its replacement.
    hidden: Vec<(Span, &'static str)>,
}

/// The places of a key and its value.
#[derive(Debug, Clone, Default)]
struct KeySpans {
    key: Span,
    /// Of a section, its header.
    value: Span,
    entries: Vec<Span>,
}

/// The part of a key that a problem is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Key,
    Value,
    /// An entry of its list.
    Entry(usize),
}

impl Document {
    /// Parses the file.
    pub(super) fn parse(path: &Path, text: &str) -> Result<(Self, Table), ConfigError> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(not_toml(path, text, &errors));
        }
        let table = toml::from_str(text).map_err(|error| not_toml(path, text, &[error]))?;
        let mut spans = Spans::default();
        spans.table("", root.get_ref());
        let Spans { keys, mut hidden, words } = spans;
        hidden.extend(comments(text, words).into_iter().map(|comment| (comment, HIDDEN_COMMENT)));
        hidden.sort_by_key(|(span, _)| span.start);
        Ok((Self { path: path.to_owned(), text: text.to_owned(), keys, hidden }, table))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the line with a key or a section of this dotted name.
    pub(super) fn excerpt(&self, name: &str, part: Part) -> Option<Excerpt> {
        let spans = self.keys.get(name)?;
        let span = match part {
            Part::Key => &spans.key,
            Part::Value => &spans.value,
            Part::Entry(at) => spans.entries.get(at).unwrap_or(&spans.value),
        };
        Some(self.line(span))
    }

    /// Returns the line that a span begins in. What goes on in the next line is not marked.
    fn line(&self, span: &Span) -> Excerpt {
        let (line, column, bounds) = line_at(&self.text, span.start);
        let end = span.end.min(bounds.end);
        let parts = [bounds.start..span.start, span.start..end, end..bounds.end];
        let parts = parts.map(|part| self.visible(part));
        Excerpt::new(self.path.clone(), line, column, parts.each_ref().map(String::as_str))
    }

    /// Returns a part of the file without what is hidden.
    fn visible(&self, part: Span) -> String {
        let (mut visible, mut at) = (String::new(), part.start);
        for (hidden, replacement) in &self.hidden {
            if part.is_empty() || hidden.end <= at || hidden.start >= part.end {
                continue;
            }
            visible += &self.text[at..hidden.start.max(at)];
            visible += replacement;
            at = hidden.end.min(part.end);
        }
        visible += &self.text[at..part.end];
        visible
    }
}

/// Returns line and column of a byte, counted from 1, and the bounds of its line.
fn line_at(text: &str, byte: usize) -> (usize, usize, Span) {
    let before = &text[..byte];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[byte..].find('\n').map_or(text.len(), |newline| byte + newline);
    let end = start.max(start + text[start..end].trim_end_matches('\r').len());
    let column = before[start..].chars().count() + 1;
    (before.matches('\n').count() + 1, column, start..end.max(byte))
}

/// Returns the error of a file that is not TOML: one mistake a line, because one leads to others.
fn not_toml(path: &Path, text: &str, errors: &[toml::de::Error]) -> ConfigError {
    let mut lines = BTreeMap::new();
    for error in errors {
        let span = error.span().unwrap_or_default();
        let start = text.floor_char_boundary(span.start);
        // An error at the end of the file is about the last line that has something in it.
        let start = if start == text.len() { text.trim_end().len() } else { start };
        let (line, column, bounds) = line_at(text, start);
        let mistake = lines.entry(line).or_insert((column, start, bounds, error.message()));
        if column < mistake.0 {
            *mistake = (column, start, mistake.2.clone(), error.message());
        }
    }
    let mistakes = lines.into_iter().map(|(line, (column, start, bounds, message))| {
        let (before, line_text) = (&text[..bounds.start], &text[bounds.clone()]);
        let parts = visible_part(before, line_text, start - bounds.start);
        let parts = parts.each_ref().map(String::as_str);
        let place = Excerpt::new(path.to_owned(), line, column, parts);
        (is_open(before), Mistake { message: message.to_owned(), place })
    });
    let mut mistakes: Vec<_> = mistakes.collect();
    // A list without its end has the same mistake in every line that follows.
    mistakes.dedup_by(|(is_inside, one), (_, before)| *is_inside && one.message == before.message);
    let mistakes = mistakes.into_iter().map(|(_, mistake)| mistake).collect();
    ConfigError::NotToml { path: path.to_owned(), mistakes }
}

/// The places of everything in the file.
#[derive(Debug, Default)]
struct Spans {
    keys: BTreeMap<String, KeySpans>,
    hidden: Vec<(Span, &'static str)>,
    /// Keys and values, in which `#` begins no comment.
    words: Vec<Span>,
}

impl Spans {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = if prefix.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{prefix}.{}", key.get_ref())
            };
            let entries = match value.get_ref() {
                DeValue::Array(entries) => entries.iter().map(Spanned::span).collect(),
                _ => Vec::new(),
            };
            let spans = KeySpans { key: key.span(), value: value.span(), entries };
            self.words.push(key.span());
            self.keys.insert(name.clone(), spans);
            self.value(&name, None, value);
        }
    }

    fn value(&mut self, name: &str, entry: Option<usize>, value: &Spanned<DeValue<'_>>) {
        let (text, replacement) = match value.get_ref() {
            DeValue::Table(table) => return self.table(name, table),
            DeValue::Array(entries) => {
                // A list in a list is no value of any key.
                let inner = if entry.is_some() { "" } else { name };
                for (at, entry) in entries.iter().enumerate() {
                    self.value(inner, Some(at), entry);
                }
                return;
            }
            DeValue::String(text) => (&**text, HIDDEN_TEXT),
            _ => ("", HIDDEN_VALUE),
        };
        self.words.push(value.span());
        if !is_visible(name, entry, text) {
            self.hidden.push((value.span(), replacement));
        }
    }
}

/// Returns the comments between these words. They are not shown, because they may contain an old
/// secret.
fn comments(text: &str, mut words: Vec<Span>) -> Vec<Span> {
    words.sort_by_key(|word| word.start);
    words.push(text.len()..text.len());
    let (mut comments, mut at) = (Vec::new(), 0);
    for word in words {
        while let Some(mark) = text.get(at..word.start).and_then(|gap| gap.find('#')) {
            let start = at + mark;
            at = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
            comments.push(start..at);
        }
        at = at.max(word.end);
    }
    comments
}
