//! What can be said of the configuration without asking anyone.

use super::{Area, Check, Checks, Patient};
use crate::config::AccountSource;
use crate::plan::DisableMode;
use crate::planner::Federation;

pub(super) fn examine(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = Checks::new(Area::Settings);
    let config = patient.config;
    checks.ok("configuration", "every key makes sense");
    for warning in patient.warnings {
        checks.warning("configuration", warning.as_str(), "change it in the configuration file or the environment");
    }
    match config.policy.disable {
        DisableMode::Deactivate => checks.ok(
            "disable",
            "policy.disable = \"deactivate\": rooms and e-mail addresses are lost, and activating does not bring them \
             back (\"lock\" keeps them)",
        ),
        DisableMode::Lock => checks.ok("disable", "policy.disable = \"lock\": rooms and e-mail addresses are kept"),
    }
    if config.policy.federation == Federation::Trust {
        checks.warning(
            "federation",
            "keycloak.federation = \"trust\": a directory behind Keycloak that is down looks as if its people had left",
            "set keycloak.federation = \"verify\", unless the realm has no user federation",
        );
    }
    if config.accounts.source == AccountSource::Mas && config.synapse.is_none() {
        checks.warning(
            "services",
            "there is no [synapse]: bots, the owners of tokens and administrators of Synapse alone cannot be told from \
             people",
            "name the accounts of services in policy.protect, those of policy.data.admin_users in MAS too; or add \
             [synapse]",
        );
    }
    checks.checks
}
