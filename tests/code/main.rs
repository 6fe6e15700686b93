//! What holds the code together: the floors of its rooms, the sizes of its parts, its doc comments, its English.

mod doc_comments;
mod floors;
mod sizes;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the files below a folder, without the folders that are to be skipped.
fn files(folder: &Path, is_skipped: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, mut found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    found.extend(folders.iter().filter(|folder| !is_skipped(folder)).flat_map(|folder| files(folder, is_skipped)));
    found
}

/// Returns the source files of the program, without those of tests.
fn sources() -> Vec<PathBuf> {
    let is_test = |path: &Path| path.file_stem().is_some_and(|name| name == "tests");
    let all = files(Path::new("src"), &is_test);
    all.into_iter().filter(|path| !is_test(path)).collect()
}
