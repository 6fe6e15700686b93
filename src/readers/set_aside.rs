//! Sets accounts aside before the second look, if Synapse alone shows that they stay as they are:
//! accounts of bridges, and accounts that MAS does not know.

use std::collections::BTreeMap;
use std::pin::pin;

use futures_util::{Stream, StreamExt, stream};

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
    /// first are among the others if their request fails; the second stay as they are. If many of
    /// them fail in a row, or all of them for long, Synapse is not asked about the rest.
    ///
    /// Source: `GET /_synapse/admin/v2/users/{user_id}`.
    pub(super) async fn set_aside(
        &self,
        accounts: &[ToRecheck],
        most: usize,
        tally: &Tally,
    ) -> Result<SetAside, ReadError> {
        let of_kind = |ask| accounts.iter().filter(move |account| account.ask == ask);
        let mut others = of_kind(AskFirst::Both).count();
        let mut left = of_kind(AskFirst::Synapse).count();
        let (mut rechecks, mut silences) = (BTreeMap::new(), Silences::default());
        let mut asking = pin!(self.details(of_kind(AskFirst::Synapse)));
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
                    return Err(given_up(&silences, error));
                }
                Ok(_) | Err(_) => others += 1,
            }
            left -= 1;
            if silences.last_too_long() {
                others += left;
                break;
            }
        }
        let mut set_aside =
            SetAside { rechecks, leaves_too_many: others > most, first_error: None };
        if !set_aside.leaves_too_many {
            self.look_at_those_unknown_to_mas(accounts, &mut set_aside, silences, tally).await?;
        }
        Ok(set_aside)
    }

    /// Asks Synapse about accounts, a few at a time, and returns the answers in the same order.
    fn details<'a>(
        &'a self,
        accounts: impl Iterator<Item = &'a ToRecheck>,
    ) -> impl Stream<Item = (&'a ToRecheck, Result<AccountDetail, ReadError>)> {
        stream::iter(accounts)
            .map(move |account| async move { (account, self.detail(&account.user_id, None).await) })
            .buffered(AT_A_TIME)
    }

    /// Asks Synapse about the accounts that MAS does not know, until too many requests fail in a row.
    async fn look_at_those_unknown_to_mas(
        &self,
        accounts: &[ToRecheck],
        set_aside: &mut SetAside,
        mut silences: Silences,
        tally: &Tally,
    ) -> Result<(), ReadError> {
        let SetAside { rechecks, first_error, .. } = set_aside;
        let unknown = || accounts.iter().filter(|account| account.ask == AskFirst::SynapseAlone);
        let mut failures = 0;
        let mut asking = pin!(self.details(unknown()));
        while failures < MOST_FAILURES
            && !silences.last_too_long()
            && let Some((account, detail)) = asking.next().await
        {
            silences.note(&detail);
            failures = if detail.is_ok() { 0 } else { failures + 1 };
            let recheck = match detail {
                Err(error) if is_silence(&error) && silences.are_too_many() => {
                    return Err(given_up(&silences, error));
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
        // The first of them may have been about accounts of bridges.
        let failures = if failures > 0 { failures } else { silences.failed() };
        for account in unknown() {
            let why = || Err(format!("not asked, because {failures} requests in a row failed"));
            rechecks.entry(account.user_id.clone()).or_insert_with(why);
        }
        Ok(())
    }
}

/// Returns the error if a server is given up.
fn given_up(silences: &Silences, error: ReadError) -> ReadError {
    ReadError::NoneRechecked { count: silences.failed(), source: Box::new(error) }
}

/// Returns whether Keycloak need not be asked about an account.
pub(super) fn is_aside(account: &ToRecheck, detail: &AccountDetail) -> bool {
    match account.ask {
        AskFirst::Both => false,
        AskFirst::Synapse => detail.appservice.is_some(),
        AskFirst::SynapseAlone => true,
    }
}
