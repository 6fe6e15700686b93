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

/// Requests about accounts that MAS does not know that fail one after the other, until Synapse is
/// not asked about the others: each request is repeated, and the lock is held meanwhile.
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
    /// found: about those that may be a bridge's, then about those that MAS does not know. The
    /// first are among the others if their request fails; the second stay as they are, and if many
    /// of them fail in a row, Synapse is not asked about the rest.
    ///
    /// Source: `GET /_synapse/admin/v2/users/{user_id}`.
    pub(super) async fn set_aside(
        &self,
        accounts: &[ToRecheck],
        most: usize,
        tally: &Tally,
    ) -> Result<SetAside, ReadError> {
        let of_kind = |ask| accounts.iter().filter(move |account| account.ask == ask);
        let given_up =
            |error| ReadError::NoneRechecked { count: accounts.len(), source: Box::new(error) };
        let mut others = of_kind(AskFirst::Both).count();
        let (mut rechecks, mut silences) = (BTreeMap::new(), Silences::default());
        let mut asking = stream::iter(of_kind(AskFirst::Synapse))
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
                    return Err(given_up(error));
                }
                Ok(_) | Err(_) => others += 1,
            }
        }
        drop(asking);

        let (mut first_error, mut failures) = (None, 0);
        let mut asking = stream::iter(of_kind(AskFirst::SynapseAlone))
            .map(|account| async move { (account, self.detail(&account.user_id, None).await) })
            .buffered(AT_A_TIME);
        while others <= most
            && failures < MOST_FAILURES
            && let Some((account, detail)) = asking.next().await
        {
            silences.note(&detail);
            failures = if detail.is_ok() { 0 } else { failures + 1 };
            let recheck = match detail {
                Err(error) if is_silence(&error) && silences.are_too_many() => {
                    return Err(given_up(error));
                }
                Ok(detail) => Ok(Evidence::new(detail)),
                Err(error) => {
                    let why = in_one_line(&error);
                    first_error.get_or_insert(error);
                    Err(why)
                }
            };
            tally.add(1);
            rechecks.insert(account.user_id.clone(), recheck);
        }
        drop(asking);
        if failures == MOST_FAILURES {
            for account in of_kind(AskFirst::SynapseAlone) {
                let why = || Err(format!("not asked, because {failures} requests in a row failed"));
                rechecks.entry(account.user_id.clone()).or_insert_with(why);
            }
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
