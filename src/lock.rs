//! One run at a time for each realm and homeserver: a file that is locked while a run goes on.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::app::Environment;
use crate::config::Config;
use crate::model::{Moment, printable};

/// What stands in the name of a file as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-');
/// No process writes more than its number and the time.
const LONGEST: u64 = 200;

/// The lock of a run, held until it is dropped.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

/// Why a run may not begin.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run goes on.
    #[error("another run holds the lock {}: {holder}", path.display())]
    Held {
        /// The file.
        path: PathBuf,
        /// The other's process, and since when.
        holder: String,
    },
    /// The file cannot be used.
    #[error("cannot use the lock {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl RunLock {
    /// Takes the lock, or says who holds it.
    pub fn take(config: &Config, env: &Environment) -> Result<Self, LockError> {
        let path = directory(config, env).join(name(config));
        let failed = |source| LockError::Io { path: path.clone(), source };
        // A link of somebody else in a directory that everybody may write to is not followed.
        let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(no_follow)
            .open(&path);
        let mut file = opened.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held { holder: holder(&file), path }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let signed = || {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "process {} since {}", std::process::id(), Moment::now())
        };
        let mut signed = signed;
        signed().map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn holder(file: &File) -> String {
    let mut text = String::new();
    match file.take(LONGEST).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => printable(text.trim()).into_owned(),
        _ => "a process that has not signed it yet".to_owned(),
    }
}

fn name(config: &Config) -> String {
    let part = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    format!("matrix-keycloak-sync-{}-{}.lock", part(&config.keycloak.realm), part(config.server_name.as_str()))
}

/// Beside the state file, else where the system keeps what is only good while it runs.
fn directory(config: &Config, env: &Environment) -> PathBuf {
    let or_here = |parent: &Path| if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() };
    let beside = config.state_file.as_deref().and_then(Path::parent).map(or_here);
    // systemd gives a list where a unit has several.
    let given = |name: &str| env(name)?.split(':').find(|path| !path.is_empty()).map(PathBuf::from);
    beside
        .or_else(|| given("RUNTIME_DIRECTORY"))
        .or_else(|| given("XDG_RUNTIME_DIR"))
        .unwrap_or_else(std::env::temp_dir)
}
