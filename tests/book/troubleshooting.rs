//! Every message is on the troubleshooting page, which is written by hand.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::messages::{normalised, of_the_code};

const PAGE: &str = include_str!("../../docs/troubleshooting.md");

/// The heading of the column with messages.
const SAYS: &str = "it says";

/// The page's messages: code in the first column of its tables of messages.
fn of_the_page() -> BTreeSet<String> {
    let mut messages = BTreeSet::new();
    let (mut column, mut in_head, mut of_messages) = (0, false, false);
    for event in Parser::new_ext(PAGE, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Table(_)) => of_messages = false,
            Event::Start(Tag::TableHead) => (column, in_head) = (0, true),
            Event::End(TagEnd::TableHead) => in_head = false,
            Event::Start(Tag::TableRow) => column = 0,
            Event::Start(Tag::TableCell) => column += 1,
            Event::Text(text) if column == 1 && in_head => of_messages = &*text == SAYS,
            Event::Code(text) if column == 1 && of_messages => {
                messages.insert(normalised(&text));
            }
            _ => {}
        }
    }
    messages
}

#[test]
fn every_message_of_the_code_is_in_the_troubleshooting_page_and_no_other() {
    let (code, page) = (of_the_code(), of_the_page());
    let lacking: Vec<_> = code
        .iter()
        .filter(|(text, _)| !page.contains(*text))
        .map(|(text, file)| format!("src/{file}: {text}"))
        .collect();
    let gone: Vec<_> = page.iter().filter(|text| !code.contains_key(*text)).cloned().collect();
    assert!(
        lacking.is_empty() && gone.is_empty(),
        "docs/troubleshooting.md lacks {}:\n{}\n\nand has {} that the code no longer has:\n{}",
        lacking.len(),
        lacking.join("\n"),
        gone.len(),
        gone.join("\n")
    );
    println!("troubleshooting: {} messages of the code, each in the page", code.len());
}
