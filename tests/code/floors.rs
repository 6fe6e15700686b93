//! The rooms of the code, from the ground floor up: a room imports only rooms below it, so that
//! each can be understood without those above.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use regex::Regex;

use crate::sources;

/// Every file and folder of `src`, lowest first.
const FLOORS: [(&str, &str); 32] = [
    ("model", "users, members, accounts, names: plain data"),
    ("environment", "what a run takes from the world around it"),
    ("exit", "exit codes"),
    ("files", "files that are read and written whole"),
    ("shell", "arguments as a shell reads them"),
    ("error_chain", "the text of an error and its causes"),
    ("phrases", "counts and lists in sentences"),
    ("subprocess", "commands of the administrator's: process groups, time, output"),
    ("plan", "a plan: actions, reasons, outcomes, its JSON"),
    ("metrics", "what Prometheus reads"),
    ("http", "requests to servers"),
    ("localpart", "the template that makes a localpart of a username"),
    ("planner", "facts in, plan out: the rule"),
    ("state", "what is remembered between runs"),
    ("config", "configuration file and variables"),
    ("lock", "one run at a time"),
    ("mas_api", "the Admin API of MAS"),
    ("readers", "facts from Keycloak, Synapse and MAS"),
    ("writers", "changes through mas-cli or the Admin API"),
    ("apply", "carrying out a plan"),
    ("standins", "servers that behave as recorded"),
    ("failure", "every error that ends a run, with its hint"),
    ("signals", "hooks, health, service manager, journal"),
    ("doctor", "checks of the whole setup"),
    ("output", "text for people"),
    ("cli", "the command line"),
    ("session", "what commands share: the way to a plan, and of a plan to its end"),
    ("watch", "staying in step"),
    ("commands", "one file a command"),
    ("app", "a run of the program"),
    ("lib", "the list of rooms"),
    ("main", "the entry"),
];

/// Returns the path of a file's module: `src/http/client.rs` is `http`, `client`.
fn module(file: &Path) -> Vec<String> {
    let path = file.strip_prefix("src").expect("below src").with_extension("");
    let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect()
}

/// Returns a file's tokens without its tests.
fn tokens(file: &Path) -> Vec<TokenTree> {
    let text = fs::read_to_string(file).expect("a source file");
    let stream: TokenStream = text.parse().expect("Rust");
    let (mut kept, mut tokens) = (Vec::new(), stream.into_iter().peekable());
    while let Some(token) = tokens.next() {
        let is_test = matches!(&token, TokenTree::Group(group)
            if group.delimiter() == Delimiter::Bracket && group.to_string().replace(' ', "") == "[cfg(test)]");
        if !is_test {
            kept.push(token);
            continue;
        }
        let ends = |token: &TokenTree| match token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(punct) => punct.as_char() == ';',
            _ => false,
        };
        while tokens.next().is_some_and(|token| !ends(&token)) {}
    }
    kept
}

/// Adds the rooms that `crate::…` and `super::super::…` lead to.
fn imports(tokens: &[TokenTree], module: &[String], found: &mut BTreeSet<String>) {
    let text = |token: &TokenTree| token.to_string();
    let is_path = |at: usize| {
        tokens.get(at..at + 2).is_some_and(|two| two.iter().all(|token| text(token) == ":"))
    };
    let mut at = 0;
    while at < tokens.len() {
        if let TokenTree::Group(group) = &tokens[at] {
            let inner: Vec<_> = group.stream().into_iter().collect();
            imports(&inner, module, found);
        }
        let mut depth = match text(&tokens[at]).as_str() {
            "crate" => Some(0),
            "super" => module.len().checked_sub(1),
            _ => None,
        };
        at += 1;
        while let Some(parent) = depth
            && is_path(at)
        {
            at += 2;
            match tokens.get(at) {
                Some(token) if text(token) == "super" => {
                    depth = parent.checked_sub(1);
                    at += 1;
                }
                Some(TokenTree::Group(group)) if parent == 0 => {
                    found.extend(first_words(group.stream()));
                    break;
                }
                Some(token) if parent == 0 => {
                    found.insert(text(token));
                    break;
                }
                _ => break,
            }
        }
    }
}

/// Returns the first word of each part of `{a::b, c}`.
fn first_words(stream: TokenStream) -> Vec<String> {
    let tokens: Vec<_> = stream.into_iter().collect();
    let parts = tokens.split(|token| token.to_string() == ",");
    parts.filter_map(|part| part.first().map(ToString::to_string)).collect()
}

/// Returns the imports of rooms that are not below, in this order of rooms.
fn imports_from_above(floors: &[&str]) -> Vec<String> {
    let floor = |room: &str| floors.iter().position(|name| *name == room);
    let mut wrong = Vec::new();
    for file in sources() {
        let module = module(&file);
        let room = floor(&module[0]).expect("every room has a floor");
        let mut found = BTreeSet::new();
        imports(&tokens(&file), &module, &mut found);
        found.remove(&module[0]);
        for import in found {
            if floor(&import).is_none_or(|floor| floor >= room) {
                wrong.push(format!("{} imports {import}", file.display()));
            }
        }
    }
    wrong
}

#[test]
fn every_room_has_its_floor_and_imports_only_rooms_below() {
    assert_eq!(imports_from_above(&FLOORS.map(|(name, _)| name)), Vec::<String>::new());
    let rooms: BTreeSet<_> = sources().iter().map(|file| module(file).remove(0)).collect();
    let listed: BTreeSet<_> = FLOORS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(rooms, listed, "rooms that are gone, or listed twice");
}

#[test]
fn picture_shows_every_room_above_or_right_of_those_it_imports() {
    let picture = include_str!("../../docs/pictures/floors.svg");
    let room = Regex::new(r#"class="room" x="(\d+)" y="(\d+)">(\w+)<"#).expect("an expression");
    let number = |text: &str| text.parse::<u32>().expect("a number");
    let found = room.captures_iter(picture).map(|found| found.extract().1);
    let mut rooms: Vec<_> =
        found.map(|[x, y, name]| (Reverse(number(y)), number(x), name)).collect();
    rooms.sort_unstable();
    let shown: Vec<_> = rooms.iter().map(|(_, _, name)| *name).collect();
    assert_eq!(imports_from_above(&shown), Vec::<String>::new());
    assert_eq!(BTreeSet::from_iter(shown), FLOORS.iter().map(|(name, _)| *name).collect());
}
