//! What an old MAS cannot do yet, and what that means for a configuration.

use semver::Version;

use super::check::Section;
use super::shut_out;
use crate::config::Config;
use crate::model::{MAS_SHARES_LOCKS, ServerText};

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
        shut_out::unseen_locks(section, config, &stays, "update MAS to 1.14 or later");
    } else {
        section.ok(NAME, said.to_string());
    }
}
