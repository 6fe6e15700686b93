//! What an old MAS cannot do yet, and what that means for a configuration.

use semver::Version;

use super::check::Section;
use crate::config::Config;
use crate::model::ServerText;
use crate::plan::DisableMode;

/// `unlock-user --reactivate` came with it; before, unlocking reactivated as well.
const REACTIVATE: Version = Version::new(0, 20, 0);
/// The first whose lock reaches Synapse.
const LOCK_ON_HOMESERVER: Version = Version::new(1, 14, 0);

/// The first release that a text names: `mas-cli v1.22.0`, `1.163.2`, `1.98.0rc1`. What comes after the numbers is left
/// out: builds between two releases (`v1.14.0-5-g0123abc`) are newer than the release that they name, not older.
pub(super) fn parse(text: &str) -> Option<Version> {
    text.split_whitespace().find_map(|word| {
        let word = word.trim_start_matches('v');
        let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
        Version::parse(word[..end].trim_end_matches('.')).ok()
    })
}

/// Tells whether a MAS of this version does what the configuration needs of it; `said` is what it calls itself.
pub(super) fn check_mas(section: &mut Section, said: &ServerText, version: Option<&Version>, config: &Config) {
    const NAME: &str = "version";
    let Some(version) = version else {
        section.ok(NAME, format!("{said:?} names no release: taken for one that is newer than all of them"));
        return;
    };
    if *version < REACTIVATE {
        section.problem(
            NAME,
            format!("{said}: before 0.20 unlocking reactivates as well, and `unlock-user --reactivate` is not there"),
            "update MAS: to 0.20 at least, to 1.14 so that a lock reaches Synapse",
        );
    } else if *version < LOCK_ON_HOMESERVER && config.synapse.is_some() {
        let stays = format!("{said}: before 1.14 a lock does not reach Synapse");
        match config.policy.disable {
            DisableMode::Lock => section.problem(
                NAME,
                format!("{stays}, so every run that locks someone waits for it in vain and ends with exit code 4"),
                "update MAS to 1.14 or later, or set policy.disable = \"deactivate\"",
            ),
            DisableMode::Deactivate => section.warn(
                NAME,
                format!("{stays}, so Synapse shows someone who was locked by hand as active"),
                "update MAS to 1.14 or later",
            ),
        }
    } else {
        section.ok(NAME, said.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_whatever_stands_around_it() {
        for (text, expected) in [
            ("mas-cli v1.22.0", Some((1, 22, 0))),
            ("v0.19.0-rc.1", Some((0, 19, 0))),
            ("v1.14.0-5-g0123abc", Some((1, 14, 0))),
            ("1.163.2", Some((1, 163, 2))),
            ("1.98.0rc1", Some((1, 98, 0))),
            ("1.163.2 (b=hotfixes,0123abc)", Some((1, 163, 2))),
            ("unstable", None),
            ("", None),
            ("v1.2", None),
        ] {
            let found = parse(text).map(|version| (version.major, version.minor, version.patch));
            assert_eq!(found, expected, "{text}");
        }
    }
}
