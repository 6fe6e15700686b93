//! Plain English in documentation, comments and messages: the words of `avoid.txt` do not come
//! back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use regex::{Regex, RegexBuilder};

use crate::files::files;

/// Files with words for people.
const ENDINGS: [&str; 7] = ["md", "rs", "toml", "yml", "yaml", "sh", "svg"];
/// Folders with files that others wrote, or that builds create.
const NOT_OURS: [&str; 5] =
    ["target", ".git", "tests/contract", "tests/decoders/corpus", "proptest-regressions"];

/// Returns the lines of a list without its comments.
fn lines(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Returns what a line of this file says to people: of Rust, comments and texts.
fn words(path: &Path, line: &str, texts: &Regex) -> String {
    if path.extension().is_some_and(|ending| ending == "rs") {
        let quoted: Vec<_> = texts.find_iter(line).map(|found| found.as_str()).collect();
        let code = texts.replace_all(line, "");
        let comment = code.split_once("//").map_or("", |(_, comment)| comment);
        format!("{}\n{comment}", quoted.join("\n"))
    } else {
        line.to_owned()
    }
}

#[test]
fn words_that_plain_english_does_without_do_not_come_back() {
    let avoided = lines(include_str!("avoid.txt")).collect::<Vec<_>>().join("|");
    let avoided = RegexBuilder::new(&format!(r"\b(?:{avoided})\b"))
        .case_insensitive(true)
        .build()
        .expect("a list");
    let texts = Regex::new(r#""(?:[^"\\]|\\.)*""#).expect("an expression");
    let is_foreign =
        |path: &Path| NOT_OURS.iter().any(|foreign| path == Path::new(".").join(foreign));
    let all = files(Path::new("."), &is_foreign);
    let for_people = |path: &PathBuf| {
        path.extension().is_some_and(|end| ENDINGS.iter().any(|known| end == *known))
    };
    let (mut counts, mut places) = (BTreeMap::<String, usize>::new(), Vec::new());
    for path in all.into_iter().filter(for_people) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let path = path.strip_prefix(".").expect("below the root");
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
        let folder = parts[..parts.len().min(2)].join("/");
        for (number, line) in text.lines().enumerate() {
            for found in avoided.find_iter(&words(path, line, &texts)) {
                *counts.entry(folder.clone()).or_default() += 1;
                places.push(format!("{}:{}: {}", path.display(), number + 1, found.as_str()));
            }
        }
    }
    let left: BTreeMap<_, _> = lines(include_str!("left.txt"))
        .filter_map(|line| line.split_once(' '))
        .map(|(folder, count)| (folder.to_owned(), count.parse::<usize>().expect("a number")))
        .collect();
    assert_eq!(
        counts, left,
        "if a number has become smaller, write it into tests/code/left.txt\n{places:#?}"
    );
}
