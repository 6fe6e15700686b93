//! Checks a law: first with the corpus, then with inputs from proptest.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use matrix_keycloak_sync::error_chain::in_one_line;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, TestError, TestRunner};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Cases for each decoder by default.
const CASES: u32 = 64;
/// Inputs that are kept stay small enough to read.
const LONGEST_KEPT: usize = 2000;
/// Kept in a decoder's corpus without a request.
const MOST_KEPT: usize = 16;

/// The input of a decoder.
#[derive(Clone)]
pub(crate) struct Input(pub(crate) Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// The outcome for an input, so that inputs of one kind are kept once: an error without its
/// details, or a value.
pub(crate) fn outcome<T, E: Error>(result: &Result<T, E>) -> String {
    let Err(error) = result else { return "a value".to_owned() };
    let line = in_one_line(error);
    let plain = |(place, part): (usize, &str)| {
        (place % 2 == 0).then(|| part.replace(|c: char| c.is_ascii_digit(), ""))
    };
    line.split(['"', '`']).enumerate().filter_map(plain).collect()
}

/// Tries `check` with every file of the corpus and then with `inputs`. It panics if the law is
/// broken, and otherwise returns the outcome. `module` is `file!()`.
pub(crate) fn law(
    decoder: &str,
    module: &'static str,
    inputs: impl Strategy<Value = Input>,
    check: impl Fn(&[u8]) -> String,
) {
    law_at_a_cost(1, decoder, module, inputs, check);
}

/// The same for cases that take about `cost` times as long as an answer over loopback.
pub(crate) fn law_at_a_cost(
    cost: u32,
    decoder: &str,
    module: &'static str,
    inputs: impl Strategy<Value = Input>,
    check: impl Fn(&[u8]) -> String,
) {
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decoders/corpus").join(decoder);
    let files = files_of(&directory);
    assert!(!files.is_empty() || keeps(), "there is no corpus for {decoder}");
    let mut seen: BTreeSet<String> =
        files.iter().map(|file| check(&std::fs::read(file).expect("a file"))).collect();

    let cases = std::env::var("DECODER_CASES")
        .ok()
        .map_or(CASES, |cases| cases.parse().expect("a number of cases"));
    let config = Config {
        cases: (cases / cost).max(1),
        source_file: Some(module),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        // A broken connection is slow to shrink, and a smaller input is helpful but not needed.
        max_shrink_iters: 100,
        ..Config::default()
    };
    let seen = std::cell::RefCell::new(&mut seen);
    let tried = TestRunner::new(config).run(&inputs, |Input(bytes)| {
        let outcome = check(&bytes);
        let is_new = seen.borrow_mut().insert(outcome);
        if is_new
            && keeps()
            && bytes.len() <= LONGEST_KEPT
            && files_of(&directory).len() < MOST_KEPT
        {
            keep(&directory, &bytes);
        }
        Ok(())
    });
    let broken = tried.err().map(|error| match error {
        TestError::Fail(why, input) => format!("{why}\nthe input: {input:?}"),
        TestError::Abort(why) => why.to_string(),
    });
    assert!(broken.is_none(), "{decoder}: {}", broken.unwrap_or_default());
}

/// The answer as served, to compare with. Parts that a decoder skips may be JSON that a value
/// cannot represent (a lone surrogate, a number that is too big), and serde accepts an array for a
/// struct. Then there is nothing to compare with.
pub(crate) fn understood<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// Checks that a text is the one that was served in this field.
#[track_caller]
pub(crate) fn assert_served(read: &str, body: &[u8], field: &str) {
    if let Some(answer) = understood::<Map<String, Value>>(body) {
        assert_eq!(answer.get(field).and_then(Value::as_str), Some(read), "{field}");
    }
}

/// Every text in a document, at any depth.
pub(crate) fn texts_in(document: &Value) -> Vec<&str> {
    match document {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts_in).collect(),
        Value::Object(fields) => fields.values().flat_map(texts_in).collect(),
        _ => Vec::new(),
    }
}

fn files_of(directory: &Path) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<_> =
        files.map(|file| file.expect("a directory that can be read").path()).collect();
    files.sort();
    files
}

fn keeps() -> bool {
    std::env::var_os("DECODER_KEEP").is_some()
}

fn keep(directory: &Path, bytes: &[u8]) {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    std::fs::create_dir_all(directory).expect("a directory");
    std::fs::write(directory.join(format!("found-{:016x}", hasher.finish())), bytes)
        .expect("a file");
}
