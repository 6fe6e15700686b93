//! Finds the prefix that most of many names share, which an administrator would add to
//! `policy.protect`.

use crate::model::Localpart;

/// A prefix of fewer names is not a pattern.
const FEWEST: usize = 10;
/// A shorter prefix is chance.
const SHORTEST: usize = 3;

/// Returns the longest prefix that at least half of the names share, up to its last separator and
/// without numbers at its end: `telegram_` for `telegram_4711` and `telegram_4712`. Returns `None`
/// if the names are too few or too different.
pub(super) fn common_prefix<'l>(names: impl Iterator<Item = &'l Localpart>) -> Option<String> {
    let mut names: Vec<_> = names.map(Localpart::key).collect();
    names.sort_unstable();
    let half = names.len().div_ceil(2).max(FEWEST);
    // In a sorted row, the first and the last name share what all share.
    let shared = names.windows(half).map(|row| word(shared(&row[0], &row[half - 1])));
    let longest = shared.max_by_key(|prefix| prefix.len())?;
    (longest.len() >= SHORTEST).then(|| longest.to_owned())
}

fn shared<'l>(one: &'l str, other: &str) -> &'l str {
    let differ = one.char_indices().zip(other.chars()).find(|((_, one), other)| one != other);
    let shorter = one.len().min(other.len());
    &one[..differ.map_or(shorter, |((at, _), _)| at)]
}

/// Returns a prefix up to its last separator, or without the digits at its end if it has none.
fn word(prefix: &str) -> &str {
    match prefix.rfind(|sign: char| !sign.is_alphanumeric()) {
        Some(at) => &prefix[..=at],
        None => prefix.trim_end_matches(|sign: char| sign.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix_of(groups: &[(&str, usize)]) -> Option<String> {
        let names = groups
            .iter()
            .flat_map(|(name, count)| (0..*count).map(move |at| format!("{name}{}", 7000 + at)));
        let names: Vec<_> = names.map(|name| Localpart::from(&*name)).collect();
        common_prefix(names.iter())
    }

    #[test]
    fn prefix_is_what_at_least_half_of_the_names_begin_with() {
        assert_eq!(
            prefix_of(&[("telegram_", 40), ("dave", 5), ("Zoe", 3)]).as_deref(),
            Some("telegram_")
        );
        assert_eq!(
            prefix_of(&[("_irc_libera_", 20), ("_irc_oftc_", 20)]).as_deref(),
            Some("_irc_libera_")
        );
        assert_eq!(
            prefix_of(&[("_irc_libera_", 12), ("_irc_oftc_", 12), ("x", 1)]).as_deref(),
            Some("_irc_")
        );
        assert_eq!(
            prefix_of(&[("signal", 30)]).as_deref(),
            Some("signal"),
            "no number, no separator"
        );
    }

    #[test]
    fn few_names_short_prefixes_and_different_names_have_none() {
        assert_eq!(prefix_of(&[("telegram_", 9)]), None);
        assert_eq!(prefix_of(&[("tg", 40)]), None);
        assert_eq!(prefix_of(&[("irc", 40)]).as_deref(), Some("irc"), "long enough");
        assert_eq!(prefix_of(&[("telegram_", 10), ("a", 8), ("b", 8)]), None);
        assert_eq!(prefix_of(&[]), None);
    }

    #[test]
    fn letters_of_several_bytes_are_never_cut() {
        let names: Vec<_> =
            (0..30).map(|at| Localpart::from(["brückeé", "brückeè", "brückeë"][at % 3])).collect();
        assert_eq!(common_prefix(names.iter()).as_deref(), Some("brücke"));
    }
}
