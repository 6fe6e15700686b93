//! Shows a line of a file that is not TOML. It cannot be known what is a value there, so only what
//! is surely no secret is shown.

use super::keys::{ConfigKey, Expected};
use super::visible::is_open_address;

/// What stands for everything else.
const HIDDEN: &str = "…";

/// Returns the line in three parts, the second of which begins at this byte: the mistake.
pub(super) fn visible_part(before: &str, line: &str, at: usize) -> [String; 3] {
    let visible = visible_length(before, line);
    let shown = |from: usize, to: usize| line[from.min(visible)..to.min(visible)].to_owned();
    if at >= visible && visible < line.trim_end().len() {
        return [shown(0, visible), HIDDEN.to_owned(), String::new()];
    }
    let first = line[at..].chars().next().map_or(0, char::len_utf8);
    let rest = if visible < line.trim_end().len() { HIDDEN } else { "" };
    [shown(0, at), shown(at, at + first), shown(at + first, line.len()) + rest]
}

/// Returns how many bytes of the line may be shown.
fn visible_length(before: &str, line: &str) -> usize {
    let code = line.find('#').unwrap_or(line.len());
    // After the quotes of a string of several lines, a line may be part of it.
    if before.contains("\"\"\"") || before.contains("'''") {
        return 0;
    }
    let Some((name, value)) = line[..code].split_once('=') else {
        return if is_header(&line[..code]) { code } else { 0 };
    };
    // A line may belong to a list or a table that began before, such as the words of a command.
    let is_key = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !name.trim().chars().all(is_key) || is_open(before) {
        return 0;
    }
    let Some(are_visible) = visible_values(name) else { return 0 };
    // Another key, or a string of several lines, may follow.
    let rest = value.trim_start_matches(['=', ' ']);
    let is_plain =
        !rest.contains(['=', '{']) && !value.contains("\"\"\"") && !value.contains("'''");
    if is_plain && are_visible(value) { code } else { name.len() + "= ".len().min(1 + value.len()) }
}

/// Returns whether a list or an inline table may be open at the end of a text: one without an end.
pub(super) fn is_open(before: &str) -> bool {
    let count = |signs: [char; 2]| before.matches(signs).count();
    let last = before.rsplit_once(['[', '{']).is_some_and(|(_, rest)| !rest.contains([']', '}']));
    last || count(['[', '{']) > count([']', '}'])
}

/// Returns whether a line is the header of a section, perhaps without its brackets.
fn is_header(line: &str) -> bool {
    let words = line.trim().trim_start_matches('[').trim_end_matches(']');
    let is_section = |word: &str| {
        ConfigKey::all().any(|key| key.name.rsplit('.').skip(1).any(|part| part == word))
    };
    line.trim_start().starts_with('[') && words.split('.').all(|word| is_section(word.trim()))
}

/// Returns which values may be shown of keys whose last part is this, if there are any.
fn visible_values(name: &str) -> Option<impl Fn(&str) -> bool> {
    let name = name.rsplit('.').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    let keys: Vec<_> =
        ConfigKey::all().filter(|key| key.name.rsplit('.').next() == Some(name)).collect();
    let may_be_shown = move |value: &str| {
        keys.iter().all(|key| match key.expected {
            Expected::Secret | Expected::Command => false,
            Expected::Address(_) => is_open_address(value),
            _ => true,
        })
    };
    let is_known = ConfigKey::all().any(|key| key.name.rsplit('.').next() == Some(name));
    is_known.then_some(may_be_shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str, at: usize) -> String {
        visible_part("", line, at).join("|")
    }

    #[test]
    fn words_of_a_list_in_lines_of_their_own_are_hidden() {
        let before = "on_refused = [\"curl\",\n";
        let shown = |line: &str| visible_part(before, line, 1).join("|");
        assert_eq!(shown("url=https://hook/hunter2"), "|…|");
        let quoted = " \"url=https://hook/hunter2\" \"y\"]";
        assert_eq!(shown(quoted), "|…|");
        assert_eq!(visible_part("", quoted, 1).join("|"), "|…|");
    }

    #[test]
    fn known_key_that_is_no_secret_is_shown_with_its_value() {
        assert_eq!(shown("realm = corp # hunter2", 8), "realm = |c|orp …");
        assert_eq!(shown("keycloak.realm = = 3", 17), "keycloak.realm = |=| 3");
        assert_eq!(shown("[keycloak", 9), "[keycloak||");
    }

    #[test]
    fn secret_is_never_shown() {
        for line in [
            "client_secret = \"hunter2",
            "client_secret_file = hunter2",
            "passwort = hunter2",
            "hunter2",
            "hunter2==",
            "realm = \"a\", client_secret = \"hunter2\"",
            "realm = { client_secret: \"hunter2\"",
            "url = \"https://me:hunter2@sso",
            "command = [\"env\", \"hunter2\"",
            "[hunter2",
            "# hunter2",
        ] {
            for at in 0..line.len() {
                let shown = shown(line, at);
                let parts = ["hunter", "unter2", "hun", "ter2"];
                assert!(!parts.iter().any(|part| shown.replace('|', "").contains(part)), "{shown}");
            }
        }
    }

    #[test]
    fn line_after_the_quotes_of_several_lines_is_not_shown() {
        for quotes in ["\"\"\"", "'''"] {
            let before = format!("client_secret = {quotes}\n");
            assert_eq!(visible_part(&before, "realm = hunter2", 0).concat(), "…");
        }
    }
}
