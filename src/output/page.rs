//! Builds text line by line, as wide as the place it is printed to.

use std::fmt::Display;

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm, wrap};

use super::Terminal;

/// Text for a terminal, a file or a pipe.
#[derive(Debug)]
pub struct Page {
    text: String,
    terminal: Terminal,
}

impl Page {
    /// Creates an empty page for a place.
    #[must_use]
    pub fn new(terminal: Terminal) -> Self {
        Self { text: String::new(), terminal }
    }

    /// Returns the place.
    #[must_use]
    pub fn terminal(&self) -> Terminal {
        self.terminal
    }

    /// Adds a line. On a terminal it is wrapped at words, the rest two columns deeper.
    pub fn line(&mut self, line: impl Display) {
        let line = line.to_string();
        let words = line.trim_start_matches(' ');
        let margin = line.len() - words.len();
        self.hanging(" ".repeat(margin), margin + 2, words);
    }

    /// Adds an entry of a list below its sign. On a terminal it is wrapped at words, below its text.
    pub fn entry(&mut self, margin: usize, sign: impl Display, text: impl Display) {
        let spaces = " ".repeat(margin);
        self.hanging(format_args!("{spaces}{sign} "), margin + 4, text);
    }

    /// Adds a line after its beginning. On a terminal it is wrapped at words, the rest at this column.
    pub fn hanging(&mut self, first: impl Display, column: usize, text: impl Display) {
        let (first, words) = (first.to_string(), text.to_string());
        match self.terminal.width {
            Some(width) => {
                let others = " ".repeat(column);
                let options = options(width).initial_indent(&first).subsequent_indent(&others);
                for line in wrap(&words, options) {
                    self.verbatim(line);
                }
            }
            None => self.verbatim(format_args!("{first}{words}")),
        }
    }

    /// Adds a line that stays whole, such as a command to paste.
    pub fn verbatim(&mut self, line: impl Display) {
        self.text.push_str(&line.to_string());
        self.text.push('\n');
    }

    /// Adds an empty line.
    pub fn gap(&mut self) {
        self.text.push('\n');
    }

    /// Returns the text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }
}

/// Wraps an error on a terminal. Lines of a file with a mistake, and the signs below them, stay whole.
#[must_use]
pub fn wrapped(text: &str, terminal: Terminal) -> String {
    let mut page = Page::new(terminal);
    for line in text.lines() {
        let after_number = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        let is_of_file = after_number.trim_start().starts_with('|') || line.contains("--> ");
        if is_of_file {
            page.verbatim(line);
        } else {
            page.line(line);
        }
    }
    page.into_text()
}

/// Lines break at blanks only, so that a word can be copied whole.
fn options<'o>(width: usize) -> Options<'o> {
    Options::new(width)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
}

/// Wraps a text at its blanks, if there is a width. An empty text has no line.
pub(super) fn lines(text: &str, width: Option<usize>) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    match width {
        Some(width) => wrap(text, options(width)).into_iter().map(Into::into).collect(),
        None => vec![text.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::DISABLE;

    #[test]
    fn text_is_wrapped_at_blanks_only() {
        assert_eq!(lines("one two three", Some(7)), ["one two", "three"]);
        assert_eq!(lines("a-very-long-word b", Some(4)), ["a-very-long-word", "b"]);
        assert_eq!(lines("東京 東京", Some(8)), ["東京", "東京"]);
        assert_eq!(lines("one two three", None), ["one two three"]);
        assert_eq!(lines("", Some(4)), [""; 0]);
    }

    fn page(width: Option<usize>) -> Page {
        Page::new(Terminal { width, ..Terminal::WHOLE })
    }

    #[test]
    fn lines_are_wrapped_at_words_on_a_terminal_and_nowhere_else() {
        let fill = |mut page: Page| {
            page.line("  one two three four");
            page.entry(2, "-", "one two three");
            page.verbatim("matrix-keycloak-sync sync");
            page.gap();
            page.into_text()
        };
        let wrapped = "  one two\n    three\n    four\n  - one\n      two\n      three\n\
                       matrix-keycloak-sync sync\n\n";
        assert_eq!(fill(page(Some(10))), wrapped);
        let whole = "  one two three four\n  - one two three\nmatrix-keycloak-sync sync\n\n";
        assert_eq!(fill(page(None)), whole);
    }

    #[test]
    fn lines_of_a_file_stay_whole_in_an_error() {
        let error = "error: a b c\n  --> /a/long/path:1:2\n   |\n 1 | url = \"a b c d\"\n   |       ^^^\nhint: d e\n";
        let narrow = Terminal { width: Some(10), ..Terminal::WHOLE };
        let expected = "error: a b\n  c\n  --> /a/long/path:1:2\n   |\n 1 | url = \"a b c d\"\n   |       ^^^\nhint: d e\n";
        assert_eq!(wrapped(error, narrow), expected);
        assert_eq!(wrapped(error, Terminal::WHOLE), error);
    }

    #[test]
    fn colour_and_wide_characters_are_measured_as_they_look() {
        let mut page = page(Some(9));
        page.line(format_args!("{DISABLE}one{DISABLE:#} {DISABLE}two{DISABLE:#} 日本 x"));
        let plain = anstream::adapter::strip_str(&page.into_text()).to_string();
        assert_eq!(plain, "one two\n  日本 x\n");
    }
}
