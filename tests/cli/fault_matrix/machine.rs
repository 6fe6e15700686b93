//! What fails on the machine that the program runs on: the disk is full, the state file is
//! read-only, or another run has the lock.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::harness::{Program, Run};

/// The offset of a database's write version. A version unknown to `SQLite` makes the file
/// read-only.
const WRITE_VERSION: u64 = 18;
const WAL: u8 = 2;
const UNKNOWN: u8 = 3;

/// The files of one case, and the lock while it is held.
#[derive(Debug)]
pub(super) struct Machine {
    directory: PathBuf,
    lock: Mutex<Option<File>>,
    has_read_only_state: Mutex<bool>,
}

impl Machine {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            lock: Mutex::default(),
            has_read_only_state: Mutex::default(),
        }
    }

    pub(super) fn hold_lock(&self) {
        let file = File::options()
            .write(true)
            .open(self.directory.join("matrix-keycloak-sync-corp-example.org.lock"));
        let file = file.expect("the run of before has made it");
        file.try_lock().expect("it is free");
        *self.lock.lock().expect("no panic while it is held") = Some(file);
    }

    pub(super) fn forbid_writing(&self) {
        self.set_write_version(UNKNOWN);
        *self.has_read_only_state.lock().expect("no panic while it is held") = true;
    }

    pub(super) fn heal(&self) {
        drop(self.lock.lock().expect("no panic while it is held").take());
        if std::mem::take(&mut *self.has_read_only_state.lock().expect("no panic while it is held"))
        {
            self.set_write_version(WAL);
        }
    }

    fn set_write_version(&self, version: u8) {
        let mut file = File::options()
            .write(true)
            .open(self.directory.join("state.db"))
            .expect("a state file");
        file.seek(SeekFrom::Start(WRITE_VERSION))
            .and_then(|_| file.write_all(&[version]))
            .expect("a file of ours");
    }

    /// Returns what makes the disk full for the program that [`Machine::run`] has started.
    pub(super) fn filler(&self) -> impl Fn() + Clone + Send + Sync + use<> {
        let pid = self.pid_file();
        move || {
            let pid = fs::read_to_string(&pid).expect("it runs");
            let pid = pid.trim().parse().ok().and_then(Pid::from_raw).expect("a process");
            // It may have ended.
            let _ = prlimit(Some(pid), Resource::Fsize, Rlimit { current: Some(0), maximum: None });
        }
    }

    /// Runs the program so that a full disk is an error to it and no signal, as on a real one.
    pub(super) fn run(
        &self,
        program: Program,
        arguments: &str,
        is_full: bool,
        limit: Duration,
    ) -> Run {
        let (pid, seconds) = (self.pid_file(), limit.as_secs());
        let full = if is_full { "ulimit -f 0;" } else { "" };
        let inner =
            format!("echo $$ >{}; {full} exec matrix-keycloak-sync {arguments}", pid.display());
        program
            .shell(&format!("trap '' XFSZ; exec /usr/bin/timeout {seconds} /bin/sh -c '{inner}'"))
    }

    fn pid_file(&self) -> PathBuf {
        self.directory.join("pid")
    }
}
