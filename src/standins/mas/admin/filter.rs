//! Applies filters of lists. Known ones are checked, unknown ones ignored (trap 42).

use axum::http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};

use super::error::AdminRefusal;
use crate::standins::mas::version::Version;
use crate::standins::query::Params;

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The kind of value that a filter needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum FilterKind {
    Ulid,
    Bool,
    Text,
    /// Text, which links repeat as it is.
    Verbatim,
    OneOf(&'static [&'static str]),
    /// Parts of a scope, each in a parameter of its own; all of them have to be in the scope.
    Scopes,
    /// An older MAS does not know it.
    Since(Version, &'static FilterKind),
    /// Known to the real MAS, but not to the stand-in, which is an error: ignoring it would be
    /// wrong.
    NotPlayed,
}

/// The filters that a list knows, with their versions, in the order in which its links repeat them.
pub(super) type Known = &'static [(&'static str, FilterKind)];

/// The filters of one request.
#[derive(Debug, Default)]
pub(super) struct Filters(Vec<Filter>);

#[derive(Debug)]
struct Filter {
    name: &'static str,
    value: String,
    is_verbatim: bool,
}

impl Filters {
    pub(super) fn parse(
        params: &Params,
        known: Known,
        version: Version,
    ) -> Result<Self, AdminRefusal> {
        let mut found = Vec::new();
        for (name, check) in known {
            if matches!(check, FilterKind::Since(since, _) if version < *since) {
                continue;
            }
            let parameter = format!("filter[{name}]");
            let count = if matches!(check, FilterKind::Scopes) { usize::MAX } else { 1 };
            for value in params.all(&parameter).take(count) {
                let is_verbatim = matches!(check, FilterKind::Verbatim);
                found.push(Filter { name, value: checked(name, value, *check)?, is_verbatim });
            }
        }
        Ok(Self(found))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|filter| filter.name == name).map(|filter| filter.value.as_str())
    }

    /// Returns whether a scope has every part that the filter `scope` names.
    pub(super) fn select_scope(&self, scope: &str) -> bool {
        let mut wanted = self.0.iter().filter(|filter| filter.name == "scope");
        wanted.all(|filter| scope.split_whitespace().any(|part| part == filter.value))
    }

    pub(super) fn is(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value == "true")
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the part of a link that repeats them, with an ampersand after each.
    pub(super) fn query(&self) -> String {
        let one = |Filter { name, value, is_verbatim }: &Filter| {
            if *is_verbatim {
                format!("filter[{name}]={value}&")
            } else {
                format!("filter[{name}]={}&", utf8_percent_encode(value, ENCODED))
            }
        };
        self.0.iter().map(one).collect()
    }
}

fn checked(name: &str, value: &str, check: FilterKind) -> Result<String, AdminRefusal> {
    let bad = |why: &str| AdminRefusal::query("filter", &format!("filter[{name}]: {why}"));
    match check {
        FilterKind::Since(_, check) => checked(name, value, *check),
        FilterKind::Text | FilterKind::Verbatim => Ok(value.to_owned()),
        FilterKind::Scopes if is_scope(value) => Ok(value.to_owned()),
        FilterKind::Scopes => {
            let title = format!("Invalid scope \"{value}\" in filter parameters");
            Err(AdminRefusal::new(StatusCode::BAD_REQUEST, &[&title]))
        }
        FilterKind::Ulid => ulid(value).map_err(bad),
        FilterKind::Bool if matches!(value, "true" | "false") => Ok(value.to_owned()),
        FilterKind::Bool => Err(bad("provided string was not `true` or `false`")),
        FilterKind::OneOf(variants) if variants.contains(&value) => Ok(value.to_owned()),
        FilterKind::OneOf(variants) => {
            let quoted: Vec<String> =
                variants.iter().map(|variant| format!("`{variant}`")).collect();
            // serde writes "a or b" for two and "one of a, b, c" for more.
            let expected = if let [one, other] = quoted.as_slice() {
                format!("{one} or {other}")
            } else {
                format!("one of {}", quoted.join(", "))
            };
            Err(bad(&format!("unknown variant `{value}`, expected {expected}")))
        }
        FilterKind::NotPlayed => {
            let title = format!("filter[{name}] is known to MAS, but not to its stand-in");
            Err(AdminRefusal::new(StatusCode::NOT_IMPLEMENTED, &[&title]))
        }
    }
}

/// Returns whether a text can be one part of a scope (RFC 6749, section 3.3).
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
}

/// Parses a ULID into capitals, or returns what is wrong with it.
pub(super) fn ulid(text: &str) -> Result<String, &'static str> {
    let upper = text.to_ascii_uppercase();
    let fits = |letter: u8| {
        letter.is_ascii_digit() || letter.is_ascii_uppercase() && !b"ILOU".contains(&letter)
    };
    if text.len() != 26 {
        return Err("invalid length");
    }
    if upper.bytes().all(fits) { Ok(upper) } else { Err("invalid character") }
}

/// Parses the ULID in a field of a body.
pub(super) fn ulid_field<'de, D: Deserializer<'de>>(field: D) -> Result<String, D::Error> {
    ulid(&String::deserialize(field)?).map_err(D::Error::custom)
}

/// Parses the ULID in a path.
pub(super) fn ulid_in_path(text: &str) -> Result<String, AdminRefusal> {
    ulid(text)
        .map_err(|why| AdminRefusal::new(StatusCode::BAD_REQUEST, &["Invalid ULID in path", why]))
}
