//! Makes text from servers safe to print to terminals, logs, Markdown and JSON.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize, Serializer};

use super::secrets::masked;

/// A text from a server or a program that we run: the name of a group, an e-mail address, an error.
///
/// Only its escaped form can be printed ([`fmt::Display`], and in quotes [`fmt::Debug`]).
/// Characters that control a terminal, change the direction of text or are invisible appear as
/// `\u{202e}`. Our own secrets, and user and password in a URL, appear as `***`. As JSON it is
/// data, so it keeps its characters, but no secret.
///
/// It does not convert to `str` or `String`, so code that prints it cannot forget to escape it:
///
/// ```compile_fail
/// let name = matrix_keycloak_sync::model::ServerText::from("staff");
/// let printed: &str = &name;
/// ```
///
/// ```compile_fail
/// let name = matrix_keycloak_sync::model::ServerText::from("staff");
/// let printed: String = name.into();
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct ServerText(Box<str>);

impl ServerText {
    /// Returns the first characters of a text, without half a secret at the end.
    #[must_use]
    pub fn beginning(text: &str, characters: usize) -> Self {
        Self(masked(text).chars().take(characters).collect::<String>().into())
    }

    /// Returns the original text, for comparisons and requests; never for printing.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Box<str>>> From<T> for ServerText {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for ServerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0))
    }
}

impl fmt::Debug for ServerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for ServerText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&masked(&self.0))
    }
}

/// Invisible characters other than control characters. They change the direction of text, break
/// lines, or make two names look alike. Emoji need variation selectors, so these are not here.
const INVISIBLE: [(char, char); 17] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Returns whether a character is never printed as itself: controls, and those that cannot be seen.
pub(crate) fn is_hidden(character: char) -> bool {
    let is_invisible =
        || INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&character));
    character.is_control() || (!character.is_ascii() && is_invisible())
}

/// Returns a text that is safe to print. A second call changes nothing.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let text = masked(text);
    if !text.contains(is_hidden) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_hidden(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.into()
}

/// Returns a value as JSON, with a newline at the end. Texts keep their values, but control
/// characters and invisible ones are written as `\u202e`.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    escaped(&serde_json::to_string_pretty(value).expect("strings and numbers always serialize"))
}

/// Returns a value as JSON in one line, escaped in the same way.
pub(crate) fn to_json_line(value: &impl Serialize) -> String {
    escaped(&serde_json::to_string(value).expect("strings and numbers always serialize"))
}

fn escaped(plain: &str) -> String {
    let mut json = String::with_capacity(plain.len() + 1);
    for character in plain.chars() {
        // Outside of texts, the only such character in JSON is the end of a line.
        if character != '\n' && is_hidden(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(json, "\\u{unit:04x}");
            }
        } else {
            json.push(character);
        }
    }
    json.push('\n');
    json
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The controls of the bidirectional algorithm (UAX 9), and what ends a line.
    const FORBIDDEN: [char; 14] = [
        '\u{61c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}', '\u{202a}', '\u{202b}',
        '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
    ];

    fn is_harmless(text: &str) -> bool {
        !text.contains(|character: char| character.is_control() || FORBIDDEN.contains(&character))
    }

    #[test]
    fn text_is_shown_with_hidden_characters_escaped() {
        for (text, shown) in [
            ("staff", "staff"),
            ("Größe, 東京, 👍\u{fe0f}", "Größe, 東京, 👍\u{fe0f}"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\r\nb\tc\0", "a\\r\\nb\\tc\\u{0}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{202e}nimda\u{2066}x\u{200f}", "\\u{202e}nimda\\u{2066}x\\u{200f}"),
            ("a\u{2028}b\u{2029}c\u{85}", "a\\u{2028}b\\u{2029}c\\u{85}"),
            ("ad\u{200b}min\u{feff}\u{ad}\u{e0041}", "ad\\u{200b}min\\u{feff}\\u{ad}\\u{e0041}"),
            ("https://user:password@host/\u{1b}", "https://***@host/\\u{1b}"),
        ] {
            let text = ServerText::from(text);
            assert_eq!(text.to_string(), shown);
            assert_eq!(format!("{text:?}"), format!("\"{shown}\""));
        }
    }

    #[test]
    fn beginning_contains_no_half_of_a_secret() {
        crate::model::mask_secret(&"half-of-this-is-too-much".into());
        let text = ServerText::beginning("no: half-of-this-is-too-much, really", 9);
        assert_eq!((text.raw(), text.to_string().as_str()), ("no: ***, ", "no: ***, "));
    }

    #[test]
    fn json_keeps_the_value_and_hides_no_character() {
        let value = "a\u{202e}\u{9b}\u{7f}\u{e0041}\nb";
        let json = to_json(&ServerText::from(value));
        assert_eq!(json, "\"a\\u202e\\u009b\\u007f\\udb40\\udc41\\nb\"\n");
        assert_eq!(serde_json::from_str::<ServerText>(&json).expect("JSON"), value.into());
    }

    #[test]
    fn json_has_no_password_of_a_url() {
        assert_eq!(to_json(&ServerText::from("https://a:secret@b")), "\"https://***@b\"\n");
    }

    proptest! {
        #[test]
        fn no_control_or_bidirectional_character_is_ever_shown(text in any::<String>(), at in any::<usize>()) {
            let hostile = format!("{}{text}", FORBIDDEN[at % FORBIDDEN.len()]);
            let shown = ServerText::from(hostile.as_str());
            let (plain, quoted) = (shown.to_string(), format!("{shown:?}"));
            prop_assert!(is_harmless(&plain) && is_harmless(&quoted));
            prop_assert!(is_harmless(&crate::model::Localpart::from(hostile.as_str()).to_string()));
            prop_assert!(is_harmless(&crate::model::KeycloakId::from(hostile.as_str()).to_string()));
            prop_assert!(is_harmless(to_json(&shown).trim_end()));
        }

        #[test]
        fn shown_text_stays_as_it_is_if_it_is_shown_again(text in any::<String>()) {
            let once = printable(&text).into_owned();
            prop_assert_eq!(printable(&once), once.as_str());
        }
    }
}
