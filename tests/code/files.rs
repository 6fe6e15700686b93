//! The files below a folder, for tests of the sources and of the book.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the files below a folder, without the files and folders that are to be skipped.
pub(crate) fn files(folder: &Path, is_skipped: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, mut found): (Vec<_>, Vec<_>) =
        entries.filter(|path| !is_skipped(path)).partition(|path| path.is_dir());
    found.extend(folders.iter().flat_map(|folder| files(folder, is_skipped)));
    found
}
