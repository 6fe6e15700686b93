//! Finds the place of the state file: the configured one, else the system's usual one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fields::Fields;
use super::keys::{OFF, top_level as keys};
use crate::files::name_part;

/// The folder for root.
const OF_THE_SYSTEM: &str = "/var/lib/matrix-keycloak-sync";
/// The actions of `watch` in the last hour, and unfinished ones, have to stay.
const SHORTEST_KEEP: Duration = Duration::from_hours(24);
/// More is a typing error.
const LONGEST_KEEP: Duration = Duration::from_hours(100 * 366 * 24);

/// `state_file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateFile {
    /// `"off"`: nothing is remembered.
    Off,
    /// The configured path.
    At(PathBuf),
    /// The default place, or `None` if the environment has no folder for it.
    Default(Option<PathBuf>),
}

impl StateFile {
    /// Returns the path of the file, if there is a place for it.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::At(path) | Self::Default(Some(path)) => Some(path),
            Self::Off | Self::Default(None) => None,
        }
    }
}

/// The user who runs the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    Root,
    Other,
}

impl Caller {
    pub(super) fn current() -> Self {
        if rustix::process::geteuid().is_root() { Self::Root } else { Self::Other }
    }
}

/// Takes the key. Without realm and server name the configuration is wrong anyway.
pub(super) fn state_file(fields: &mut Fields) -> Option<StateFile> {
    let text = fields.text(&keys::STATE_FILE)?;
    Some(if text == OFF { StateFile::Off } else { StateFile::At(text.into()) })
}

/// Takes the key; `None` keeps everything.
pub(super) fn history_keep(fields: &mut Fields) -> Option<Duration> {
    fields.take_or_default(&keys::HISTORY_KEEP, |value| match value.as_str()? {
        "forever" => Some(None),
        time => {
            let keep = humantime::parse_duration(time).ok()?;
            (SHORTEST_KEEP..=LONGEST_KEEP).contains(&keep).then_some(Some(keep))
        }
    })
}

/// Returns the default place. The XDG specification wants relative paths to be ignored.
pub(super) fn default_place(
    realm: &str,
    server_name: &str,
    caller: Caller,
    env: &dyn Fn(&str) -> Option<String>,
) -> Option<PathBuf> {
    let given = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // systemd gives a list if a unit has several.
    let of_the_unit = env("STATE_DIRECTORY").and_then(|list| {
        list.split(':')
            .map(Path::new)
            .find(|path| path.is_absolute())
            .map(|folder| folder.join("state.db"))
    });
    let name = format!("{}@{}.db", name_part(realm), name_part(server_name));
    of_the_unit.or_else(|| {
        let folder = match (given("XDG_STATE_HOME"), caller) {
            (Some(folder), _) => folder.join("matrix-keycloak-sync"),
            (None, Caller::Root) => OF_THE_SYSTEM.into(),
            (None, Caller::Other) => given("HOME")?.join(".local/state/matrix-keycloak-sync"),
        };
        Some(folder.join(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the default place with these variables.
    fn place(caller: Caller, variables: &[(&str, &str)]) -> Option<String> {
        let env = |name: &str| {
            let (_, value) = variables.iter().find(|(variable, _)| *variable == name)?;
            Some((*value).to_owned())
        };
        let place = default_place("corp", "example.org:8448", caller, &env)?;
        Some(place.display().to_string())
    }

    #[test]
    fn the_state_directory_of_a_unit_comes_first() {
        let unit = ("STATE_DIRECTORY", "/var/lib/a:/var/lib/b");
        let variables = [unit, ("XDG_STATE_HOME", "/xdg"), ("HOME", "/home/me")];
        for caller in [Caller::Root, Caller::Other] {
            assert_eq!(place(caller, &variables).as_deref(), Some("/var/lib/a/state.db"));
        }
    }

    #[test]
    fn the_state_folder_of_the_user_comes_next_for_root_too() {
        for caller in [Caller::Root, Caller::Other] {
            let place = place(caller, &[("XDG_STATE_HOME", "/xdg"), ("HOME", "/home/me")]);
            assert_eq!(
                place.as_deref(),
                Some("/xdg/matrix-keycloak-sync/corp@example.org%3A8448.db")
            );
        }
    }

    #[test]
    fn without_a_state_folder_root_uses_that_of_the_system_and_others_their_home() {
        let home = [("HOME", "/home/me"), ("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", "")];
        let name = "matrix-keycloak-sync/corp@example.org%3A8448.db";
        assert_eq!(place(Caller::Root, &home), Some(format!("/var/lib/{name}")));
        assert_eq!(place(Caller::Other, &home), Some(format!("/home/me/.local/state/{name}")));
    }

    #[test]
    fn a_relative_folder_is_ignored() {
        let relative = [("XDG_STATE_HOME", "state"), ("STATE_DIRECTORY", "state"), ("HOME", ".")];
        assert_eq!(place(Caller::Other, &relative), None);
        assert_eq!(place(Caller::Other, &[]), None);
    }

    #[test]
    fn a_name_with_other_bytes_is_one_part_of_a_path() {
        let env = |name: &str| (name == "XDG_STATE_HOME").then(|| "/xdg".to_owned());
        let path = default_place("../Ä b", "a/b", Caller::Other, &env).expect("a place");
        assert_eq!(path, Path::new("/xdg/matrix-keycloak-sync/..%2F%C3%84%20b@a%2Fb.db"));
    }
}
