//! Reads what only a report needs, after everything is decided.

use tracing::warn;

use super::Session;
use crate::model::{Evidence, KeycloakId};
use crate::phrases::counted;
use crate::planner::Review;
use crate::readers::{Outsiders, Reading};

impl Session {
    /// Reads what the owners of accounts are known by who are neither members nor were asked about
    /// at the second look.
    pub(crate) async fn outsiders<'f>(
        &self,
        review: &Review<'f>,
        reading: &'f Reading,
    ) -> Outsiders {
        let facts = &reading.facts;
        let mut wanted = Vec::new();
        for account in &facts.accounts {
            let seen = review.evidence(&account.user_id);
            let owners = review.owners_of(account).into_iter();
            let is_unknown = |id: &KeycloakId| facts.members.get(id).is_none() && !has(seen, id);
            wanted.extend(owners.filter(is_unknown));
        }
        wanted.sort_unstable();
        wanted.dedup();
        let outsiders = self.readers.outsiders(&wanted, self.config.limits.max_look).await;
        if let Some((count, error)) = &outsiders.failed {
            warn!(
                "the names of {} outside the groups are not in the report: {error}",
                counted(*count, "user", "users")
            );
        }
        outsiders
    }
}

/// Returns whether the second look has Keycloak's answer about a user.
fn has(seen: Option<&Evidence>, id: &KeycloakId) -> bool {
    let mut answers = seen.into_iter().flat_map(|seen| &seen.keycloak);
    answers.any(|answer| answer.user.user().is_some_and(|user| user.id == *id))
}
