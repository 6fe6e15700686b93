//! Ends what still has an administrator's rights after the user has lost them: a session keeps the
//! scope that it began with.

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::mas_api::ends_the_waiting;
use crate::http::{HttpError, Missing, none_if_missing};
use crate::mas_api::{MasApi, Resource};
use crate::model::MasUserId;

/// A session with its scope.
///
/// Source: `GET /oauth2-sessions` (`user_id`, `finished_at`) and `GET /personal-sessions` (the
/// others).
#[derive(Debug, Deserialize)]
struct ScopedSession {
    user_id: Option<MasUserId>,
    /// The user that a personal access token acts as.
    actor_user_id: Option<MasUserId>,
    /// The owner of a personal access token, if that is a user.
    owner_user_id: Option<MasUserId>,
    scope: Option<Box<str>>,
    finished_at: Option<Box<str>>,
    revoked_at: Option<Box<str>>,
}

impl ScopedSession {
    fn is_of(&self, id: &MasUserId) -> bool {
        [&self.user_id, &self.actor_user_id, &self.owner_user_id]
            .into_iter()
            .flatten()
            .any(|user| user == id)
    }

    fn is_open(&self) -> bool {
        self.finished_at.is_none() && self.revoked_at.is_none()
    }

    fn has_rights(&self) -> bool {
        let scopes = self.scope.iter().flat_map(|scope| scope.split_whitespace());
        let mut scopes =
            scopes.map(|scope| scope.starts_with("urn:synapse:admin:") || scope == "urn:mas:admin");
        scopes.any(|has_rights| has_rights)
    }
}

/// Ends the OAuth 2.0 sessions of a user, and revokes the personal access tokens that the user owns
/// or that act as the user, if their scope has administrator rights. Compatibility sessions show no
/// scope. MAS ignores filters that it does not know (trap 42), so each row is checked. If one cannot
/// be ended, the others still are, unless MAS does not answer; then the first error is returned.
pub(super) async fn end(mas: &MasApi, id: &MasUserId) -> Result<(), HttpError> {
    let with_rights = |session: Resource<ScopedSession>| {
        let Resource { id: session_id, attributes } = session;
        (attributes.is_of(id) && attributes.is_open() && attributes.has_rights())
            .then_some(session_id)
    };
    let mut ended = Ok(());
    let filter = [("filter[user]", &*id.text()), ("filter[status]", "active")];
    for session in mas.shrinking_list(&["oauth2-sessions"], &filter, with_rights).await? {
        let path = ["oauth2-sessions", &session, "finish"];
        match finish(mas, &path, StatusCode::BAD_REQUEST).await {
            Err(error) if ends_the_waiting(&error) => return Err(error),
            one => ended = ended.and(one),
        }
    }
    let filter = [("filter[status]", "active")];
    let tokens = match mas.shrinking_list(&["personal-sessions"], &filter, with_rights).await {
        // MAS before 1.5 has none.
        Err(error) if error.is_missing_in_mas() => Vec::new(),
        tokens => tokens?,
    };
    for token in tokens {
        match finish(mas, &["personal-sessions", &token, "revoke"], StatusCode::CONFLICT).await {
            Err(error) if ends_the_waiting(&error) => return Err(error),
            one => ended = ended.and(one),
        }
    }
    ended
}

/// Ends a session; one that has ended already is a status of its own.
async fn finish(mas: &MasApi, path: &[&str], ended_before: StatusCode) -> Result<(), HttpError> {
    let ended: Result<Option<IgnoredAny>, _> =
        none_if_missing(Missing::Session, mas.post(path, None).await);
    match ended {
        Err(error) if error.status() == Some(ended_before) => Ok(()),
        ended => ended.map(drop),
    }
}
