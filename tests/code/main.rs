//! What holds the code together: the floors of its rooms, the sizes of its parts, its doc comments,
//! its English.

mod doc_comments;
mod files;
mod floors;
mod sizes;
mod words;

use std::path::{Path, PathBuf};

use files::files;

/// Returns the source files of the program, without those of tests.
fn sources() -> Vec<PathBuf> {
    files(Path::new("src"), &|path| path.file_stem().is_some_and(|name| name == "tests"))
}
