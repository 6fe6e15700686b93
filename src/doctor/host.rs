//! Checks this machine: the place of the state file, its free space, and the address of the listener.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::HumanBytes;
use rustix::fs::{Access, access, statvfs};
use tokio::net::TcpListener;

use super::check::Section;
use crate::config::{Config, StateFile};
use crate::error_chain::in_one_line;
use crate::model::ServerName;
use crate::shell::path_word;
use crate::signals::{Status, ask_listener};
use crate::state::StateError;

/// Less free space is a warning: the state file of a large homeserver is smaller.
const LITTLE: u64 = 100 << 20;
/// Less is a problem: a run records every change before it makes it.
const TOO_LITTLE: u64 = 10 << 20;

/// The time between two tries of an address.
const MOMENT: Duration = Duration::from_millis(100);

pub(super) async fn check(section: &mut Section, config: &Config, problem: Option<&StateError>) {
    state_file(section, config, problem);
    listener(section, config).await;
}

fn state_file(section: &mut Section, config: &Config, problem: Option<&StateError>) {
    const NAME: &str = "state_file";
    let (path, is_made) = match &config.state_file {
        StateFile::Off => {
            section.skip(&[NAME, "disk"], "state_file = \"off\"");
            return;
        }
        StateFile::Default(None) => {
            let found =
                "there is no place for it: STATE_DIRECTORY, XDG_STATE_HOME and HOME are not set";
            unusable(
                section,
                config,
                found,
                "Set `state_file` to a path that this user can write.",
            );
            section.skip(&["disk"], "there is no place for the state file");
            return;
        }
        StateFile::Default(Some(path)) => (path, Folder::IsMade),
        StateFile::At(path) => (path, Folder::MustExist),
    };
    match place(path, is_made) {
        _ if let Some(error) = problem => section.failed(NAME, error),
        Place::Usable(found) => section.ok(NAME, found),
        Place::Exposed(found, fix) => section.warn(NAME, found, fix),
        Place::Unusable(found, fix) => unusable(section, config, &found, &fix),
    }
    disk(section, path);
}

/// Reports that there is no memory. It is a problem if a run would end because of that.
fn unusable(section: &mut Section, config: &Config, found: &str, fix: &str) {
    let is_default = matches!(config.state_file, StateFile::Default(_));
    match config.needs_state() {
        None if is_default => {
            section.warn("state_file", format!("{found}; nothing is remembered"), fix);
        }
        Some(what) if is_default => {
            section.problem("state_file", format!("{found}, and {what} needs it"), fix);
        }
        _ => section.problem("state_file", found, fix),
    }
}

/// Whether the program creates the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folder {
    IsMade,
    MustExist,
}

/// What the place of the state file is like, and the fix.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Usable(String),
    /// Others can read it.
    Exposed(String, String),
    Unusable(String, String),
}

fn place(path: &Path, folder: Folder) -> Place {
    let shown = path.display();
    let own = "Use a path that belongs to the user who runs this program.".to_owned();
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return missing(path, folder),
        Err(error) => return Place::Unusable(format!("{shown}: {error}"), own),
    };
    let kind = metadata.file_type();
    if !kind.is_file() {
        let sort = match () {
            () if kind.is_symlink() => "a link, which is not followed",
            () if kind.is_dir() => "a folder",
            () if kind.is_fifo() || kind.is_socket() => "no regular file",
            () => "a device",
        };
        return Place::Unusable(
            format!("{shown} is {sort}"),
            "Set `state_file` to a file.".to_owned(),
        );
    }
    if access(path, Access::READ_OK | Access::WRITE_OK).is_err() {
        return Place::Unusable(format!("{shown} cannot be written by this user"), own);
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Place::Exposed(
            format!(
                "{shown} has mode {mode:03o}: other users can open it, and it has names and histories"
            ),
            format!("Run `chmod 600 {}`.", path_word(path)),
        );
    }
    open_folder(path)
        .unwrap_or_else(|| Place::Usable(format!("{shown}, {}", HumanBytes(metadata.len()))))
}

/// Returns the folder of the file if every user can write to it, and so replace the file. A volume
/// that is mounted into a container often has this mode, and no other users.
fn open_folder(path: &Path) -> Option<Place> {
    let folder = nearest(path.parent().unwrap_or(Path::new("/")));
    let metadata = fs::metadata(&folder).ok()?;
    let mode = metadata.permissions().mode() & 0o7777;
    let above = folder.parent().and_then(|parent| fs::metadata(parent).ok());
    let is_volume = above.is_none_or(|parent| parent.dev() != metadata.dev());
    // Only the owner of a file in there may replace it.
    let is_kept = mode & 0o1000 != 0 && path.exists();
    (mode & 0o002 != 0 && !is_volume && !is_kept).then(|| {
        Place::Exposed(
            format!(
                "the folder {} has mode {mode:03o}: every user of this machine can write to it",
                folder.display()
            ),
            format!(
                "Set `state_file` to a path in a folder of its own with mode 0700: `chmod 700 {}`, if only the state \
                 file is there.",
                path_word(&folder)
            ),
        )
    })
}

fn missing(path: &Path, folder: Folder) -> Place {
    let shown = path.display();
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let existing = nearest(parent);
    if folder == Folder::MustExist && existing != parent {
        return Place::Unusable(
            format!("the folder {} does not exist", parent.display()),
            format!("Create it with mode 0700: `install -d -m 700 {}`.", path_word(parent)),
        );
    }
    if access(&existing, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return Place::Unusable(
            format!("{shown} does not exist, and this user cannot create it"),
            "Create the folder for the user who runs this program, or set `state_file` to another path.".to_owned(),
        );
    }
    open_folder(path).unwrap_or_else(|| {
        Place::Usable(format!("{shown}, created by the first run that may write"))
    })
}

/// Returns the nearest folder on this path that exists.
fn nearest(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn disk(section: &mut Section, path: &Path) {
    const NAME: &str = "disk";
    let folder = nearest(path.parent().unwrap_or(Path::new("/")));
    let Ok(disk) = statvfs(&folder) else {
        section.skip(&[NAME], "the free space is unknown");
        return;
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let found = format!("{} free for the state file in {}", HumanBytes(free), folder.display());
    let fix = "Free some space, or set `state_file` to a path on another file system.";
    match free {
        TOO_LITTLE.. if free >= LITTLE => section.ok(NAME, found),
        TOO_LITTLE.. => section.warn(NAME, found, fix),
        _ => section.problem(NAME, found, fix),
    }
}

async fn listener(section: &mut Section, config: &Config) {
    const NAME: &str = "listen";
    let Some(listen) = config.watch.listen else {
        section.skip(&[NAME], "watch.listen = \"off\"");
        return;
    };
    match bind(listen).await {
        Ok(()) if listen.ip().is_loopback() => {
            section.ok(NAME, format!("`watch` can listen on {listen}"));
        }
        Ok(()) => section.ok(
            NAME,
            format!("`watch` can listen on {listen}, which other machines may reach: it serves counts and no names there"),
        ),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            match running_watch(listen, &config.server_name).await {
                Ok(()) => section.ok(NAME, format!("a running `watch` listens on {listen}")),
                Err(why) => section.warn(
                    NAME,
                    format!("something else than a `watch` of {} listens on {listen}: {why}", config.server_name),
                    "If you use `watch`, set `watch.listen` to a free port, or stop what listens there.",
                ),
            }
        }
        Err(error) => section.problem(
            NAME,
            format!("`watch` cannot listen on {listen}: {error}"),
            "Set `watch.listen` to an address of this machine with a port of 1024 or more, or to \"off\".",
        ),
    }
}

/// Tries the address. Another `doctor` uses it only for a moment.
async fn bind(listen: SocketAddr) -> io::Result<()> {
    let mut tries = 3;
    loop {
        tries -= 1;
        match TcpListener::bind(listen).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse && tries > 0 => {
                tokio::time::sleep(MOMENT).await;
            }
            bound => return bound.map(drop),
        }
    }
}

/// Returns whether the program that listens there is a `watch` of this server.
async fn running_watch(listen: SocketAddr, server_name: &ServerName) -> Result<(), String> {
    let answer = ask_listener(listen, "status.json").await.map_err(|error| in_one_line(&error))?;
    Status::parse(&answer.text, server_name).map(drop).map_err(|error| in_one_line(&error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn place_of_the_state_file_is_judged() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("state.db"), "x").expect("writable");
        let mode = |mode| fs::set_permissions(at("state.db"), fs::Permissions::from_mode(mode));
        mode(0o600).expect("ours");
        symlink(at("state.db"), at("link")).expect("writable");
        let judged = |place: &Place| match place {
            Place::Usable(_) => "usable",
            Place::Exposed(..) => "exposed",
            Place::Unusable(..) => "unusable",
        };
        for (name, folder, expected) in [
            ("state.db", Folder::MustExist, "usable"),
            ("new.db", Folder::MustExist, "usable"),
            ("none/new.db", Folder::MustExist, "unusable"),
            ("none/new.db", Folder::IsMade, "usable"),
            ("link", Folder::MustExist, "unusable"),
            (".", Folder::MustExist, "unusable"),
        ] {
            assert_eq!(judged(&place(&at(name), folder)), expected, "{name}");
        }
        mode(0o644).expect("ours");
        assert_eq!(judged(&place(&at("state.db"), Folder::MustExist)), "exposed");
        mode(0o600).expect("ours");
        let everyone = fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(), everyone).expect("ours");
        for name in ["state.db", "new.db"] {
            assert_eq!(judged(&place(&at(name), Folder::MustExist)), "exposed", "{name}");
        }
        assert_eq!(judged(&place(Path::new("/dev/null"), Folder::MustExist)), "unusable");
    }
}
