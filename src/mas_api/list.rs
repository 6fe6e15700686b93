//! Reads lists of the Admin API: cursor pages to the end, compared with the list's own count.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{MasApi, Resource};
use crate::http::HttpError;

/// Rows per page: 10,000 give 128,000 users/s; the default is 10.
const PAGE: usize = 10_000;
/// How often a list is read if its pages do not add up to its own count.
const READINGS: usize = 3;
/// Keeps MAS from counting every row of a list for each page. MAS before 1.12 ignores it.
const UNCOUNTED: (&str, &str) = ("count", "false");

#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "A: Deserialize<'de>"))]
struct ListPage<A> {
    meta: Option<PageMeta>,
    #[serde(default)]
    data: Vec<Resource<A>>,
    links: PageLinks,
}

#[derive(Debug, Deserialize)]
struct PageMeta {
    count: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct PageLinks {
    next: Option<String>,
}

/// How many rows were read, and how many the list claims.
struct Walked {
    rows: usize,
    count: Option<usize>,
}

impl MasApi {
    /// Reads every row of a list, made smaller as it comes. `seen` gets the number of rows of each
    /// page, and the total with the first one.
    ///
    /// Rows are in order of their IDs, which grow with time. So a list that changes meanwhile grows
    /// at its end, and no row is missed. A list shorter than its own count is read again, and then
    /// an error.
    pub async fn list<A: DeserializeOwned, T>(
        &self,
        path: &[&str],
        filter: &[(&str, &str)],
        mut make: impl FnMut(Resource<A>) -> Option<T>,
        seen: impl Fn(usize, Option<usize>),
    ) -> Result<Vec<T>, HttpError> {
        let (mut missing, mut told, mut before) = (String::new(), 0, None);
        for _ in 0..READINGS {
            let mut kept = Vec::new();
            let walked = self.walk(path, filter, None, |row| kept.extend(make(row)), &seen).await?;
            match walked {
                Walked { rows, count: Some(count) } => {
                    // A list that becomes empty while it is read does not explain its earlier
                    // total. A row that is really gone is gone the next time too.
                    told = count.max(told);
                    let stays = before.replace(count) == Some(count) && rows >= count && rows > 0;
                    if rows >= told || stays {
                        return Ok(kept);
                    }
                    missing = format!("the list claims {told} rows and contains {rows}");
                }
                Walked { count: None, .. } => {
                    return Err(self.inconsistent(
                        path,
                        "the list does not say how many rows it has".to_owned(),
                    ));
                }
            }
        }
        Err(self.inconsistent(path, missing))
    }

    /// Reads a list that may shrink meanwhile, because its rows expire.
    pub async fn shrinking_list<A: DeserializeOwned, T>(
        &self,
        path: &[&str],
        filter: &[(&str, &str)],
        mut make: impl FnMut(Resource<A>) -> Option<T>,
    ) -> Result<Vec<T>, HttpError> {
        let mut kept = Vec::new();
        self.walk(path, filter, None, |row| kept.extend(make(row)), &|_, _| {}).await?;
        Ok(kept)
    }

    /// Returns the rows after a cursor, oldest first. The cursor need not be the ID of a row.
    pub async fn list_after<A: DeserializeOwned>(
        &self,
        path: &[&str],
        cursor: &str,
    ) -> Result<Vec<Resource<A>>, HttpError> {
        let mut rows = Vec::new();
        self.walk(path, &[UNCOUNTED], Some(cursor.into()), |row| rows.push(row), &|_, _| {})
            .await?;
        Ok(rows)
    }

    /// Returns the newest rows of a list.
    pub async fn newest<A: DeserializeOwned>(
        &self,
        path: &[&str],
        rows: usize,
    ) -> Result<Vec<Resource<A>>, HttpError> {
        let page: ListPage<A> =
            self.get(path, &[UNCOUNTED, ("page[last]", &rows.to_string())]).await?;
        Ok(page.data)
    }

    async fn walk<A: DeserializeOwned>(
        &self,
        path: &[&str],
        filter: &[(&str, &str)],
        mut after: Option<Box<str>>,
        mut each: impl FnMut(Resource<A>),
        seen: &impl Fn(usize, Option<usize>),
    ) -> Result<Walked, HttpError> {
        let mut walked = Walked { rows: 0, count: None };
        loop {
            let page: ListPage<A> = self.page(path, filter, after.as_deref()).await?;
            let (rows, more) = (page.data.len(), page.links.next.is_some());
            walked.count = walked.count.max(page.meta.and_then(|meta| meta.count));
            walked.rows += rows;
            seen(rows, walked.count.filter(|_| after.is_none()));
            for row in page.data {
                if after.as_ref().is_some_and(|last| row.id <= *last) {
                    let what =
                        "a page of the list starts before the end of the previous one".to_owned();
                    return Err(self.inconsistent(path, what));
                }
                after = Some(row.id.clone());
                each(row);
            }
            match (more, rows) {
                (false, _) => return Ok(walked),
                (true, 0) => {
                    let what = "an empty page of the list says that more comes after it".to_owned();
                    return Err(self.inconsistent(path, what));
                }
                (true, _) => {}
            }
        }
    }

    async fn page<A: DeserializeOwned>(
        &self,
        path: &[&str],
        filter: &[(&str, &str)],
        after: Option<&str>,
    ) -> Result<ListPage<A>, HttpError> {
        let size = PAGE.to_string();
        let cursor = after.map(|after| ("page[after]", after));
        let query: Vec<_> =
            filter.iter().copied().chain([("page[first]", &*size)]).chain(cursor).collect();
        self.get(path, &query).await
    }
}
