//! Counts and lists as a sentence has them.

use std::fmt::Display;

use indicatif::HumanCount;

use crate::model::Localpart;

/// Joins as many names as have room, at least one.
pub(crate) fn examples(names: &[Localpart], room: usize) -> String {
    let mut joined = String::new();
    for name in names.iter().map(ToString::to_string) {
        if joined.is_empty() {
            joined = name;
        } else if joined.chars().count() + name.chars().count() + 2 <= room {
            joined = format!("{joined}, {name}");
        } else {
            break;
        }
    }
    joined
}

/// Joins what is printed of each.
pub(crate) fn joined<T: Display>(items: &[T], separator: &str) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(separator)
}

/// `1,234 accounts`, `1 account`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", HumanCount(count as u64), if count == 1 { one } else { many })
}
