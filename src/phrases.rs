//! Counts and lists as a sentence has them.

use std::fmt::Display;

use indicatif::HumanCount;

use crate::model::Localpart;

/// Joins as many names as fit, at least one.
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

/// Joins the printed form of each item.
pub(crate) fn joined<T: Display>(items: &[T], separator: &str) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(separator)
}

/// Returns a count with its noun: `1,234 accounts`, `1 account`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", HumanCount(count as u64), if count == 1 { one } else { many })
}
