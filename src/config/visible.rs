//! Decides which values of the file may be shown. Only values of known keys are, because a secret
//! may be in a misspelt one.

use std::path::Path;

use toml::Value;

use super::keys::{self, ConfigKey, Expected};

/// The keys that are commands: their arguments may be secrets.
const COMMANDS: [&str; 3] =
    [keys::mas_cli::COMMAND.name, keys::watch::ON_REFUSED.name, keys::notify::ON_DONE.name];

/// Returns whether a key is a command, whose arguments may be secrets.
pub(super) fn is_command(name: &str) -> bool {
    COMMANDS.contains(&name)
}

/// Returns whether a value of the key with this dotted name may be shown. `entry` is its number in
/// a list; `text` is empty for values that are no text.
pub(super) fn is_visible(name: &str, entry: Option<usize>, text: &str) -> bool {
    let Some(key) = ConfigKey::all().find(|key| key.name == name) else {
        let is_file = ConfigKey::all().any(|key| key.is_secret() && key.file_form() == name);
        return is_file && entry.is_none() && is_path(text);
    };
    match key.expected {
        Expected::Secret => false,
        Expected::Address(_) => is_open_address(text),
        Expected::Command => entry == Some(0),
        _ => true,
    }
}

/// Returns a value for a message, unless it may contain a secret.
pub(super) fn visible_value(name: &str, value: &Value) -> Option<String> {
    let is_visible = |entry, value: &Value| {
        let text = value.as_str().unwrap_or_default();
        !value.is_table() && !value.is_array() && is_visible(name, entry, text)
    };
    let may_be_shown = match value {
        Value::Array(entries) => {
            entries.iter().enumerate().all(|(at, entry)| is_visible(Some(at), entry))
        }
        value => is_visible(None, value),
    };
    may_be_shown.then(|| value.to_string())
}

/// Returns whether an address contains no place for a password or a token.
pub(super) fn is_open_address(text: &str) -> bool {
    !text.contains(['@', '?', '#'])
}

/// Returns whether a text is the path of a file, rather than a secret in the wrong key: its folder
/// exists.
#[must_use]
pub fn is_path(text: &str) -> bool {
    let path = Path::new(text);
    let folder = path.parent().filter(|folder| folder.components().count() > 1);
    let is_there = |path: &Path| {
        path.try_exists()
            .unwrap_or_else(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    };
    folder.is_some_and(is_there) || text.contains('/') && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_a_secret_is_shown_only_if_its_folder_exists() {
        for path in ["/usr/lib/keyclaok", "/proc/version"] {
            assert!(is_path(path), "{path}");
        }
        for secret in ["hunter2", "/hunter2", "/aB3/xyz+4711==", "aB3/xyz", "", "/"] {
            assert!(!is_path(secret), "{secret}");
        }
    }

    #[test]
    fn tables_and_arguments_are_not_shown() {
        let shown = |name, text: &str| visible_value(name, &text.parse().expect("TOML"));
        assert_eq!(shown("keycloak.url", "{ password = \"x\" }"), None);
        assert_eq!(shown("keycloak.realm", "[{ x = 1 }]"), None);
        assert_eq!(shown("watch.on_refused", "[\"curl\", \"x\"]"), None);
        assert_eq!(shown("watch.on_refused", "\"curl x\""), None);
        assert_eq!(shown("keycloak.realm", "[1]"), Some("[1]".to_owned()));
    }
}
