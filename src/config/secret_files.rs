//! Detects changed files of secrets, because secrets are rotated while the program runs.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::exposure::others_who_read;

/// The files as they were just before they were read, so that a change in between shows. Links are
/// followed, because orchestrators use them to swap whole directories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretFiles(Vec<NotedFile>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct NotedFile {
    /// The key with its path.
    key: String,
    path: PathBuf,
    stamp: Option<FileStamp>,
}

/// A file with a secret that others can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposedFile {
    pub key: String,
    pub path: PathBuf,
    /// Who can read it.
    pub readers: String,
}

/// The identity, length and time of change of a file.
type FileStamp = (u64, u64, u64, i64, i64);

impl SecretFiles {
    /// Notes a file that is about to be read.
    pub(super) fn note(&mut self, key: &str, path: &Path) {
        let (key, stamp) = (key.to_owned(), stamp(path));
        self.0.push(NotedFile { key, path: path.to_owned(), stamp });
    }

    /// Returns the same files as they are now.
    #[must_use]
    pub fn again(&self) -> Self {
        let again = |file: &NotedFile| NotedFile { stamp: stamp(&file.path), ..file.clone() };
        Self(self.0.iter().map(again).collect())
    }

    /// Returns whether any of them has changed.
    #[must_use]
    pub fn have_changed(&self) -> bool {
        *self != self.again()
    }

    /// Returns the files that others can read and that are more than certificates.
    #[must_use]
    pub fn exposed(&self) -> Vec<ExposedFile> {
        let is_certificate =
            |key: &str| ["ca_file", "client_cert_file"].iter().any(|end| key.ends_with(end));
        let exposed = |file: &NotedFile| {
            let readers = others_who_read(&file.path)?;
            Some(ExposedFile { key: file.key.clone(), path: file.path.clone(), readers })
        };
        self.0.iter().filter(|file| !is_certificate(&file.key)).filter_map(exposed).collect()
    }
}

fn stamp(path: &Path) -> Option<FileStamp> {
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

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
            files.note("synapse.admin_token_file", &secret);
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

    #[test]
    fn certificates_are_for_everyone_and_secrets_are_not() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let everyone = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours");
        };
        let path = folder.path().join("file");
        std::fs::write(&path, "one").expect("a writable directory");
        let mut files = SecretFiles::default();
        files.note("keycloak.ca_file", &path);
        files.note("writer.mas_api.client_key_file", &path);
        everyone(&path, 0o644);
        everyone(folder.path(), 0o700);
        assert_eq!(files.exposed(), [], "no one else can enter the folder");
        everyone(folder.path(), 0o755);
        let keys: Vec<_> = files.exposed().into_iter().map(|file| file.key).collect();
        assert_eq!(keys, ["writer.mas_api.client_key_file"]);
        everyone(&path, 0o600);
        assert_eq!(files.exposed(), []);
    }
}
