//! Checks what an old MAS cannot do yet, and what that means for the configuration.

use semver::Version;

use super::check::Section;
use super::shut_out;
use crate::config::Config;
use crate::model::{MAS_SHARES_LOCKS, ServerText};

/// The first version with `unlock-user --reactivate`; before, unlocking also reactivated.
const REACTIVATE: Version = Version::new(0, 20, 0);

/// Checks that MAS is new enough for the configuration; `said` is the version it reports.
pub(super) fn check_mas(
    section: &mut Section,
    said: &ServerText,
    version: Option<&Version>,
    config: &Config,
) {
    const NAME: &str = "version";
    let Some(version) = version else {
        section.ok(NAME, format!("{said:?} is not a release, so it is treated as the newest"));
        return;
    };
    if *version < REACTIVATE {
        section.problem(
            NAME,
            format!("{said}: before 0.20 unlocking also reactivates, and there is no `unlock-user --reactivate`"),
            "Update MAS to 0.20 at least, or to 1.14 so that a lock reaches Synapse.",
        );
    } else if *version < MAS_SHARES_LOCKS && config.synapse.is_some() {
        let stays = format!("{said}: before 1.14 a lock does not reach Synapse");
        shut_out::unseen_locks(section, config, &stays, "Update MAS to 1.14 or later");
    } else {
        section.ok(NAME, said.to_string());
    }
}
