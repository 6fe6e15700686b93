//! What an old MAS cannot do yet, and what that means for a configuration.

use semver::Version;

use super::check::Section;
use crate::config::Config;
use crate::model::{MAS_SHARES_LOCKS, ServerText};
use crate::plan::DisableMode;

/// `unlock-user --reactivate` came with it; before, unlocking reactivated as well.
const REACTIVATE: Version = Version::new(0, 20, 0);

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
    } else if *version < MAS_SHARES_LOCKS && config.synapse.is_some() {
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
