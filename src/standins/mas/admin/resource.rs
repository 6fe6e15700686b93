//! Writes a resource in an answer: type, ID, attributes and a link to itself.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::ROOT;
use crate::standins::mas::emails::Email;
use crate::standins::mas::state::DatabaseUser;
use crate::standins::mas::upstream::{Link, Provider};
use crate::standins::mas::version::Version;

/// A resource of the Admin API.
pub(super) trait AdminResource {
    /// The ULID.
    fn id(&self) -> &str;
    /// Its path below the API's root.
    fn own_path(&self, kind: &str) -> String {
        format!("{kind}s/{}", self.id())
    }
    /// The attributes that a MAS of this version shows.
    fn attributes(&self, version: Version) -> impl Serialize;
}

/// Attributes with one that came later than the others.
#[derive(Serialize)]
struct Extended<'a, T> {
    #[serde(flatten)]
    first: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    legacy_guest: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_token_required: Option<bool>,
}

impl AdminResource for DatabaseUser {
    fn id(&self) -> &str {
        &self.id
    }

    fn attributes(&self, version: Version) -> impl Serialize {
        let legacy_guest = (version >= Version::PROVIDERS).then_some(self.legacy_guest);
        Extended { first: self, legacy_guest, registration_token_required: None }
    }
}

impl AdminResource for Provider {
    fn id(&self) -> &str {
        &self.id
    }

    fn attributes(&self, version: Version) -> impl Serialize {
        let required =
            (version >= Version::REGISTRATION_TOKENS).then_some(self.registration_token_required);
        Extended { first: self, legacy_guest: None, registration_token_required: required }
    }
}

impl AdminResource for Email {
    fn id(&self) -> &str {
        &self.id
    }

    fn attributes(&self, _: Version) -> impl Serialize {
        self
    }
}

impl AdminResource for Link {
    fn id(&self) -> &str {
        &self.id
    }

    fn attributes(&self, _: Version) -> impl Serialize {
        self
    }
}

#[derive(Serialize)]
struct SelfLink {
    #[serde(rename = "self")]
    url: String,
}

#[derive(Serialize)]
struct Cursor<'a> {
    cursor: &'a str,
}

#[derive(Serialize)]
struct RowMeta<'a> {
    page: Cursor<'a>,
}

/// One row of a list, or the single resource of an answer.
#[derive(Serialize)]
pub(super) struct ResourceRow<'a, A> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    attributes: A,
    links: SelfLink,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<RowMeta<'a>>,
}

impl<'a> RowMeta<'a> {
    fn new(thing: &'a impl AdminResource) -> Self {
        Self { page: Cursor { cursor: thing.id() } }
    }
}

fn row<'a, T: AdminResource>(
    version: Version,
    kind: &'static str,
    thing: &'a T,
    meta: Option<RowMeta<'a>>,
) -> ResourceRow<'a, impl Serialize> {
    let id = thing.id();
    let links = SelfLink { url: format!("{ROOT}/{}", thing.own_path(kind)) };
    ResourceRow { kind, id, attributes: thing.attributes(version), links, meta }
}

/// Returns a row of a list, with its cursor.
pub(super) fn in_list<'a, T: AdminResource>(
    version: Version,
    kind: &'static str,
    thing: &'a T,
) -> ResourceRow<'a, impl Serialize> {
    row(version, kind, thing, (version >= Version::FINISH).then(|| RowMeta::new(thing)))
}

#[derive(Serialize)]
struct SingleResource<T> {
    data: T,
    links: SelfLink,
}

/// Returns an answer with a single resource; `path` is the requested one, below the API's root.
pub(super) fn single<T: AdminResource>(
    version: Version,
    status: StatusCode,
    kind: &'static str,
    thing: &T,
    path: &str,
) -> Response {
    let links = SelfLink { url: format!("{ROOT}/{path}") };
    written(status, &SingleResource { data: row(version, kind, thing, None), links })
}

/// Writes an answer without a tree of values in between, because lists may have a hundred thousand
/// rows.
pub(super) fn written(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => (status, [(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
