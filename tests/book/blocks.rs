//! The code blocks of the book and of the README.

use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::files::files;

/// The mark of a shell's block that needs more than this program and its servers.
const NO_RUN: &str = "no_run";

/// A block with its place.
pub(crate) struct Block {
    /// The page, from the root of the sources.
    pub(crate) page: String,
    line: usize,
    pub(crate) language: String,
    /// What a test does with it.
    pub(crate) use_of: Use,
    pub(crate) text: String,
}

/// What a test does with a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Run,
    OnlyParse,
}

impl Block {
    /// Returns the place as an editor opens it.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

/// Returns every page: the README first, then the book.
pub(crate) fn pages() -> Vec<PathBuf> {
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let mut pages: Vec<_> =
        files(Path::new("docs"), &|_| false).into_iter().filter(is_page).collect();
    pages.sort();
    pages.insert(0, PathBuf::from("README.md"));
    pages
}

/// Returns every block, in the order of pages and lines.
pub(crate) fn blocks() -> Vec<Block> {
    pages().iter().flat_map(|page| blocks_of(page)).collect()
}

fn blocks_of(page: &Path) -> Vec<Block> {
    let markdown = std::fs::read_to_string(page).expect("a readable page");
    let (mut blocks, mut open) = (Vec::new(), None);
    for (event, range) in Parser::new_ext(&markdown, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let (language, mark) = info.split_once(',').unwrap_or((&info, ""));
                assert!(["", NO_RUN].contains(&mark), "{}: {info}", page.display());
                open = Some(Block {
                    page: page.display().to_string(),
                    line: markdown[..range.start].lines().count() + 1,
                    language: language.to_owned(),
                    use_of: if language == "sh" && mark.is_empty() {
                        Use::Run
                    } else {
                        Use::OnlyParse
                    },
                    text: String::new(),
                });
            }
            Event::Text(text) => {
                if let Some(block) = &mut open {
                    block.text += &text;
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}
