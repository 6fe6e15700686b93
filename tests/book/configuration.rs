//! The configuration reference, generated from the keys and their descriptions.

use std::fmt::Write as _;

use matrix_keycloak_sync::config::{Absent, ConfigKey};

use crate::generated;

const BEFORE: &str = "\
# Configuration

<!-- Made from src/config/keys/: UPDATE_DOCS=1 cargo test --test book -->

A TOML file: the one in `--config`, else in `MATRIX_KEYCLOAK_SYNC_CONFIG`, else `/etc/matrix-keycloak-sync/config.toml` if it
exists. Environment variables override it, and an empty variable counts as not set. A key that does not exist is an error. All
mistakes are reported at once, with the key, the value and what is expected.

**Secrets.** Every secret `x` can be set as `x_file` instead, a file that contains only the secret, and every variable `X` of a
secret as `X_FILE`. Both forms in the same place are an error. If the configuration file itself contains a secret and
other users can read it, every command warns: set its mode to 0600, or give it to a group that only the program is in (0640).

**Without a file.** On the host of `mas-cli`, nine variables are a complete configuration: `KC_URL`, `KC_REALM`,
`KC_GROUP_NAME`, `KC_CLIENT_ID`, `KC_ADMIN_USER`, `KC_ADMIN_PASS`, `MATRIX_URL`, `MATRIX_ADMIN_TOKEN`, `MATRIX_SERVER_NAME`.

`matrix-keycloak-sync doctor` checks a configuration against the servers, and changes nothing. `config.example.toml` has every
key in one file.

";

#[test]
fn the_configuration_reference_is_what_the_code_says() {
    let mut page = BEFORE.to_owned();
    let mut variables = "## Variables\n\n| variable | key |\n| --- | --- |\n".to_owned();
    for key in ConfigKey::all() {
        if let Some(names) = variables_of(key) {
            let _ = writeln!(variables, "| {names} | [`{}`](#{}) |", key.name, anchor(key.name));
        }
    }
    page += &variables;
    let mut section = None;
    for key in ConfigKey::all() {
        let of = key.name.rsplit_once('.').map(|(section, _)| section);
        if section != Some(of) {
            let heading = of.map_or("At the top".to_owned(), |section| format!("`[{section}]`"));
            let _ = write!(page, "\n## {heading}\n");
            section = Some(of);
        }
        describe(&mut page, key);
    }
    generated::check("configuration.md", &page);
}

fn describe(page: &mut String, key: &ConfigKey) {
    let ConfigKey { name, expected, absent, meaning, .. } = key;
    let expected = in_code(&expected.to_string());
    let _ = write!(page, "\n### `{name}`\n\n{meaning}\n\n- expected: {expected}\n");
    let _ = match absent {
        Absent::Needed => writeln!(page, "- needed"),
        Absent::Nothing => writeln!(page, "- default: none"),
        Absent::Is(value) => writeln!(page, "- default: `{value}`"),
        Absent::Sometimes(value, rule) => {
            writeln!(page, "- default: {}", in_code(&rule.replace("{}", value)))
        }
        Absent::Depends(words) => writeln!(page, "- default: {}", in_code(words)),
    };
    if key.is_secret() {
        let _ = writeln!(page, "- from a file: `{}`", key.file_form());
    }
    if let Some(names) = variables_of(key) {
        let _ = writeln!(page, "- variable: {names}");
    }
}

/// Returns the variables that override a key.
fn variables_of(key: &ConfigKey) -> Option<String> {
    let variable = key.variable?;
    let file_form = if key.is_secret() { format!(", `{variable}_FILE`") } else { String::new() };
    Some(format!("`{variable}`{file_form}"))
}

/// Examples in quotes are TOML, and shown as such.
fn in_code(text: &str) -> String {
    let mut shown = String::new();
    for (number, part) in text.split('"').enumerate() {
        let _ =
            if number % 2 == 1 { write!(shown, "`\"{part}\"`") } else { write!(shown, "{part}") };
    }
    shown
}

/// The heading's anchor, the same on a forge and in the book.
fn anchor(name: &str) -> String {
    name.replace('.', "")
}
