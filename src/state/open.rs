//! Opens the file: creates it for its owner alone, checks it before anything is written, and reads
//! it without a trace.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, TransactionBehavior, ffi};

use super::error::StateProblem;
use super::schema::{self, APPLICATION_ID};

/// How long to wait while another process writes. A transaction of ours takes milliseconds.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);
/// How often a file is read without locks before it counts as damaged or foreign.
const UNLOCKED_READS: usize = 10;
/// The first bytes of every file of `SQLite`, and the place of the number of its application.
const MAGIC: &[u8] = b"SQLite format 3\0";
const APPLICATION_ID_AT: usize = 68;
const HEADER: u64 = 100;

/// Which missing folders are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parents {
    /// The last one only: a longer path is a slip, or a volume that is not mounted.
    MustExist,
    /// All of them.
    AreMade,
}

/// Creates the folder of a state file, for this user alone, if it is missing.
pub fn make_folder(path: &Path, parents: Parents) -> io::Result<()> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    match DirBuilder::new().mode(0o700).recursive(parents == Parents::AreMade).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Opens the file to write, and creates it if it is missing.
pub(super) fn for_writing(path: &Path) -> Result<Connection, StateProblem> {
    create(path)?;
    while_busy(|| open_for_writing(path))
}

/// Opens the file to read. Returns `None` if there is none, or an empty one.
pub(super) fn for_reading(path: &Path) -> Result<Option<Connection>, StateProblem> {
    while_busy(|| open_for_reading(path))
}

/// Tries again while another process uses the file. `SQLite` itself does not wait if both switch to
/// the write-ahead log at the same time.
fn while_busy<T>(attempt: impl Fn() -> Result<T, StateProblem>) -> Result<T, StateProblem> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match attempt() {
            Err(StateProblem::Busy(_)) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            ended => return ended,
        }
    }
}

fn open_for_writing(path: &Path) -> Result<Connection, StateProblem> {
    identify_unopened(path)?;
    let mut connection = connect(path)?;
    if connection.is_readonly(MAIN_DB)? {
        return Err(StateProblem::ReadOnly);
    }
    // A file that is damaged or not ours must stay as it is, even when it is closed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    identify(&connection)?;
    check(&connection)?;
    close_to_others(path);
    schema::bring_up_to_date(&mut connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(connection)
}

fn open_for_reading(path: &Path) -> Result<Option<Connection>, StateProblem> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
        Ok(_) => {}
    }
    identify_unopened(path)?;
    // A log with content must not be merged into a file that turns out to be damaged. Without one,
    // closing changes nothing, and removes the empty log that this connection creates.
    let has_content = has_log(path);
    let mut connection = connect(path)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_content)?;
    let identity = match identify(&connection) {
        // The write-ahead log needs a second file, which cannot be created here. Without a log,
        // everything is in this file.
        Err(StateProblem::Sqlite(error)) if is_refused(&error) && !has_log(path) => {
            connection = connect_frozen(path)?;
            identify(&connection)?
        }
        identified => identified?,
    };
    if identity == FileKind::Ours {
        check(&connection)?;
    }
    // Otherwise the empty log would stay.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    if identity == FileKind::Empty {
        return Ok(None);
    }
    if schema::is_up_to_date(&connection)? {
        connection.pragma_update(None, "query_only", true)?;
        return Ok(Some(connection));
    }
    let mut copy = Connection::open_in_memory()?;
    copy_all(&connection, &mut copy)?;
    schema::bring_up_to_date(&mut copy)?;
    Ok(Some(copy))
}

/// Takes the permissions of others away: version 0.1 left them to the umask, and a backup may bring
/// them back. Only the owner of the file can; for anyone else it stays as its owner wants it.
fn close_to_others(path: &Path) {
    let _ = std::fs::set_permissions(path, Permissions::from_mode(0o600));
}

/// Creates the file for this user alone; an existing file stays as it is.
fn create(path: &Path) -> Result<(), StateProblem> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        created => Ok(created.map(drop)?),
    }
}

fn connect(path: &Path) -> Result<Connection, StateProblem> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A transaction that first reads and then writes would fail at once if another process writes
    // in between.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    Ok(connection)
}

/// Opens the file as if it could not change: without locks, and without a second file.
fn connect_frozen(path: &Path) -> Result<Connection, StateProblem> {
    let uri = format!(
        "file:{}?immutable=1",
        percent_encode(path.as_os_str().as_bytes(), NON_ALPHANUMERIC)
    );
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(uri, flags)?)
}

fn is_refused(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).metadata().is_ok_and(|log| log.len() > 0)
}

/// The kind of a file that may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Ours,
    /// It has no tables yet.
    Empty,
}

/// Refuses a file of another program before `SQLite` opens it, which might merge the other's log.
/// It reads without locks, so what it sees while another process migrates the file may be wrong:
/// only the last answer counts.
fn identify_unopened(path: &Path) -> Result<(), StateProblem> {
    for _ in 1..UNLOCKED_READS {
        match identify_without_locks(path) {
            Err(StateProblem::Foreign | StateProblem::Damaged(_)) => std::thread::sleep(PAUSE),
            identified => return identified,
        }
    }
    identify_without_locks(path)
}

fn identify_without_locks(path: &Path) -> Result<(), StateProblem> {
    let metadata = path.symlink_metadata()?;
    if metadata.is_symlink() {
        return Err(StateProblem::Link);
    }
    if !metadata.is_file() {
        return Err(StateProblem::Foreign);
    }
    let mut header = Vec::new();
    File::open(path)?.take(HEADER).read_to_end(&mut header)?;
    if header.is_empty() {
        return Ok(());
    }
    if !header.starts_with(MAGIC) {
        return Err(StateProblem::Foreign);
    }
    let id = header.get(APPLICATION_ID_AT..APPLICATION_ID_AT + 4).and_then(|id| id.try_into().ok());
    match id.map(i32::from_be_bytes) {
        Some(APPLICATION_ID) => Ok(()),
        // Version 0.1 gave its files no number; so do most programs.
        Some(0) => identify(&connect_frozen(path)?).map(drop),
        Some(_) => Err(StateProblem::Foreign),
        None => Err(StateProblem::Damaged("the file ends in its header".into())),
    }
}

fn identify(connection: &Connection) -> Result<FileKind, StateProblem> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let mut statement =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    let tables = names.collect::<Result<Vec<_>, _>>()?;
    let is_first_version =
        || schema::FIRST_TABLES.iter().all(|table| tables.iter().any(|name| name == table));
    match id {
        APPLICATION_ID => Ok(FileKind::Ours),
        0 if tables.is_empty() => Ok(FileKind::Empty),
        0 if is_first_version() => Ok(FileKind::Ours),
        _ => Err(StateProblem::Foreign),
    }
}

fn check(connection: &Connection) -> Result<(), StateProblem> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StateProblem::Damaged(found.into())) }
}

fn copy_all(from: &Connection, to: &mut Connection) -> Result<(), StateProblem> {
    let backup = Backup::new(from, to)?;
    let deadline = Instant::now() + BUSY_TIMEOUT;
    while backup.step(-1)? != StepResult::Done {
        if Instant::now() > deadline {
            return Err(
                rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None).into()
            );
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
