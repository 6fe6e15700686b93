//! Names in the configuration: the localpart's template and the patterns of `policy.protect`.

use matrix_keycloak_sync::localpart::{Claims, LocalpartTemplate};
use matrix_keycloak_sync::model::Localpart;
use matrix_keycloak_sync::planner::Protection;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;

use crate::corpus::{Input, law, outcome};
use crate::mutations::any_text;

/// Separates the parts of an input.
const BETWEEN: &str = "\n\n";

fn words(words: &[&str], most: usize) -> impl Strategy<Value = String> + use<> {
    let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
    vec(prop_oneof![6 => select(words), 1 => any_text()], 0..most).prop_map(|words| words.concat())
}

fn parts(written: impl Strategy<Value = String>) -> impl Strategy<Value = Input> {
    (written, any_text(), any_text())
        .prop_map(|(written, one, other)| Input([written, one, other].join(BETWEEN).into_bytes()))
}

fn split(input: &[u8]) -> [String; 3] {
    let text = String::from_utf8_lossy(input).into_owned();
    let mut parts = text.split(BETWEEN).map(str::to_owned);
    [(); 3].map(|()| parts.next().unwrap_or_default())
}

#[test]
fn a_template_gives_a_localpart_or_an_error() {
    let of_the_language = [
        "{{ ",
        " }}",
        "{% ",
        " %}",
        "user",
        ".preferred_username",
        ".email",
        ".sub",
        ".split('@')",
        "[0]",
        "[-1]",
        "[::-1]",
        "[:3]",
        " | ",
        "lower",
        "upper",
        "default('x')",
        "replace('a', 'b')",
        "truncate(3)",
        "if ",
        "endif",
        "else",
        "for x in ",
        "endfor",
        "range(100000)",
        "set x = ",
        " * ",
        "1000000000",
        " ~ ",
        " // ",
        " % ",
        "0",
        "'ab'",
        "(",
        ")",
        "list",
        "join",
        "first",
        "loop.index",
        "macro f()",
        "endmacro",
        "f()",
        " - ",
        "9223372036854775807",
        "**",
        ".encode('utf-8')",
        "|string",
        "|int",
        "|center(99)",
        "|indent(2)",
    ];
    let template = prop_oneof![
        words(&of_the_language, 12),
        words(&of_the_language[2..], 8)
            .prop_map(|inner| format!("{{{{ user.preferred_username{inner} }}}}")),
    ];
    law("localpart-template", file!(), parts(template), |input| {
        let [template, username, email] = split(input);
        let claims = Claims {
            sub: "1",
            preferred_username: &username,
            email: (!email.is_empty()).then_some(&*email),
            ..Claims::default()
        };
        let checked = LocalpartTemplate::new(&template);
        let Ok(template) = checked else { return outcome(&checked) };
        let name = template.render(&claims);
        if let Ok(name) = &name {
            let impossible =
                |c: char| matches!(c, '@' | ':') || c.is_whitespace() || c.is_control();
            assert!(
                !name.as_str().is_empty() && !name.as_str().contains(impossible),
                "{name} is no localpart"
            );
        }
        outcome(&name)
    });
}

#[test]
fn pattern_protects_names_it_matches_as_a_whole_or_is_an_error() {
    let of_the_language = [
        "a", "b", ".", "*", "+", "?", "|", "(", ")", "(?:", "(?x)", "(?-i)", "#", "[", "]", "^",
        "$", "{2}", "{1000}", "\\", "\\d", "\\p{L}",
    ];
    let entry = prop_oneof![
        4 => words(&of_the_language, 8).prop_map(|pattern| format!("/{pattern}/")),
        1 => words(&["!", "/", "a", "admin", "@", ":", " ", ".*"], 4),
    ];
    law("protect", file!(), parts(entry), |input| {
        let [entry, one, other] = split(input);
        let protection = Protection::new(std::slice::from_ref(&entry));
        if let Ok(protection) = &protection {
            let everyone = ["a", "ab", "b", "bb", "aXb", "admin"]
                .map(str::to_owned)
                .into_iter()
                .chain([one, other]);
            for name in everyone {
                let name = Localpart::from(name);
                let covered = protection.covers(&name);
                let Some(pattern) = entry.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'))
                else {
                    continue;
                };
                // Alone it also has to be a pattern, and has to match from the first to the last
                // letter.
                let alone = Regex::new(pattern).expect("a pattern is one without its anchors too");
                let matches_somewhere = Regex::new(&format!("(?i){}", alone.as_str()))
                    .is_ok_and(|any| any.is_match(&name.key()));
                assert!(!covered || matches_somewhere, "{entry} protects {name}");
            }
            let _ = protection.idle_entries([&Localpart::from("admin")].into_iter());
        }
        let first = protection.map_err(|wrong| wrong.into_iter().next().expect("one").error);
        outcome(&first)
    });
}
