//! The list of accounts, several pages at a time.

use std::time::Instant;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde::de::Error as _;

use super::{Row, SynapseReader};
use crate::http::{HttpError, none_if_missing};
use crate::model::{Account, ServerName, UserId};
use crate::readers::page_size::PageSize;
use crate::readers::rows::Rows;
use crate::readers::text::Text;
use crate::readers::{ReadError, Tally};

/// Rows a page: 48,000 accounts/s in one page, 37,600/s at 10,000 a page, 3,900/s at 100 a page.
const PAGE: usize = 5000;
/// Bigger pages gain little, and take their room in memory.
const BIGGEST_PAGE: usize = 10_000;
/// Pages asked for at the same time.
const PAGES_AT_A_TIME: usize = 3;
/// How often the list is read again when the pages do not add up to its own total.
const READINGS: usize = 3;
/// Who the secret that Synapse shares with MAS acts as (trap 71).
const SHARED_TOKEN_OWNER: &str = "__oidc_admin";
/// Pages that show nobody new before no more are asked for, however many the total promises.
const STALE_PAGES: usize = 10;

/// The parameters of a version of the list that show everyone: with MAS, `guests=false` is mandatory; without
/// `locked=true` the very users that were disabled are hidden; v2 hides the deactivated, v3 shows them unless asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListVersion {
    pub(super) version: &'static str,
    pub(super) everyone: &'static [(&'static str, &'static str)],
}

const V3: ListVersion = ListVersion { version: "v3", everyone: &[("guests", "false"), ("locked", "true")] };
const V2: ListVersion =
    ListVersion { version: "v2", everyone: &[("guests", "false"), ("locked", "true"), ("deactivated", "true")] };

/// Returns what `read` reads of the newest version of the list that the server has.
pub(super) async fn of_newest_version<T>(
    read: impl AsyncFn(ListVersion) -> Result<T, HttpError>,
) -> Result<(ListVersion, T), HttpError> {
    match none_if_missing(read(V3).await)? {
        Some(found) => Ok((V3, found)),
        None => Ok((V2, read(V2).await?)),
    }
}

/// A page as the server gives it.
#[derive(Debug, Deserialize)]
struct RawPage<'a> {
    #[serde(borrow)]
    users: Vec<Row<Text<'a>>>,
    total: usize,
}

/// What is kept of a page.
#[derive(Debug)]
struct Page {
    accounts: Vec<Account>,
    total: usize,
}

impl SynapseReader {
    /// The owner of the token, who has to be of the configured homeserver.
    pub async fn owner_on(&self, configured: &ServerName) -> Result<UserId, ReadError> {
        let owner = self.account_of_token().await?;
        if *owner.server_name() == *configured {
            Ok(owner)
        } else {
            Err(ReadError::WrongServerName { owner, configured: configured.clone() })
        }
    }

    /// Returns the account that owns the token. The secret that Synapse shares with MAS belongs to no account.
    pub async fn account_of_token(&self) -> Result<UserId, ReadError> {
        let owner = self.token_owner().await?;
        if owner.localpart().as_str() == SHARED_TOKEN_OWNER {
            return Err(ReadError::SharedToken { owner });
        }
        Ok(owner)
    }

    /// The owner of the token and every account of the homeserver, in any state.
    ///
    /// Source: `GET /_synapse/admin/v3/users`, or v2 where there is no v3.
    pub async fn accounts(&self, configured: &ServerName, tally: &Tally) -> Result<(UserId, Vec<Account>), ReadError> {
        let owner = self.owner_on(configured).await?;
        let mut missing = String::new();
        for _ in 0..READINGS {
            let (total, rows) = self.all_pages(configured, tally).await?;
            if rows.len() < total {
                missing = format!("the list tells of {total} accounts and holds {}", rows.len());
            } else if !rows.knows(&owner) {
                missing = format!("the list does not hold {owner}, who owns the token it was read with");
            } else {
                return Ok((owner, rows.into_vec()));
            }
        }
        Err(self.api.inconsistent(&["_synapse", "admin", V3.version, "users"], missing).into())
    }

    /// How many accounts the list tells of, by one row of it.
    pub async fn count(&self) -> Result<usize, HttpError> {
        Ok(self.first_page(1, &ServerName::from("")).await?.1.total)
    }

    async fn first_page(&self, rows: usize, likely: &ServerName) -> Result<(ListVersion, Page), HttpError> {
        of_newest_version(async |version| self.page(version, 0, rows, likely).await).await
    }

    /// Every page of the list, several at a time, and the largest total that any of them told. Accounts are never
    /// deleted, so a list that moves under the reader grows: whoever is seen twice is kept once, and a total that grew
    /// tells that someone may have been pushed out of sight.
    async fn all_pages(
        &self,
        likely: &ServerName,
        tally: &Tally,
    ) -> Result<(usize, Rows<Account, impl Fn(&Account) -> &UserId>), HttpError> {
        let begun = Instant::now();
        let (version, first) = self.first_page(PAGE, likely).await?;
        let mut size = PageSize::new(PAGE, BIGGEST_PAGE);
        size.learn(PAGE, first.accounts.len(), begun.elapsed());
        // A server that gives fewer rows than asked for is asked for as many as it gives.
        let came = first.accounts.len();
        let step = if came < PAGE { came } else { size.rows() };
        let mut total = first.total;
        tally.expect(total);
        let offsets = (came..total).step_by(step.max(1));
        let mut pages = stream::iter(offsets)
            .map(|offset| self.page(version, offset, step, likely))
            .buffer_unordered(PAGES_AT_A_TIME);
        let mut rows = Rows::new(|account: &Account| &account.user_id);
        let mut stale = 0;
        let mut page = Some(first);
        // A page with nobody on it is behind the end, whatever the total says.
        while let Some(Page { accounts, total: told }) = page.filter(|page| !page.accounts.is_empty()) {
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

    async fn page(&self, list: ListVersion, from: usize, limit: usize, likely: &ServerName) -> Result<Page, HttpError> {
        let (from, limit) = (from.to_string(), limit.to_string());
        let query = [list.everyone, &[("from", &*from), ("limit", &*limit)]].concat();
        let decode = |answer: &str| {
            let RawPage { users, total } = serde_json::from_str(answer)?;
            let accounts = users.iter().map(|row| row.account(likely)).collect::<Result<_, _>>();
            Ok(Page { accounts: accounts.map_err(serde_json::Error::custom)?, total })
        };
        self.api.get_as(&["_synapse", "admin", list.version, "users"], &query, decode).await
    }
}
