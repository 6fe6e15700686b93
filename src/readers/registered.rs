//! Reads the newest accounts in one small request, for `watch` between two full runs.

use std::collections::{BTreeMap, HashMap};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::refresh::AT_A_TIME;
use super::{LinkProvider, ReadError, Readers, Reading};
use crate::http::HttpError;
use crate::model::{Account, Timestamp, UserId};

/// How many of the newest accounts are read to know the end of the list.
pub const NEWEST: usize = 100;

/// A registered account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    pub user_id: UserId,
    /// When it was registered, by the clock of the server that lists it.
    pub at: Timestamp,
}

/// When to judge an account that was just registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    /// As it is.
    Now,
    /// Once MAS has linked it, if links are read. Until then its name would decide, which may be
    /// another user's.
    OnceLinked,
}

impl Judge {
    fn can_decide(self, account: &Account, provider: Option<&LinkProvider>) -> bool {
        self == Self::Now || provider.is_none() || account.links.newest().is_some()
    }
}

/// Returns whether a server shows an account differently than before, apart from what the state
/// file adds later.
fn is_changed(before: &Account, now: &Account) -> bool {
    *now != Account { remembered: now.remembered.clone(), ..before.clone() }
}

impl Readers {
    /// Returns the newest accounts, at most a hundred. They come from MAS if its Admin API is
    /// configured, because its users can log in, and bridges create none there.
    pub async fn newest_accounts(&self) -> Result<Vec<Registered>, HttpError> {
        match &self.mas {
            Some(mas) => mas.newest().await,
            None => self.synapse().newest(&self.server_name).await,
        }
    }

    /// Returns the accounts that were registered since a time.
    pub async fn accounts_since(&self, since: Timestamp) -> Result<Vec<Registered>, HttpError> {
        match &self.mas {
            Some(mas) => mas.registered_since(since).await,
            None => self.synapse().registered_since(since, &self.server_name).await,
        }
    }

    /// Reads accounts that were just registered. Returns those that can be judged and that are new
    /// or different in the reading.
    pub(super) async fn news_of(
        &self,
        registered: &BTreeMap<UserId, Judge>,
        reading: &Reading,
    ) -> Result<Vec<Account>, ReadError> {
        if registered.is_empty() {
            return Ok(Vec::new());
        }
        let provider = reading.links.as_ref();
        let known = reading
            .facts
            .accounts
            .iter()
            .filter(|account| registered.contains_key(&account.user_id));
        let known: HashMap<&UserId, &Account> =
            known.map(|account| (&account.user_id, account)).collect();
        let now = stream::iter(registered)
            .map(|(user_id, judge)| async move {
                Ok::<_, ReadError>((judge, self.account_now(user_id, provider).await?))
            })
            .buffer_unordered(AT_A_TIME)
            .try_collect::<Vec<_>>();
        let is_news = |account: &Account| {
            known.get(&account.user_id).is_none_or(|known| is_changed(known, account))
        };
        let judged = now.await?.into_iter().filter_map(|(judge, account)| {
            account.filter(|account| judge.can_decide(account, provider) && is_news(account))
        });
        Ok(judged.collect())
    }
}
