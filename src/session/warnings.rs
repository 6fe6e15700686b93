//! What an administrator should check although the run goes on.

use std::sync::PoisonError;
use std::time::Duration;

use tracing::{info, warn};

use super::Session;
use crate::config::MasApiConfig;
use crate::mas_api::Exposure;
use crate::model::{TokenOwners, UnknownNotifier};
use crate::phrases::{counted, joined};
use crate::plan::{KeptReason, Plan, Reason, Skip};
use crate::planner::Facts;

/// How far clocks may be apart without a word.
const FAR_APART: Duration = Duration::from_mins(5);

/// A warning that each run would repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Once {
    Clocks,
    LocksOfAdmins,
}

impl Session {
    /// Returns whether this is the first time for a warning, and notes it.
    pub(super) fn is_first(&self, warning: Once) -> bool {
        self.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(warning)
    }

    /// Warns about what a plan could not verify.
    pub(crate) fn warn_of_doubts(&self, facts: &Facts, plan: &Plan) {
        self.warn_of_directories(plan);
        warn_of_contradictions(plan);
        warn_of_failed_rechecks(plan);
        warn_of_unseen_directories(facts, plan);
        self.warn_of_clocks(facts);
    }

    /// Warns if clocks are so far apart that what waits for a time waits too long.
    fn warn_of_clocks(&self, facts: &Facts) {
        let policy = &self.config.policy;
        let waits = !policy.grace.is_zero() || policy.deactivate_after.is_some();
        let apart = facts.clocks.earliest(facts.now).until(facts.clocks.latest(facts.now));
        if waits && apart > FAR_APART && self.is_first(Once::Clocks) {
            warn!(
                "the clocks of this host and of the servers are up to {} apart: policy.grace and policy.deactivate_after \
                 last longer by that. Synchronise them by NTP; doctor shows each",
                humantime::format_duration(Duration::from_secs(apart.as_secs()))
            );
        }
    }

    /// Warns about unverified directories when they change, and logs when it is over: `watch` plans
    /// every few minutes while a directory is down.
    fn warn_of_directories(&self, plan: &Plan) {
        let mut warned = self.warned_of.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = plan.kept_by_reason().get(&KeptReason::FederationInDoubt).copied() else {
            if plan.doubtful.is_empty() && warned.take().is_some() {
                info!("the directories behind Keycloak are verified again");
            }
            return;
        };
        if warned.as_ref() == Some(&plan.doubtful) {
            return;
        }
        warn!(
            "a directory behind Keycloak (LDAP, Active Directory) is unverified, because it may be down or contradicts \
             itself: {} kept. Check User federation in Keycloak, and that the directory answers. If none of its users is \
             meant to be in the group, set keycloak.federation = \"trust\"",
            counted(count, "account is", "accounts are")
        );
        *warned = Some(plan.doubtful.clone());
    }
}

/// Warns about access that no one needs.
pub(super) fn warn_of_exposure(exposure: &Exposure, mas: Option<&MasApiConfig>) {
    let address = mas.and_then(|mas| mas.issuer.as_ref());
    if let Some(address) = address.filter(|_| exposure.public == Some(true)) {
        warn!(
            "the Admin API also answers at MAS's public address, {address}: remove the resource adminapi from that listener, \
             or block /api/admin at the reverse proxy; `doctor` shows the configuration to use"
        );
    }
    if let Some(needless) = exposure.client.as_ref().filter(|needless| !needless.is_empty()) {
        warn!(
            "writer.mas_api.client_id may do more than it needs ({}): give this program a client without redirect_uris",
            joined(needless, ", ")
        );
    }
}

/// Warns about a bot whose account may be disabled, which would end its token.
pub(super) fn warn_of_unknown_notifier(owners: &TokenOwners) {
    match &owners.unknown_notifier {
        Some(UnknownNotifier::Refused) => warn!(
            "Synapse refuses notify.access_token, so the bot's account is not known: add it to policy.protect, or it is \
             disabled like any other, and set a new token"
        ),
        Some(UnknownNotifier::ActsAs(actor)) => warn!(
            "the owner of notify.access_token, a personal access token that acts as {actor}, is not known: add the owner \
             to policy.protect, because the token ends with the owner's account"
        ),
        None => {}
    }
}

fn warn_of_contradictions(plan: &Plan) {
    if plan.contradictions > 0 {
        warn!(
            "the lists and the answers about {} disagree: nothing is changed for them. If this persists, check the groups \
             and roles in Keycloak, and for a member without an account whether the name is taken",
            counted(plan.contradictions, "user", "users")
        );
    }
}

fn warn_of_failed_rechecks(plan: &Plan) {
    let not_seen: Vec<_> = plan
        .actions
        .iter()
        .filter_map(|action| match &action.skipped {
            Some(Skip::NotSeen(why)) if plan.not_rechecked.is_none() => {
                Some((&action.user_id, why))
            }
            _ => None,
        })
        .collect();
    if let Some((user_id, why)) = not_seen.first() {
        warn!(
            "skipped {}, because the second look failed; the first is {user_id}: {}",
            counted(not_seen.len(), "account", "accounts"),
            why.text()
        );
    }
}

/// Warns about directories that may be down unnoticed: if users are not imported, Keycloak then
/// shows neither the directory nor its users.
fn warn_of_unseen_directories(facts: &Facts, plan: &Plan) {
    let unknown =
        plan.actions.iter().filter(|action| action.reason == Reason::NotInKeycloak).count();
    if facts.providers.is_none() && unknown > 0 {
        warn!(
            "{} unknown to Keycloak, and without the role view-realm it is unknown whether a directory behind Keycloak is \
             down and hides them. If the realm has a user federation, grant the role; else set keycloak.federation = \"trust\"",
            counted(unknown, "account is", "accounts are")
        );
    }
}
