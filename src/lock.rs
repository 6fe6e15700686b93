//! Allows one run at a time for each realm and homeserver, by locking a file.
//!
//! The file also keeps the number of the last run that used the state file next to it. A state file
//! that counts fewer runs is older than that run.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::environment::Environment;
use crate::files::{name_part, open_own};
use crate::model::{Timestamp, printable};

/// Enough for the process ID, the time and the number of the run.
const LONGEST: u64 = 200;
/// The text before the number of the last run.
const RUN: &str = "run ";

/// The lock of a run, held until it is dropped.
#[derive(Debug)]
pub struct RunLock {
    file: File,
    path: PathBuf,
    last_run: Option<i64>,
}

/// Why a run may not start.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run is in progress.
    #[error("another run holds the lock {}: {holder}", path.display())]
    Held {
        path: PathBuf,
        /// The process of the other run, and since when it runs.
        holder: String,
    },
    /// The file cannot be used.
    #[error("cannot use the lock {}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl RunLock {
    /// Takes the lock, or returns who holds it. The file is next to the state file, if one is in
    /// use.
    pub fn take(
        config: &Config,
        state_file: Option<&Path>,
        env: &Environment,
    ) -> Result<Self, LockError> {
        let path = place(config, state_file, env)?;
        Self::lock(&path).map_err(|problem| match problem {
            LockProblem::Held(holder) => LockError::Held { path: path.clone(), holder },
            LockProblem::Io(source) => LockError::Io { path: path.clone(), source },
        })
    }

    fn lock(path: &Path) -> Result<Self, LockProblem> {
        // In a folder that everyone may write to, another user may have put a link.
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = open_own(&mut options, path)?;
        let taken = file.try_lock();
        let content = read(&mut file);
        match taken {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockProblem::Held(holder(&content))),
            Err(TryLockError::Error(source)) => return Err(source.into()),
        }
        let mut lock = Self { file, path: path.to_owned(), last_run: last_run(&content) };
        lock.sign()?;
        Ok(lock)
    }

    /// Returns the number of the last run, if one has left it.
    #[must_use]
    pub fn last_run(&self) -> Option<i64> {
        self.last_run
    }

    /// Records the number of this run.
    pub fn note_run(&mut self, number: i64) -> Result<(), LockError> {
        self.last_run = Some(number);
        self.sign().map_err(|source| LockError::Io { path: self.path.clone(), source })
    }

    fn sign(&mut self) -> io::Result<()> {
        let run = self.last_run.map(|number| format!("{RUN}{number}\n")).unwrap_or_default();
        let text = format!("process {} since {}\n{run}", std::process::id(), Timestamp::now());
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())
    }
}

/// Returns the number of the last run that used this state file, for a command that takes no lock.
#[must_use]
pub fn last_run_of(config: &Config, state_file: &Path) -> Option<i64> {
    let path = beside(state_file).join(name(config));
    last_run(&read(&mut open_own(OpenOptions::new().read(true), &path).ok()?))
}

enum LockProblem {
    Held(String),
    Io(io::Error),
}

impl From<io::Error> for LockProblem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Returns the content of the file, or an empty text.
fn read(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(LONGEST).read_to_string(&mut text) {
        Ok(_) => text,
        Err(_) => String::new(),
    }
}

fn holder(content: &str) -> String {
    match content.lines().next().map(str::trim) {
        Some(process) if !process.is_empty() => printable(process).into_owned(),
        _ => "a process that has not signed it yet".to_owned(),
    }
}

fn last_run(content: &str) -> Option<i64> {
    content.lines().find_map(|line| line.strip_prefix(RUN))?.trim().parse().ok()
}

fn name(config: &Config) -> String {
    let (realm, server_name) =
        (name_part(&config.keycloak.realm), name_part(config.server_name.as_str()));
    format!("matrix-keycloak-sync-{realm}-{server_name}.lock")
}

/// Returns the path next to the state file, else in the folder for files that live as long as a
/// session.
fn place(
    config: &Config,
    state_file: Option<&Path>,
    env: &Environment,
) -> Result<PathBuf, LockError> {
    // systemd gives a list if a unit has several.
    let given = |name: &str| env(name)?.split(':').find(|path| !path.is_empty()).map(PathBuf::from);
    let given = state_file
        .map(beside)
        .or_else(|| given("RUNTIME_DIRECTORY"))
        .or_else(|| given("XDG_RUNTIME_DIR"));
    let folder = given.map_or_else(own_folder_of_this_user, Ok)?;
    Ok(folder.join(name(config)))
}

fn own_folder_of_this_user() -> Result<PathBuf, LockError> {
    let user = rustix::process::geteuid().as_raw();
    let folder = std::env::temp_dir().join(format!("matrix-keycloak-sync-{user}"));
    match own_folder(&folder) {
        Ok(()) => Ok(folder),
        Err(source) => Err(LockError::Io { path: folder, source }),
    }
}

fn beside(state_file: &Path) -> PathBuf {
    match state_file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Creates a folder for this user alone, in one that everyone can write to. Refuses a folder of
/// another user.
fn own_folder(folder: &Path) -> io::Result<()> {
    folder_of(rustix::process::geteuid().as_raw(), folder)
}

fn folder_of(user: u32, folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let found = folder.symlink_metadata()?;
    let is_ours = found.is_dir() && found.uid() == user && found.mode() & 0o022 == 0;
    if is_ours {
        Ok(())
    } else {
        Err(io::Error::new(ErrorKind::PermissionDenied, "another user can write to it"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_number_of_a_run_is_kept_for_the_next() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lock");
        let lock = || RunLock::lock(&path).ok().expect("it is free");
        assert_eq!(lock().last_run(), None);
        lock().note_run(17).expect("written");
        assert_eq!(lock().last_run(), Some(17));
        assert_eq!(lock().last_run(), Some(17), "a run without a state file keeps it");
    }

    #[test]
    fn a_lock_that_is_held_names_the_process() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("lock");
        let mut first = RunLock::lock(&path).ok().expect("it is free");
        first.note_run(3).expect("written");
        let Err(LockProblem::Held(holder)) = RunLock::lock(&path) else {
            unreachable!("it is held")
        };
        assert!(
            holder.starts_with(&format!("process {} since ", std::process::id()))
                && !holder.contains("run")
        );
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = directory.path().join("locks");
        own_folder(&folder).expect("made");
        own_folder(&folder).expect("ours");
        for mode in [0o777, 0o770, 0o720, 0o702] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&folder, permissions).expect("ours");
            assert!(own_folder(&folder).is_err(), "{mode:o}");
        }
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path(), &link).expect("a link");
        assert!(own_folder(&link).is_err());
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = directory.path().join("locks");
        own_folder(&folder).expect("made");
        let other = rustix::process::geteuid().as_raw() + 1;
        assert!(folder_of(other, &folder).is_err());
    }
}
