//! Writes files at once, so that no one reads half of one, and reads files of others, which may be
//! pipes or endless.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::fs::{OFlags, fcntl_setfl};

/// The longest file of settings, secrets or certificates, in bytes.
pub const SETTINGS: u64 = 4 << 20;

/// The bytes that stay as they are in a file name.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-');

/// Returns a text as part of a file name: every byte outside `A-Za-z0-9._-` becomes `%xx`.
#[must_use]
pub fn name_part(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// Reads a file of at most `most` bytes. A pipe that no process writes to is empty.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(OpenOptions::new().read(true), path, OFlags::NONBLOCK)?;
    // Only opening a pipe must not block: what a shell pipes in is read to its end.
    fcntl_setfl(&file, OFlags::empty())?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) {
        Ok(bytes)
    } else {
        Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is longer than {most} bytes")))
    }
}

/// Reads a text file of at most `most` bytes.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Opens a file of this program. A link is not followed, and a pipe or a device is an error.
pub fn open_own(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = open(options, path, OFlags::NOFOLLOW | OFlags::NONBLOCK)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_a_file()) }
}

fn open(options: &mut OpenOptions, path: &Path, flags: OFlags) -> io::Result<File> {
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default()).open(path)
}

fn not_a_file() -> io::Error {
    io::Error::other("it is not a regular file")
}

/// Writes a file at once. A link, a pipe or a device is an error.
pub fn write(path: &Path, text: &str, mode: Mode) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(there) if there.is_symlink() => {
            Err(io::Error::other("it is a link, and links are not followed"))
        }
        Ok(there) if !there.is_file() => Err(not_a_file()),
        Ok(there) => replace(path, text, mode.permissions(Some(there.permissions()))),
        Err(_) => replace(path, text, mode.permissions(None)),
    }
}

/// Writes a private file that does not exist yet. A link in its place is not followed.
pub fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder(path))?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(Mode::Private.permissions(None))?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map(drop).map_err(|error| error.error)
}

/// Returns the folder that a file is in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only its owner.
    Private,
    /// Everyone, unless the file exists with another mode.
    Shared,
}

impl Mode {
    fn permissions(self, there: Option<Permissions>) -> Permissions {
        match self {
            Self::Private => Permissions::from_mode(0o600),
            Self::Shared => there.unwrap_or_else(|| Permissions::from_mode(0o644)),
        }
    }
}

fn replace(path: &Path, text: &str, permissions: Permissions) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder(path))?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(permissions)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_file_is_private_and_never_replaces_another_or_follows_a_link() {
        let directory = tempfile::tempdir().expect("a directory");
        let (new, link) = (directory.path().join("new"), directory.path().join("link"));
        write_new(&new, "one").expect("there is none yet");
        let mode = new.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        write_new(&new, "two").expect_err("it exists");
        std::os::unix::fs::symlink(directory.path().join("target"), &link).expect("a link");
        write_new(&link, "two").expect_err("it is a link");
        assert_eq!(read_text(&new, SETTINGS).expect("it is there"), "one");
        assert!(!directory.path().join("target").exists());
    }
}
