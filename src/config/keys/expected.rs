//! Says what is expected of a value, in the words of errors and documentation.

use std::fmt;
use std::ops::RangeInclusive;

/// The word that turns something off.
pub(in crate::config) const OFF: &str = "off";

/// What is expected of a value.
#[derive(Debug, Clone, Copy)]
pub enum Expected {
    Text,
    /// Given as itself or in a file, and never shown.
    Secret,
    Switch,
    Duration,
    Count {
        least: usize,
        most: usize,
    },
    /// One of a few words.
    OneOf(fn() -> Vec<&'static str>),
    /// The address of a server, such as this one.
    Address(&'static str),
    /// A program and its arguments.
    Command,
    /// What these words say.
    Words(&'static str),
    /// What these words say, or the word that turns it off.
    OrOff(&'static str),
}

impl Expected {
    /// Returns the smallest and the largest count.
    pub(in crate::config) fn bounds(&self) -> RangeInclusive<usize> {
        match self {
            Self::Count { least, most } => *least..=*most,
            other => unreachable!("{other} is not a count"),
        }
    }

    /// Returns the example of an address.
    pub(in crate::config) fn example(&self) -> &'static str {
        match self {
            Self::Address(example) => example,
            other => unreachable!("{other} is not an address"),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a text that is not empty"),
            Self::Secret => f.write_str("a text of one line that is not empty"),
            Self::Switch => f.write_str("true or false"),
            Self::Duration => f.write_str("a time such as \"30s\" or \"15m\", at most a year"),
            Self::Count { least, most: usize::MAX } => write!(f, "a whole number, {least} or more"),
            Self::Count { least, most } => write!(f, "a whole number from {least} to {most}"),
            Self::OneOf(words) => {
                let quoted: Vec<_> = words().iter().map(|word| format!("{word:?}")).collect();
                f.write_str(&quoted.join(" or "))
            }
            Self::Address(example) => write!(f, "an address such as {example:?}"),
            Self::Command => f.write_str("a list of texts, the program first"),
            Self::Words(words) => f.write_str(words),
            Self::OrOff(words) => write!(f, "{words}, or {OFF:?}"),
        }
    }
}
