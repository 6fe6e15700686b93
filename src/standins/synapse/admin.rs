//! Serves the admin API: `whoami`, `server_version`, the lists of users and one user.
//!
//! The lists follow traps 10 to 13: they refuse without `guests=false`, hide locked users by
//! default, treat `deactivated` differently in v2 and v3, and do not mark the accounts of bridges.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use serde_json::{Value, json};

use super::auth;
use super::error::{SynapseRefusal, answer, unrecognised};
use super::state::{SynapseAccount, SynapseState};
use crate::standins::Shared;
use crate::standins::query::Params;

pub(super) fn routes() -> Router<Shared<SynapseState>> {
    Router::new()
        .route("/_matrix/client/v3/account/whoami", get(whoami))
        .route("/_synapse/admin/v1/server_version", get(server_version))
        .route("/_synapse/admin/v2/users", get(users_v2))
        .route("/_synapse/admin/v3/users", get(users_v3))
        .route("/_synapse/admin/v2/users/{user_id}", get(user))
}

type Answer = Result<Response, SynapseRefusal>;

/// `GET /_matrix/client/v3/account/whoami`
async fn whoami(State(state): State<Shared<SynapseState>>, headers: HeaderMap) -> Answer {
    let requester = auth::requester(&state, &headers).await?;
    let mut body = json!({"user_id": requester.user_id, "is_guest": false});
    if let Some(device) = requester.device_id {
        body["device_id"] = json!(device);
    }
    Ok(answer(StatusCode::OK, &body))
}

/// `GET /_synapse/admin/v1/server_version`: the only admin endpoint without a token.
async fn server_version(State(state): State<Shared<SynapseState>>) -> Response {
    answer(StatusCode::OK, &json!({"server_version": state.lock().settings.version}))
}

/// `GET /_synapse/admin/v2/users`: deactivated users only on request (trap 12).
async fn users_v2(
    State(state): State<Shared<SynapseState>>,
    query: RawQuery,
    headers: HeaderMap,
) -> Answer {
    auth::admin(&state, &headers).await?;
    let query = Params::parse(&query.0.unwrap_or_default());
    let deactivated =
        if boolean(&query, "deactivated")? == Some(true) { None } else { Some(false) };
    list(&state.lock(), &query, deactivated)
}

/// `GET /_synapse/admin/v3/users`: both by default (trap 12).
async fn users_v3(
    State(state): State<Shared<SynapseState>>,
    query: RawQuery,
    headers: HeaderMap,
) -> Answer {
    if !state.lock().settings.has_v3 {
        return Ok(unrecognised());
    }
    auth::admin(&state, &headers).await?;
    let query = Params::parse(&query.0.unwrap_or_default());
    let deactivated = boolean(&query, "deactivated")?;
    list(&state.lock(), &query, deactivated)
}

fn list(state: &SynapseState, query: &Params, deactivated: Option<bool>) -> Answer {
    let from = whole_number(query, "from", 0)?;
    let limit = whole_number(query, "limit", 100)?;
    if boolean(query, "guests")?.unwrap_or(true) {
        let text = "The guests parameter is not supported when delegating to MAS.";
        return Err(SynapseRefusal::bad_request("M_INVALID_PARAM", text));
    }
    let locked = boolean(query, "locked")?.unwrap_or(false);
    let admins = boolean(query, "admins")?;
    let name = query.get("name").map(str::to_lowercase);
    let user_id = query.get("user_id").map(str::to_lowercase);
    let wanted = |id: &str, account: &SynapseAccount| {
        !account.guest
            && (locked || !account.locked)
            && deactivated.is_none_or(|deactivated| account.deactivated == deactivated)
            && admins.is_none_or(|admins| account.admin == admins)
            && match (&name, &user_id) {
                (Some(name), _) => is_called(name, id, account),
                (None, Some(part)) => contains(id, part),
                (None, None) => true,
            }
    };
    let everyone =
        locked && [deactivated, admins] == [None, None] && (&name, &user_id) == (&None, &None);
    let (total, users) =
        if everyone && query.get("order_by").is_none() && query.get("dir") != Some("b") {
            (
                state.accounts.shown(),
                state.listed_from(from).take(limit).map(ListedAccount::from_account).collect(),
            )
        } else {
            let mut rows: Vec<(&str, &SynapseAccount)> =
                state.accounts().filter(|(id, account)| wanted(id, account)).collect();
            order(&mut rows, query);
            (
                rows.len(),
                rows.into_iter()
                    .skip(from)
                    .take(limit)
                    .map(ListedAccount::from_account)
                    .collect::<Vec<_>>(),
            )
        };
    let more = from.saturating_add(limit) < total;
    let next_token = more.then(|| (from + users.len()).to_string());
    Ok(answer(StatusCode::OK, &AccountsPage { users, next_token, total }))
}

fn is_called(name: &str, id: &str, account: &SynapseAccount) -> bool {
    let localpart = id.split_once(':').map_or(id, |(localpart, _)| localpart);
    contains(&localpart[1..], name)
        || account.displayname.as_ref().is_some_and(|shown| contains(&shown.to_lowercase(), name))
}

/// Matches SQL's `LIKE '%part%'`, in which an underscore is any one character.
fn contains(text: &str, part: &str) -> bool {
    let (text, part): (Vec<char>, Vec<char>) = (text.chars().collect(), part.chars().collect());
    let fits =
        |window: &[char]| window.iter().zip(&part).all(|(have, want)| *want == '_' || have == want);
    part.is_empty() || text.windows(part.len()).any(fits)
}

/// Sorts the rows. Rows with the same value stay in order of name in both directions: Synapse sorts
/// by name last.
fn order(rows: &mut [(&str, &SynapseAccount)], query: &Params) {
    let backward = query.get("dir") == Some("b");
    match query.get("order_by") {
        Some("creation_ts") => sort_by(rows, backward, |account| account.created / 1000),
        Some("deactivated") => sort_by(rows, backward, |account| account.deactivated),
        Some("locked") => sort_by(rows, backward, |account| account.locked),
        Some("admin") => sort_by(rows, backward, |account| account.admin),
        _ if backward => rows.reverse(),
        _ => {}
    }
}

fn sort_by<K: Ord>(
    rows: &mut [(&str, &SynapseAccount)],
    backward: bool,
    key: impl Fn(&SynapseAccount) -> K,
) {
    rows.sort_by(|(_, one), (_, other)| {
        let order = key(one).cmp(&key(other));
        if backward { order.reverse() } else { order }
    });
}

#[derive(Serialize)]
struct AccountsPage<'a> {
    users: Vec<ListedAccount<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    total: usize,
}

/// A user in a list.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the row is Synapse's")]
struct ListedAccount<'a> {
    name: &'a str,
    user_type: Option<&'a str>,
    is_guest: bool,
    admin: bool,
    deactivated: bool,
    shadow_banned: bool,
    displayname: Option<&'a str>,
    avatar_url: Option<&'a str>,
    creation_ts: u64,
    erased: bool,
    last_seen_ts: Option<u64>,
    locked: bool,
}

impl<'a> ListedAccount<'a> {
    fn from_account((name, account): (&'a str, &'a SynapseAccount)) -> Self {
        Self {
            name,
            user_type: account.user_type.as_deref(),
            is_guest: false,
            admin: account.admin,
            deactivated: account.deactivated,
            shadow_banned: false,
            displayname: account.displayname.as_deref(),
            avatar_url: account.avatar_url.as_deref(),
            creation_ts: account.created / 1000 * 1000,
            erased: account.erased,
            last_seen_ts: account.last_seen,
            locked: account.locked,
        }
    }
}

/// `GET /_synapse/admin/v2/users/{user_id}`
async fn user(
    State(state): State<Shared<SynapseState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    auth::admin(&state, &headers).await?;
    let state = state.lock();
    if !id.starts_with('@') || !id.contains(':') {
        return Err(SynapseRefusal::bad_request(
            "M_INVALID_PARAM",
            "Expected UserID string to start with '@'",
        ));
    }
    if !id.ends_with(&format!(":{}", state.settings.server_name)) {
        return Err(SynapseRefusal::bad_request("M_UNKNOWN", "Can only look up local users"));
    }
    let account = state.accounts.get(&id).ok_or_else(SynapseRefusal::user_not_found)?;
    Ok(answer(StatusCode::OK, &detail(&id, account)))
}

fn detail(id: &str, account: &SynapseAccount) -> Value {
    let threepids: Vec<Value> = account
        .emails
        .iter()
        .map(
            |(address, added)| json!({"medium": "email", "address": address, "validated_at": added, "added_at": added}),
        )
        .collect();
    json!({
        "name": id,
        "admin": account.admin,
        "deactivated": account.deactivated,
        "locked": account.locked,
        "shadow_banned": false,
        // Like the real one: seconds here, milliseconds in the lists.
        "creation_ts": account.created / 1000,
        "appservice_id": account.appservice_id,
        "consent_server_notice_sent": null,
        "consent_version": null,
        "consent_ts": null,
        "user_type": account.user_type,
        "is_guest": account.guest,
        "suspended": account.suspended,
        "displayname": account.displayname,
        "avatar_url": account.avatar_url,
        "threepids": threepids,
        "external_ids": account.external_ids,
        "erased": account.erased,
        "last_seen_ts": account.last_seen,
    })
}

fn boolean(query: &Params, name: &str) -> Result<Option<bool>, SynapseRefusal> {
    match query.get(name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => {
            let text = format!("Boolean query parameter {name} must be one of ['true', 'false']");
            Err(SynapseRefusal::bad_request("M_UNKNOWN", &text))
        }
    }
}

fn whole_number(query: &Params, name: &str, default: usize) -> Result<usize, SynapseRefusal> {
    let Some(text) = query.get(name) else {
        return Ok(default);
    };
    let number: i64 = text.parse().map_err(|_| {
        SynapseRefusal::bad_request(
            "M_INVALID_PARAM",
            &format!("Query parameter {name} must be an integer."),
        )
    })?;
    usize::try_from(number).map_err(|_| {
        let text = format!("Query parameter {name} must be a positive integer.");
        SynapseRefusal::bad_request("M_INVALID_PARAM", &text)
    })
}
