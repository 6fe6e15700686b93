//! Parses releases, as servers and programs print them.

use semver::Version;

/// The first Synapse that shows the locks of MAS (trap 56).
pub const SYNAPSE_SHOWS_LOCKS: Version = Version::new(1, 150, 0);
/// The first MAS whose locks reach Synapse (trap 67).
pub const MAS_SHARES_LOCKS: Version = Version::new(1, 14, 0);

/// The first Synapse without MSC3861 (trap 71).
pub const SYNAPSE_WITHOUT_MSC3861: Version = Version::new(1, 157, 0);

/// Returns the first release in a text: `mas-cli v1.22.0`, `1.163.2`, `1.98.0rc1`. It ignores
/// everything after the numbers: a build such as `v1.14.0-5-g0123abc` is newer than its release,
/// not older.
#[must_use]
pub fn release_in(text: &str) -> Option<Version> {
    text.split_whitespace().find_map(|word| {
        let word = word.trim_start_matches('v');
        let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
        let numbers = word[..end].trim_end_matches('.');
        let is_short = numbers.matches('.').count() == 1;
        let whole = if is_short { format!("{numbers}.0") } else { numbers.to_owned() };
        Version::parse(&whole).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_is_found_between_other_words() {
        for (text, expected) in [
            ("mas-cli v1.22.0", Some((1, 22, 0))),
            ("v0.19.0-rc.1", Some((0, 19, 0))),
            ("v1.14.0-5-g0123abc", Some((1, 14, 0))),
            ("1.163.2", Some((1, 163, 2))),
            ("1.98.0rc1", Some((1, 98, 0))),
            ("1.163.2 (b=hotfixes,0123abc)", Some((1, 163, 2))),
            ("unstable", None),
            ("", None),
            ("v1.2", Some((1, 2, 0))),
            ("mas-cli v1.13", Some((1, 13, 0))),
            ("2 files", None),
        ] {
            let found =
                release_in(text).map(|version| (version.major, version.minor, version.patch));
            assert_eq!(found, expected, "{text}");
        }
    }
}
