//! Whether a file that holds a secret has changed: secrets are rotated while we run.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// What the files looked like when they were read. Links are followed, as orchestrators swap whole directories by them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretFiles(Vec<(PathBuf, Option<Look>)>);

/// Which file it is, how long, and since when it is as it is.
type Look = (u64, u64, u64, i64, i64);

impl SecretFiles {
    /// Looks at the files.
    #[must_use]
    pub fn of(paths: &[PathBuf]) -> Self {
        let look = |path: &PathBuf| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
        };
        Self(paths.iter().map(|path| (path.clone(), look(path))).collect())
    }

    /// The same files as they are now.
    #[must_use]
    pub fn again(&self) -> Self {
        let paths: Vec<_> = self.0.iter().map(|(path, _)| path.clone()).collect();
        Self::of(&paths)
    }

    /// Whether any of them is not what it was.
    #[must_use]
    pub fn have_changed(&self) -> bool {
        *self != self.again()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_replaced_or_gone_has_changed() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (secret, other) = (directory.path().join("secret"), directory.path().join("other"));
        let write = |path: &PathBuf, text: &str| std::fs::write(path, text).expect("a writable directory");
        write(&secret, "one");
        let look = || SecretFiles::of(std::slice::from_ref(&secret));
        let before = look();
        assert!(!before.have_changed());
        write(&secret, "another");
        assert!(before.have_changed());
        let before = look();
        write(&other, "another");
        std::fs::rename(&other, &secret).expect("both are there");
        assert!(before.have_changed());
        let before = look();
        std::fs::remove_file(&secret).expect("it is there");
        assert!(before.have_changed());
    }
}
