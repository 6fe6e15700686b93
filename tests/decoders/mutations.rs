//! Mutations of a document: of its structure, and of its bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use crate::corpus::Input;

/// Stands for a number that no JSON value can represent.
const HUGE: &str = "A HUGE NUMBER";
/// Marks the second name of a duplicate field.
const AGAIN: &str = "AGAIN ";

/// One change of the structure, at a node of the document.
#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Remove,
    Duplicate,
    Nest(usize),
    FlipType,
    Swap(Index),
}

/// One change of the bytes.
#[derive(Debug, Clone)]
enum Damage {
    Cut(Index),
    Insert(Index, Vec<u8>),
    Flip(Index, u8),
    Drop(Index, usize),
    Repeat(Index, usize),
}

/// Documents like `originals`, well-formed or not, and sometimes an unrelated one.
pub(crate) fn documents(originals: Vec<Value>) -> impl Strategy<Value = Input> {
    let changed = (select(originals), vec((any::<Index>(), changes()), 0..4), vec(damages(), 0..2))
        .prop_map(|(mut document, changes, damages)| {
            for (at, change) in changes {
                document = changed(document, at, change);
            }
            Input(damaged(written(&document).into_bytes(), damages))
        });
    prop_oneof![1 => anything(), 1 => scraps().prop_map(|text| Input(text.into_bytes())), 8 => changed]
}

/// Texts like `originals`, changed by line and by byte.
pub(crate) fn texts(originals: Vec<String>) -> impl Strategy<Value = Input> {
    let lines = vec((any::<Index>(), any::<Index>(), 0..4_u8), 0..6);
    let changed =
        (select(originals), lines, vec(damages(), 0..3)).prop_map(|(text, changes, damages)| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            for (at, other, kind) in changes {
                if lines.is_empty() {
                    break;
                }
                let (at, other) = (at.index(lines.len()), other.index(lines.len()));
                match kind {
                    0 => drop(lines.remove(at)),
                    1 => lines.insert(other, lines[at].clone()),
                    // An alternative in a comment becomes active.
                    2 => lines[at] = lines[at].replacen("# ", "", 1),
                    _ => {
                        let value =
                            lines[other].split_once(['=', ':']).map(|(_, value)| value.to_owned());
                        let name =
                            lines[at].split(['=', ':']).next().unwrap_or_default().to_owned();
                        lines[at] = format!("{name}={}", value.unwrap_or_default());
                    }
                }
            }
            Input(damaged(lines.join("\n").into_bytes(), damages))
        });
    prop_oneof![1 => anything(), 1 => scraps().prop_map(|text| Input(text.into_bytes())), 8 => changed]
}

/// Bytes like `originals`, changed by byte.
pub(crate) fn bytes(originals: Vec<Vec<u8>>) -> impl Strategy<Value = Input> {
    let changed = (select(originals), vec(damages(), 0..6))
        .prop_map(|(bytes, damages)| Input(damaged(bytes, damages)));
    prop_oneof![1 => anything(), 4 => changed]
}

/// Text of all kinds of characters.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        vec(any::<char>(), 0..40).prop_map(String::from_iter),
        select(odd_texts())
    ]
}

fn anything() -> impl Strategy<Value = Input> {
    vec(any::<u8>(), 0..200).prop_map(Input)
}

/// The tokens of JSON, TOML and YAML in random order.
fn scraps() -> impl Strategy<Value = String> {
    let words = "{ } [ ] , : \" ' = # - & * ! | > null true 1 -0 1e999 0x1 2026-01-01 \\u0000 \\ud800 a b. \n [[ ]] \"id\": {{ }} {% %}";
    let words: Vec<_> = words.split(' ').map(str::to_owned).collect();
    vec(select(words), 0..60).prop_map(|words| words.concat())
}

fn odd_texts() -> Vec<String> {
    let texts = [
        "",
        " ",
        "\0",
        "\u{1b}[2J",
        "\u{feff}",
        "\u{202e}abc",
        "../..",
        "@a:b",
        "@:b",
        "a:b",
        "f::",
        "f:x:y",
        "%2f",
        "İ",
        "ß",
        "-1",
        "null",
    ];
    texts
        .into_iter()
        .map(str::to_owned)
        .chain(["ä".repeat(3000), "/".repeat(300), "9".repeat(400)])
        .collect()
}

fn odd_values() -> Vec<Value> {
    let values = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(0.5),
        json!(1e308),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(HUGE),
        json!([]),
        json!({}),
        json!([[]]),
        json!({"": null}),
    ];
    values.into_iter().chain(odd_texts().into_iter().map(Value::from)).collect()
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => select(odd_values()).prop_map(Change::Replace),
        2 => Just(Change::Remove),
        2 => Just(Change::Duplicate),
        1 => select(vec![1, 2, 100, 126, 130, 400]).prop_map(Change::Nest),
        2 => Just(Change::FlipType),
        1 => any::<Index>().prop_map(Change::Swap),
    ]
}

fn damages() -> impl Strategy<Value = Damage> {
    let scraps = [
        &b"\xff"[..],
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"\0",
        b"\xef\xbb\xbf",
        b",",
        b"\"",
        b"}",
        b"]",
        b"\\ud800",
        b"\n",
    ];
    let scraps = scraps.into_iter().map(<[u8]>::to_vec).chain([
        b"[".repeat(400),
        b"{\"a\":".repeat(400),
        b"[".repeat(20_000),
        b"a.".repeat(4000),
    ]);
    prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), select(scraps.collect::<Vec<_>>()))
            .prop_map(|(at, what)| Damage::Insert(at, what)),
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (any::<Index>(), 1..20_usize).prop_map(|(at, length)| Damage::Drop(at, length)),
        (any::<Index>(), 1..60_usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ]
}

/// Every node of a document, by its path.
fn nodes(document: &Value) -> Vec<String> {
    fn walk(value: &Value, way: &str, found: &mut Vec<String>) {
        found.push(way.to_owned());
        let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
        match value {
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(place, item)| walk(item, &format!("{way}/{place}"), found));
            }
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| {
                    walk(field, &format!("{way}/{}", escaped(name)), found);
                });
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(document, "", &mut found);
    found
}

fn changed(mut document: Value, at: Index, change: Change) -> Value {
    let nodes = nodes(&document);
    let way = &nodes[at.index(nodes.len())];
    let other = match &change {
        Change::Swap(other) => document.pointer(&nodes[other.index(nodes.len())]).cloned(),
        _ => None,
    };
    let parent_and_name = way
        .rsplit_once('/')
        .map(|(parent, name)| (parent, name.replace("~1", "/").replace("~0", "~")));
    match change {
        Change::Remove | Change::Duplicate => {
            let Some((parent, name)) = parent_and_name else { return document };
            let removes = matches!(change, Change::Remove);
            match document.pointer_mut(parent) {
                Some(Value::Array(items)) => {
                    let place: usize = name.parse().expect("a place in an array");
                    let item = items.remove(place);
                    if !removes {
                        items.splice(place..place, [item.clone(), item]);
                    }
                }
                Some(Value::Object(fields)) if removes => drop(fields.remove(&name)),
                Some(Value::Object(fields)) => {
                    let field = fields.get(&name).cloned().unwrap_or_default();
                    fields.insert(format!("{AGAIN}{name}"), field);
                }
                _ => {}
            }
        }
        _ => {
            let Some(node) = document.pointer_mut(way) else { return document };
            let old = node.take();
            *node = match change {
                Change::Replace(value) => value,
                Change::Nest(depth) => nested(old, depth),
                Change::Swap(_) => other.unwrap_or_default(),
                _ => flipped(old),
            };
        }
    }
    document
}

fn nested(value: Value, depth: usize) -> Value {
    (0..depth).fold(value, |inner, _| Value::Array(vec![inner]))
}

fn flipped(value: Value) -> Value {
    match value {
        Value::Null => json!(false),
        Value::Bool(value) => json!(value.to_string()),
        Value::Number(number) => json!(number.to_string()),
        Value::String(text) => text.parse::<u64>().map_or_else(|_| json!([text]), Value::from),
        Value::Array(items) => Value::Object(
            items.into_iter().enumerate().map(|(n, item)| (n.to_string(), item)).collect(),
        ),
        Value::Object(fields) => {
            Value::Array(fields.into_iter().map(|(_, field)| field).collect::<Vec<_>>())
        }
    }
}

/// Serialises the document, with what no value can represent. Without limits of recursion it could
/// not be read back anyway.
fn written(document: &Value) -> String {
    let text = serde_json::to_string(document).unwrap_or_default();
    text.replace(&format!("\"{HUGE}\""), "1e999").replace(&format!("\"{AGAIN}"), "\"")
}

fn damaged(mut bytes: Vec<u8>, damages: Vec<Damage>) -> Vec<u8> {
    for damage in damages {
        let place = |at: Index| at.index(bytes.len() + 1);
        let piece = |at: usize, length: usize| at..(at + length).min(bytes.len());
        match damage {
            Damage::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Damage::Insert(at, what) => {
                let at = place(at);
                bytes.splice(at..at, what);
            }
            Damage::Flip(at, bit) => {
                let at = place(at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            Damage::Drop(at, length) => drop(bytes.drain(piece(place(at), length))),
            Damage::Repeat(at, length) => {
                let at = place(at);
                let again = bytes[piece(at, length)].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
    bytes
}

/// The fields of an object, or nothing for other values.
pub(crate) fn fields(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
