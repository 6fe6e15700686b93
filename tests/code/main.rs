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
    let is_test = |path: &Path| path.file_stem().is_some_and(|name| name == "tests");
    let mut sources = files(Path::new("src"), &is_test);
    // Pages have templates of HTML, with a style and a script.
    sources.retain(|path| path.extension().is_some_and(|ending| ending == "rs"));
    sources
}
