//! Files that are there whole or not at all, so that nobody reads half of one.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The bytes that a name of a file has as they are.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-');

/// Returns a text as a part of a file's name: every byte outside `A-Za-z0-9._-` becomes `%xx`.
#[must_use]
pub fn name_part(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// Writes a file at once. A link is not followed, and a pipe or a device not waited for: that is an error.
pub fn write(path: &Path, text: &str, mode: Mode) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(there) if there.is_symlink() => Err(io::Error::other("there is a link, and links are not followed")),
        Ok(there) if !there.is_file() => Err(io::Error::other("there is something else than a file")),
        Ok(there) => replace(path, text, mode.of(Some(there.permissions()))),
        Err(_) => replace(path, text, mode.of(None)),
    }
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only who wrote it.
    Private,
    /// Everybody, unless the file is there and says otherwise.
    Shared,
}

impl Mode {
    fn of(self, there: Option<Permissions>) -> Permissions {
        match self {
            Self::Private => Permissions::from_mode(0o600),
            Self::Shared => there.unwrap_or_else(|| Permissions::from_mode(0o644)),
        }
    }
}

fn replace(path: &Path, text: &str, permissions: Permissions) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(permissions)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}
