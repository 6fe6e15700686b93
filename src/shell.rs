//! What a user types into a shell: arguments, and this program itself.

use std::borrow::Cow;
use std::env;
use std::path::{Path, PathBuf};

use crate::environment::Environment;

const NAME: &str = "matrix-keycloak-sync";

/// Returns what a user types to run this very program, so that printed commands work as they stand:
/// what the installation says (`MATRIX_KEYCLOAK_SYNC_COMMAND`), its name if it is on the PATH, else its
/// path, such as that of a build by `cargo run`.
#[must_use]
pub fn this_program(env: &Environment) -> String {
    if let Some(command) = env("MATRIX_KEYCLOAK_SYNC_COMMAND").filter(|it| !it.is_empty()) {
        return command;
    }
    match env::current_exe() {
        Ok(exe) if !is_on_path(&exe, &env("PATH").unwrap_or_default()) => {
            shell_word(&from_here(&exe).display().to_string())
        }
        _ => NAME.to_owned(),
    }
}

/// Returns the same program for another folder than this one.
#[must_use]
pub fn from_anywhere(program: &str) -> String {
    let word = |path: &Path| shell_word(&path.display().to_string());
    match env::current_exe() {
        Ok(exe) if word(&from_here(&exe)) == program => word(&exe),
        _ => program.to_owned(),
    }
}

/// Returns a text as one word of a shell.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:=@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Returns an argument of a command without what follows a variable, as in `PGPASSWORD=…`, or an
/// option that names a secret, for an error or a log.
#[must_use]
pub fn without_value(word: &str) -> Cow<'_, str> {
    let is_of_variable = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let names_secret = |before: &str| {
        let name = before.rsplit(|c: char| c.is_whitespace() || c == '=').next();
        let name = name.unwrap_or_default().to_ascii_lowercase();
        ["password", "secret", "token"].iter().any(|secret| name.contains(secret))
    };
    let mut ends = word.match_indices('=').map(|(at, _)| at);
    let end = ends.find(|at| {
        let before = &word[..*at];
        before.ends_with(is_of_variable) || names_secret(before)
    });
    match end {
        Some(at) if at + 1 < word.len() => format!("{}=…", &word[..at]).into(),
        _ => word.into(),
    }
}

/// Returns a path as one word of a shell, which no command takes for an option.
#[must_use]
pub fn path_word(path: &Path) -> String {
    let shown = path.display().to_string();
    shell_word(&if shown.starts_with('-') { format!("./{shown}") } else { shown })
}

/// Returns whether the first program of this name on the path is this one.
fn is_on_path(exe: &Path, path: &str) -> bool {
    let found = env::split_paths(path).map(|folder| folder.join(NAME)).find(|path| path.is_file());
    let same =
        |one: &Path, other: &Path| Some(one.canonicalize().ok()? == other.canonicalize().ok()?);
    found.is_some_and(|found| same(&found, exe) == Some(true))
}

/// Returns a path below the current directory without that directory. A shell takes a name alone for
/// that of a program on the PATH.
fn from_here(exe: &Path) -> PathBuf {
    let here = env::current_dir().ok();
    let below = here.and_then(|here| exe.strip_prefix(here).ok().map(Path::to_owned));
    match below {
        Some(name) if name.components().count() == 1 => Path::new(".").join(name),
        below => below.unwrap_or_else(|| exe.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_enough_if_the_path_leads_to_this_program() {
        let exe = env::current_exe().expect("a test");
        let folder = tempfile::tempdir().expect("a folder");
        let path = format!("/nowhere:{}", folder.path().display());
        assert!(!is_on_path(&exe, &path));
        std::os::unix::fs::symlink(&exe, folder.path().join(NAME)).expect("a link");
        assert!(is_on_path(&exe, &path));
        assert!(!is_on_path(Path::new("/bin/sh"), &path));
    }

    #[test]
    fn path_in_a_command_is_no_option() {
        for (path, word) in [
            ("-p.json", "./-p.json"),
            ("--force me", "'./--force me'"),
            ("plans/-p.json", "plans/-p.json"),
            ("/tmp/p.json", "/tmp/p.json"),
        ] {
            assert_eq!(path_word(Path::new(path)), word);
        }
    }

    #[test]
    fn program_below_this_folder_is_named_from_here() {
        let here = env::current_dir().expect("a folder");
        assert_eq!(from_here(&here.join("target/debug/x")), Path::new("target/debug/x"));
        assert_eq!(from_here(&here.join("x")), Path::new("./x"));
        assert_eq!(from_here(Path::new("/usr/bin/x")), Path::new("/usr/bin/x"));

        let exe = env::current_exe().expect("a test");
        let [relative, whole] = [&from_here(&exe), &exe].map(|path| path.display().to_string());
        assert_eq!(from_anywhere(&relative), whole);
        assert_eq!(from_anywhere("docker exec -i sync program"), "docker exec -i sync program");
    }

    #[test]
    fn what_a_variable_or_a_secret_is_set_to_is_not_shown() {
        for (word, shown) in [
            ("PGPASSWORD=hunter2", "PGPASSWORD=…"),
            ("-ePGPASSWORD=hunter2", "-ePGPASSWORD=…"),
            ("--env=PGPASSWORD=hunter2", "--env=PGPASSWORD=…"),
            ("exec env PGPASSWORD=hunter2 mas-cli", "exec env PGPASSWORD=…"),
            ("--password=hunter2", "--password=…"),
            ("--db-token=a=b", "--db-token=…"),
            ("--namespace=matrix", "--namespace=matrix"),
            ("PGPASSWORD=", "PGPASSWORD="),
            ("mas-cli", "mas-cli"),
        ] {
            assert_eq!(without_value(word), shown);
        }
    }
}
