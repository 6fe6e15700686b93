//! Detects changed files of secrets, because secrets are rotated while the program runs.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The files as they were just before they were read, so that a change in between shows. Links are
/// followed, because orchestrators use them to swap whole directories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretFiles(Vec<(PathBuf, Option<FileStamp>)>);

/// The identity, length and time of change of a file.
type FileStamp = (u64, u64, u64, i64, i64);

impl SecretFiles {
    /// Notes a file that is about to be read.
    pub(super) fn note(&mut self, path: &Path) {
        self.0.push((path.to_owned(), stamp(path)));
    }

    /// Returns the same files as they are now.
    #[must_use]
    pub fn again(&self) -> Self {
        Self(self.0.iter().map(|(path, _)| (path.clone(), stamp(path))).collect())
    }

    /// Returns whether any of them has changed.
    #[must_use]
    pub fn have_changed(&self) -> bool {
        *self != self.again()
    }
}

fn stamp(path: &Path) -> Option<FileStamp> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_replaced_or_gone_has_changed() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let secret = directory.path().join("secret");
        let other = directory.path().join("other");
        let write = |path: &PathBuf, text: &str| {
            std::fs::write(path, text).expect("a writable directory");
        };
        write(&secret, "one");
        let stamp = || {
            let mut files = SecretFiles::default();
            files.note(&secret);
            files
        };
        let before = stamp();
        assert!(!before.have_changed());
        write(&secret, "another");
        assert!(before.have_changed());
        let before = stamp();
        write(&other, "another");
        std::fs::rename(&other, &secret).expect("both are there");
        assert!(before.have_changed());
        let before = stamp();
        std::fs::remove_file(&secret).expect("it is there");
        assert!(before.have_changed());
    }
}
