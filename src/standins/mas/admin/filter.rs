//! Applies filters of lists. Known ones are checked, unknown ones ignored (trap 42).

use axum::http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

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
            if let Some(value) = params.get(&format!("filter[{name}]")) {
                let is_verbatim = matches!(check, FilterKind::Verbatim);
                found.push(Filter { name, value: checked(name, value, *check)?, is_verbatim });
            }
        }
        Ok(Self(found))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|filter| filter.name == name).map(|filter| filter.value.as_str())
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

/// Parses the ULID in a path.
pub(super) fn ulid_in_path(text: &str) -> Result<String, AdminRefusal> {
    ulid(text)
        .map_err(|why| AdminRefusal::new(StatusCode::BAD_REQUEST, &["Invalid ULID in path", why]))
}
