//! Reads the list of accounts, several pages at a time.

use std::time::Instant;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde::de::Error as _;

use super::{AccountRow, SynapseReader};
use crate::http::{HttpError, Missing, none_if_missing};
use crate::model::{Account, ServerName, UserId};
use crate::readers::json_text::JsonText;
use crate::readers::page_size::PageSize;
use crate::readers::unique_rows::UniqueRows;
use crate::readers::{ReadError, Tally};

/// Rows per page: 48,000 accounts/s in one page, 37,600/s at 10,000 per page, 3,900/s at 100 per
/// page.
const PAGE: usize = 5000;
/// Bigger pages gain little and take memory.
const BIGGEST_PAGE: usize = 10_000;
/// Pages requested at the same time.
const PAGES_AT_A_TIME: usize = 3;
/// How often the list is read if the pages do not add up to its own total.
const READINGS: usize = 3;
/// The user that the secret shared by Synapse and MAS acts as (trap 71).
const SHARED_TOKEN_OWNER: &str = "__oidc_admin";
/// The reading stops after this many pages without a new account, even if the total is larger.
const STALE_PAGES: usize = 10;

/// The parameters of a version of the list that show all accounts. With MAS, `guests=false` is
/// mandatory. Without `locked=true` the list hides disabled accounts. v2 hides deactivated accounts
/// by default, v3 shows them.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListVersion {
    pub(super) version: &'static str,
    pub(super) everyone: &'static [(&'static str, &'static str)],
}

const V3: ListVersion =
    ListVersion { version: "v3", everyone: &[("guests", "false"), ("locked", "true")] };
const V2: ListVersion = ListVersion {
    version: "v2",
    everyone: &[("guests", "false"), ("locked", "true"), ("deactivated", "true")],
};

/// Reads the newest version of the list that the server has, with `read`.
pub(super) async fn of_newest_version<T>(
    read: impl AsyncFn(ListVersion) -> Result<T, HttpError>,
) -> Result<(ListVersion, T), HttpError> {
    match none_if_missing(Missing::Path, read(V3).await)? {
        Some(found) => Ok((V3, found)),
        None => Ok((V2, read(V2).await?)),
    }
}

/// A page as the server sends it.
#[derive(Debug, Deserialize)]
struct RawAccountPage<'a> {
    #[serde(borrow)]
    users: Vec<AccountRow<JsonText<'a>>>,
    total: usize,
}

/// What is kept of a page.
#[derive(Debug)]
struct AccountPage {
    accounts: Vec<Account>,
    total: usize,
}

impl SynapseReader {
    /// Returns the owner of the token, which has to be on the configured homeserver.
    pub async fn owner_on(&self, configured: &ServerName) -> Result<UserId, ReadError> {
        let owner = self.account_of_token().await?;
        if *owner.server_name() == *configured {
            Ok(owner)
        } else {
            Err(ReadError::WrongServerName { owner, configured: configured.clone() })
        }
    }

    /// Returns the account that owns the token. The secret that Synapse shares with MAS belongs to
    /// no account.
    pub async fn account_of_token(&self) -> Result<UserId, ReadError> {
        let owner = self.token_owner().await?;
        if owner.localpart().as_str() == SHARED_TOKEN_OWNER {
            return Err(ReadError::SharedToken { owner });
        }
        Ok(owner)
    }

    /// Reads the owner of the token and every account of the homeserver, in any state.
    ///
    /// Source: `GET /_synapse/admin/v3/users`, or v2 if there is no v3.
    pub async fn accounts(
        &self,
        configured: &ServerName,
        tally: &Tally,
    ) -> Result<(UserId, Vec<Account>), ReadError> {
        let owner = self.owner_on(configured).await?;
        let mut missing = String::new();
        for _ in 0..READINGS {
            let (total, rows) = self.all_pages(configured, tally).await?;
            if rows.len() < total {
                missing = format!("the list claims {total} accounts and contains {}", rows.len());
            } else if !rows.knows(&owner) {
                missing = format!(
                    "the list does not contain {owner}, the owner of the token that reads it"
                );
            } else {
                return Ok((owner, rows.into_vec()));
            }
        }
        Err(self.api.inconsistent(&["_synapse", "admin", V3.version, "users"], missing).into())
    }

    /// Returns the number of accounts, from one row of the list.
    pub async fn count(&self) -> Result<usize, HttpError> {
        Ok(self.first_page(1, &ServerName::from("")).await?.1.total)
    }

    async fn first_page(
        &self,
        rows: usize,
        likely: &ServerName,
    ) -> Result<(ListVersion, AccountPage), HttpError> {
        of_newest_version(async |version| self.page(version, 0, rows, likely).await).await
    }

    /// Reads every page of the list, several at a time, and the largest total on any page. Accounts
    /// are never deleted, so the list only grows: an account seen twice is kept once, and a larger
    /// total shows that an account may have been missed.
    async fn all_pages(
        &self,
        likely: &ServerName,
        tally: &Tally,
    ) -> Result<(usize, UniqueRows<Account, impl Fn(&Account) -> &UserId>), HttpError> {
        let begun = Instant::now();
        let (version, first) = self.first_page(PAGE, likely).await?;
        let mut size = PageSize::new(PAGE, BIGGEST_PAGE);
        size.learn(PAGE, first.accounts.len(), begun.elapsed());
        // If the server caps its pages, its size is used from now on.
        let came = first.accounts.len();
        let step = if came < PAGE { came } else { size.rows() };
        let mut total = first.total;
        tally.expect(total);
        let offsets = (came..total).step_by(step.max(1));
        let mut pages = stream::iter(offsets)
            .map(|offset| self.page(version, offset, step, likely))
            .buffer_unordered(PAGES_AT_A_TIME);
        let mut rows = UniqueRows::new(|account: &Account| &account.user_id);
        let mut stale = 0;
        let mut page = Some(first);
        // An empty page is behind the end, even if the total is larger.
        while let Some(AccountPage { accounts, total: told }) =
            page.filter(|page| !page.accounts.is_empty())
        {
            tally.add(accounts.len());
            total = total.max(told);
            let known = rows.len();
            for account in accounts {
                rows.put(account);
            }
            stale += usize::from(rows.len() == known);
            if stale > STALE_PAGES {
                break;
            }
            page = pages.try_next().await?;
        }
        drop(pages);
        Ok((total, rows))
    }

    async fn page(
        &self,
        list: ListVersion,
        from: usize,
        limit: usize,
        likely: &ServerName,
    ) -> Result<AccountPage, HttpError> {
        let (from, limit) = (from.to_string(), limit.to_string());
        let query = [list.everyone, &[("from", &*from), ("limit", &*limit)]].concat();
        let decode = |answer: &str| {
            let RawAccountPage { users, total } = serde_json::from_str(answer)?;
            let accounts = users.iter().map(|row| row.account(likely)).collect::<Result<_, _>>();
            Ok(AccountPage { accounts: accounts.map_err(serde_json::Error::custom)?, total })
        };
        self.api.get_as(&["_synapse", "admin", list.version, "users"], &query, decode).await
    }
}
