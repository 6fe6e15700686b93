//! Pages lists: cursors over ULIDs, 10 per page by default, with a count by default (trap 29).

use std::collections::BTreeMap;
use std::ops::Bound;

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::ROOT;
use super::error::AdminRefusal;
use super::filter::{Filters, Known, ulid};
use super::resource::{AdminResource, in_list, written};
use crate::standins::mas::settings::MasSettings;
use crate::standins::mas::version::Version;
use crate::standins::query::Params;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CountMode {
    With,
    Without,
    Only,
}

/// The requested part of a list.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) filters: Filters,
    before: Option<String>,
    after: Option<String>,
    backward: bool,
    size: usize,
    count: CountMode,
    version: Version,
}

impl Query {
    pub(super) fn parse(
        query: Option<String>,
        known: Known,
        mas: &MasSettings,
    ) -> Result<Self, AdminRefusal> {
        let params = Params::parse(&query.unwrap_or_default());
        let version = mas.release();
        let bad = |why: &str| AdminRefusal::query("pagination", why);
        let cursor = |name: &str| {
            let read = |text| ulid(text).map_err(|why| bad(&format!("{name}: {why}")));
            params.get(name).map(read).transpose()
        };
        let size = |name: &str| {
            params.get(name).map(|text| size(name, text).map_err(|why| bad(&why))).transpose()
        };
        let (first, last) = (size("page[first]")?, size("page[last]")?);
        if first.is_some() && last.is_some() {
            return Err(bad("page[first] and page[last] exclude each other"));
        }
        let count = match params.get("count").filter(|_| version >= Version::FINISH) {
            None | Some("true") => CountMode::With,
            Some("false") => CountMode::Without,
            Some("only") => CountMode::Only,
            Some(other) => {
                let expected = "expected one of `true`, `false`, `only`";
                return Err(bad(&format!("count: unknown variant `{other}`, {expected}")));
            }
        };
        Ok(Self {
            filters: Filters::parse(&params, known, version)?,
            before: cursor("page[before]")?,
            after: cursor("page[after]")?,
            backward: last.is_some(),
            size: first.or(last).unwrap_or(10),
            count,
            version,
        })
    }

    /// Returns the rows of the page in order, and whether there are more in the direction of
    /// reading.
    fn page<'a, T>(
        &self,
        all: &'a BTreeMap<String, T>,
        wanted: &impl Fn(&T) -> bool,
    ) -> (Vec<&'a T>, bool) {
        let (after, before) = (self.after.as_deref(), self.before.as_deref());
        // The map refuses a range that ends before its start; MAS returns an empty page.
        if after.zip(before).is_some_and(|(after, before)| after >= before) {
            return (Vec::new(), false);
        }
        let bound = |cursor| Option::map_or(cursor, Bound::Unbounded, Bound::Excluded);
        let rows = all
            .range::<str, _>((bound(after), bound(before)))
            .map(|(_, row)| row)
            .filter(|row| wanted(row));
        let one_more = self.size.saturating_add(1);
        let mut page: Vec<&T> = if self.backward {
            rows.rev().take(one_more).collect()
        } else {
            rows.take(one_more).collect()
        };
        let more = page.len() > self.size;
        page.truncate(self.size);
        if self.backward {
            page.reverse();
        }
        (page, more)
    }

    fn url(&self, kind: &str, page: &str) -> String {
        let count = match self.count {
            CountMode::With => "",
            CountMode::Without => "count=false&",
            CountMode::Only => "count=only&",
        };
        format!("{ROOT}/{kind}s?{}{count}{page}", self.filters.query())
            .trim_end_matches(['&', '?'])
            .to_owned()
    }

    fn links<T: AdminResource>(&self, kind: &str, rows: &[&T], more: bool) -> ListLinks {
        let size = self.size;
        let here = if self.backward { "last" } else { "first" };
        let cursor = |name: &str, at: &Option<String>| {
            at.as_ref().map_or_else(String::new, |at| format!("page[{name}]={at}&"))
        };
        let own = format!(
            "{}{}page[{here}]={size}",
            cursor("before", &self.before),
            cursor("after", &self.after)
        );
        let of = |name: &str| self.url(kind, &format!("page[{name}]={size}"));
        let edge = if self.backward { rows.first() } else { rows.last() };
        let beyond = edge.filter(|_| more).map(|row| row.id());
        let to = |side: &str| {
            beyond.map(|id| self.url(kind, &format!("page[{side}]={id}&page[{here}]={size}")))
        };
        let (next, prev) = if self.backward { (None, to("before")) } else { (to("after"), None) };
        ListLinks { this: self.url(kind, &own), first: of("first"), last: of("last"), next, prev }
    }
}

fn size(name: &str, text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err(format!("{name}: invalid value: integer `0`, expected a nonzero usize")),
        Ok(size) => Ok(size),
        Err(_) => Err(format!("{name}: invalid digit found in string")),
    }
}

#[derive(Serialize)]
struct ListLinks {
    #[serde(rename = "self")]
    this: String,
    first: String,
    last: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<String>,
}

#[derive(Serialize)]
struct Meta {
    count: usize,
}

#[derive(Serialize)]
struct ResourcePage<R> {
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Meta>,
    data: Vec<R>,
    links: ListLinks,
}

/// Returns the answer to a query: the `wanted` rows of `all`.
pub(super) fn list<T: AdminResource>(
    kind: &'static str,
    query: &Query,
    all: &BTreeMap<String, T>,
    wanted: impl Fn(&T) -> bool,
) -> Response {
    let count = || {
        if query.filters.is_empty() {
            all.len()
        } else {
            all.values().filter(|row| wanted(row)).count()
        }
    };
    if query.count == CountMode::Only {
        let body = json!({"meta": {"count": count()}, "links": {"self": query.url(kind, "")}});
        return written(StatusCode::OK, &body);
    }
    let (rows, more) = query.page(all, &wanted);
    let links = query.links(kind, &rows, more);
    let data = rows.into_iter().map(|row| in_list(query.version, kind, row)).collect();
    let meta = (query.count == CountMode::With).then(|| Meta { count: count() });
    written(StatusCode::OK, &ResourcePage { meta, data, links })
}
