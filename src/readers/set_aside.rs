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

/// Requests that fail one after the other, until Synapse is not asked about the other accounts that
/// MAS does not know: each request is repeated, and the lock is held meanwhile.
const MOST_FAILURES: usize = 100;

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
    /// not know it, so that it stays as it is. If many fail in a row, such accounts are not asked
    /// about any more.
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
        let (mut first_error, mut failures) = (None, 0);
        let mut asking = stream::iter(accounts.iter().filter(may_be_aside))
            .map(|account| async move { (account, self.detail(&account.user_id, None).await) })
            .buffered(AT_A_TIME);
        while others <= most
            && failures < MOST_FAILURES
            && let Some((account, detail)) = asking.next().await
        {
            silences.note(&detail);
            failures = if detail.is_ok() { 0 } else { failures + 1 };
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
        if failures == MOST_FAILURES {
            let left = accounts.iter().filter(|account| !rechecks.contains_key(&account.user_id));
            let (alone, left): (Vec<_>, Vec<_>) =
                left.partition(|account| account.ask == AskFirst::SynapseAlone);
            others = left.len();
            let why = || Err(format!("not asked, because {failures} requests in a row failed"));
            rechecks.extend(alone.into_iter().map(|account| (account.user_id.clone(), why())));
        }
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
