//! Shows the place of a problem as compilers do: file, line, and a caret below the value.

use std::fmt;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::model::printable;

/// Longer lines are shortened around the caret.
const WIDTH: usize = 100;

/// The origin of a value, or the place to add one. Those in the file come first, in its order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of the file.
    Line(Excerpt),
    /// The file without a line, and the part of it that the key belongs to.
    File(PathBuf, String),
    /// An environment variable.
    Variable(String),
}

/// A line of the file, with a part that is marked. It contains no secrets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Excerpt {
    pub path: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// Of the marked part in the file, in characters, counted from 1.
    pub column: usize,
    text: String,
    /// The bytes of the text from here to there are marked.
    marked: (usize, usize),
}

impl Excerpt {
    /// Creates it from the three parts of a line.
    pub(super) fn new(path: PathBuf, line: usize, column: usize, parts: [&str; 3]) -> Self {
        let [before, marked, after] =
            parts.map(|part| printable(&part.replace('\t', "    ")).into_owned());
        let after = after.trim_end();
        // A mistake at the end of a line is marked behind it.
        let marked = if marked.is_empty() && after.is_empty() { " ".to_owned() } else { marked };
        let range = (before.len(), before.len() + marked.len());
        Self { path, line, column, text: before + &marked + after, marked: range }
    }

    /// Returns file and line.
    pub(super) fn position(&self) -> String {
        format!("{}:{}", self.path.display(), self.line)
    }
}

impl Place {
    /// Returns it in a few words: `FILE:27`.
    pub(super) fn position(&self) -> String {
        match self {
            Self::Line(excerpt) => excerpt.position(),
            Self::File(path, _) => path.display().to_string(),
            Self::Variable(name) => format!("the variable {name}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(excerpt) => excerpt.fmt(f),
            Self::File(path, belongs) => write!(f, "--> {}: {belongs}", path.display()),
            Self::Variable(name) => write!(f, "--> the variable {name}"),
        }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, column, text, marked } = self;
        let gutter = line.to_string().len();
        writeln!(f, "{:gutter$}--> {}:{line}:{column}", "", path.display())?;
        let mark = AnnotationKind::Primary.span(marked.0..marked.1);
        let snippet = Snippet::source(text.as_str()).line_start(*line).annotation(mark);
        let report = Group::with_level(Level::ERROR).element(snippet);
        f.write_str(&Renderer::plain().term_width(WIDTH).render(&[report]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(parts: [&str; 3]) -> String {
        Excerpt::new("/c.toml".into(), 12, 1, parts).to_string()
    }

    #[test]
    fn caret_stands_below_the_marked_part_of_any_width() {
        let lines = shown(["\tx = \"日本\" ", "ä\u{202e}b", " "]);
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines[2], "12 |     x = \"日本\" ä\\u{202e}b");
        assert_eq!(lines[3], "   |                ^^^^^^^^^^");
    }

    #[test]
    fn mistake_at_the_end_of_a_line_is_marked_behind_it() {
        let lines = shown(["[a", "", ""]);
        assert_eq!(lines.lines().last(), Some("   |   ^"));
    }

    #[test]
    fn long_line_is_shortened_around_the_caret() {
        let lines = shown([&"a".repeat(300), "b", &"c".repeat(300)]);
        assert!(lines.lines().all(|line| line.chars().count() <= WIDTH + 20), "{lines}");
        assert!(lines.contains("ab"), "{lines}");
    }
}
