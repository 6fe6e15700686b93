//! Sets accounts aside before the second look, if Synapse alone shows that they stay as they are:
//! accounts of bridges, and accounts that MAS does not know.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};

use super::second_look::AT_A_TIME;
use super::silence::{Silences, is_silence};
use super::{ReadError, Readers, Tally};
use crate::error_chain::in_one_line;
use crate::model::{AccountDetail, Evidence, Recheck, UserId};
use crate::planner::{AskFirst, ToRecheck};

/// What Synapse alone shows.
#[derive(Debug, Default)]
pub(super) struct SetAside {
    pub(super) rechecks: BTreeMap<UserId, Recheck>,
    /// Whether more other accounts were found than may be rechecked. Then Synapse was not asked
    /// about all.
    pub(super) leaves_too_many: bool,
    /// The first error about an account that is set aside all the same.
    pub(super) first_error: Option<ReadError>,
}

impl SetAside {
    /// Returns the error, if no account could be rechecked.
    pub(super) fn none_rechecked(&mut self) -> Option<ReadError> {
        let source = self.first_error.take_if(|_| self.rechecks.values().all(Result::is_err))?;
        Some(ReadError::NoneRechecked { count: self.rechecks.len(), source: Box::new(source) })
    }
}

impl Readers {
    /// Asks Synapse about the accounts that may be set aside, until more than `most` others are
    /// found. An account whose request fails, or hangs, is one of the others, unless MAS does
    /// not know it, so that it stays as it is.
    ///
    /// Source: `GET /_synapse/admin/v2/users/{user_id}`.
    pub(super) async fn set_aside(
        &self,
        accounts: &[ToRecheck],
        most: usize,
        tally: &Tally,
    ) -> Result<SetAside, ReadError> {
        let may_be_aside = |account: &&ToRecheck| account.ask != AskFirst::Both;
        let mut others = accounts.iter().filter(|account| !may_be_aside(account)).count();
        let (mut rechecks, mut silences) = (BTreeMap::new(), Silences::default());
        let mut first_error = None;
        let mut asking = stream::iter(accounts.iter().filter(may_be_aside))
            .map(|account| async move { (account, self.detail(&account.user_id, None).await) })
            .buffered(AT_A_TIME);
        while others <= most
            && let Some((account, detail)) = asking.next().await
        {
            silences.note(&detail);
            match detail {
                Ok(detail) if is_aside(account, &detail) => {
                    tally.add(1);
                    rechecks.insert(account.user_id.clone(), Ok(Evidence::new(detail)));
                }
                Err(error) if is_silence(&error) && silences.are_too_many() => {
                    return Err(ReadError::NoneRechecked {
                        count: accounts.len(),
                        source: Box::new(error),
                    });
                }
                Err(error) if account.ask == AskFirst::SynapseAlone => {
                    tally.add(1);
                    rechecks.insert(account.user_id.clone(), Err(in_one_line(&error)));
                    first_error.get_or_insert(error);
                }
                Ok(_) | Err(_) => others += 1,
            }
        }
        drop(asking);
        Ok(SetAside { rechecks, leaves_too_many: others > most, first_error })
    }
}

/// Returns whether Keycloak need not be asked about an account.
pub(super) fn is_aside(account: &ToRecheck, detail: &AccountDetail) -> bool {
    match account.ask {
        AskFirst::Both => false,
        AskFirst::Synapse => detail.appservice.is_some(),
        AskFirst::SynapseAlone => true,
    }
}
