//! Pages that are generated from the code.

use std::path::Path;

/// Compares a page with what the code says, or writes it.
pub(crate) fn check(page: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).expect("a writable page");
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = text.lines().zip(there.lines()).find(|(code, page)| code != page);
    assert!(
        text == there,
        "docs/{page} is not what the code says; UPDATE_DOCS=1 cargo test --test book updates it; first: {differing:#?}"
    );
}
