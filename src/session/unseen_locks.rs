//! Refuses to lock if Synapse does not show the locks of MAS (traps 56 and 67). Without the Admin
//! API, a plan would take locked accounts for active ones, and members would stay locked out.

use tracing::warn;

use super::Session;
use super::state_file::StateFileUse;
use crate::error_chain::in_one_line;
use crate::failure::{Failure, UnseenLocks};
use crate::model::{MAS_SHARES_LOCKS, SYNAPSE_SHOWS_LOCKS, release_in};
use crate::plan::DisableMode;
use crate::readers::ReadError;

impl Session {
    /// Refuses to lock if Synapse would not show the locks. Commands that only read warn.
    pub(crate) async fn refuse_unseen_locks(&self) -> Result<(), Failure> {
        if self.config.policy.disable != DisableMode::Lock || !self.config.trusts_synapse() {
            return Ok(());
        }
        let unseen = match (self.unseen_locks().await, self.purpose) {
            (Ok(unseen), _) => unseen,
            (Err(failure), StateFileUse::Write) => return Err(failure),
            // A plan can be made without mas-cli.
            (Err(_), StateFileUse::Read) => None,
        };
        let Some(unseen) = unseen else { return Ok(()) };
        let refusal = Failure::UnseenLocks { unseen, mas_cli: self.config.policy.mas_cli.clone() };
        match self.purpose {
            StateFileUse::Write => Err(refusal),
            StateFileUse::Read => {
                warn!("a sync would be refused: {}", in_one_line(&refusal));
                Ok(())
            }
        }
    }

    /// Returns why Synapse would not show a lock of MAS, if it would not.
    pub(super) async fn unseen_locks(&self) -> Result<Option<UnseenLocks>, Failure> {
        if let Some(synapse) = &self.readers.synapse {
            let said = synapse.version().await.map_err(ReadError::Http)?;
            if release_in(said.raw()).is_some_and(|release| release < SYNAPSE_SHOWS_LOCKS) {
                return Ok(Some(UnseenLocks::BySynapse(said)));
            }
        }
        if let Some(mas_cli) = &self.mas_cli {
            let said = mas_cli.version().await?;
            if release_in(said.raw()).is_some_and(|release| release < MAS_SHARES_LOCKS) {
                return Ok(Some(UnseenLocks::OfMas(said)));
            }
        }
        Ok(None)
    }
}
