//! Reads what only a report needs: names, e-mail addresses, and since when accounts are disabled.

use std::collections::HashSet;

use futures_util::{StreamExt, stream};

use super::{DisabledTimes, ReadError, Readers, Tally};
use crate::error_chain::in_one_line;
use crate::model::{KeycloakId, ServerText, UserNames};

/// Users requested at the same time.
const AT_A_TIME: usize = 8;

/// How much is kept of what the lists show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What a plan needs.
    Plan,
    /// What an access review shows, too.
    Report,
}

/// What the lists show and only a report needs; empty after any other reading.
#[derive(Debug, Default)]
pub struct Details {
    /// What the members are known by.
    pub names: UserNames,
    /// Since when accounts have been disabled, as far as MAS's list shows it.
    pub disabled: DisabledTimes,
}

/// What is known about users outside the groups.
#[derive(Debug, Default)]
pub struct Outsiders {
    pub names: UserNames,
    /// The users that Keycloak does not have.
    pub gone: HashSet<KeycloakId>,
    /// How many users could not be read, and the first error.
    pub failed: Option<(usize, String)>,
}

impl Outsiders {
    fn fail(&mut self, count: usize, error: &ReadError) {
        let (failed, _) = self.failed.get_or_insert_with(|| (0, in_one_line(error)));
        *failed += count;
    }
}

impl Readers {
    /// Reads what users outside the groups are known by: one by one, or from the list of all users
    /// if there are more than `most`. An error only leaves them without names. `wanted` is sorted.
    pub async fn outsiders(&self, wanted: &[KeycloakId], most: usize) -> Outsiders {
        let mut outsiders = Outsiders::default();
        if wanted.len() > most {
            let tally = Tally::default();
            match self.keycloak.names_of(wanted, UserNames::default(), &tally).await {
                Ok(names) => outsiders.names = names,
                Err(error) => outsiders.fail(wanted.len(), &error),
            }
        } else {
            self.ask_one_by_one(wanted, &mut outsiders).await;
        }
        outsiders.names.sort();
        outsiders
    }

    async fn ask_one_by_one(&self, wanted: &[KeycloakId], outsiders: &mut Outsiders) {
        let answers = stream::iter(wanted)
            .map(|id| async move { (id, self.keycloak.user(id).await) })
            .buffered(AT_A_TIME);
        let mut answers = std::pin::pin!(answers);
        let mut left = wanted.len();
        while let Some((id, answer)) = answers.next().await {
            match answer {
                Ok(Some(user)) => {
                    let raw = |text: &ServerText| text.raw().to_owned();
                    let (name, email) = (user.name.as_ref().map(raw), user.email.as_ref().map(raw));
                    let username = user.username.raw();
                    outsiders.names.put(id, username, name.as_deref(), email.as_deref());
                }
                Ok(None) => {
                    outsiders.gone.insert(id.clone());
                }
                // The others would wait in vain, too.
                Err(error) if error.is_silence() => {
                    return outsiders.fail(left, &ReadError::from(error));
                }
                Err(error) => outsiders.fail(1, &ReadError::from(error)),
            }
            left -= 1;
        }
    }
}
