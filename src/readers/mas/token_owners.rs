//! Finds the users behind the personal access token for MAS (trap 41).

use semver::Version;
use serde::Deserialize;

use super::MasReader;
use crate::http::HttpError;
use crate::mas_api::Resource;
use crate::model::MasUserId;

/// The scope that a token needs for the Admin API.
const ADMIN_SCOPE: &str = "urn:mas:admin";
/// The first release with `/personal-sessions`.
const PERSONAL_SESSIONS: Version = Version::new(1, 5, 0);

/// Source: `GET /personal-sessions`.
#[derive(Debug, Deserialize)]
struct PersonalSession {
    /// The user that the token acts as.
    actor_user_id: MasUserId,
    /// Its owner, if that is a user and not a client.
    owner_user_id: Option<MasUserId>,
    scope: Box<str>,
    revoked_at: Option<Box<str>>,
}

impl MasReader {
    /// Returns the users behind the personal access token in use; none for client credentials.
    ///
    /// MAS does not say which session a token belongs to, so the users of every token for the Admin API
    /// count. Versions without the list have no such tokens.
    ///
    /// Source: `GET /personal-sessions?filter[status]=active` (recording: `mas-admin-api-1.12.0.json`). MAS ignores
    /// filters that it does not know, so each row is checked.
    pub async fn token_owners(&self) -> Result<Vec<MasUserId>, HttpError> {
        if self.mas.personal_token().is_none() {
            return Ok(Vec::new());
        }
        let users = |Resource { attributes: session, .. }: Resource<PersonalSession>| {
            let is_open = session.revoked_at.is_none();
            let opens_admin_api = session.scope.split_whitespace().any(|scope| scope == ADMIN_SCOPE);
            (is_open && opens_admin_api).then_some([Some(session.actor_user_id), session.owner_user_id])
        };
        let sessions = self.mas.list(&["personal-sessions"], &[("filter[status]", "active")], users, |_, _| {});
        let sessions = match sessions.await {
            Err(error) => self.mas.unless_older_than(&PERSONAL_SESSIONS, error).await.map(|()| Vec::new())?,
            Ok(sessions) => sessions,
        };
        let mut owners: Vec<_> = sessions.into_iter().flatten().flatten().collect();
        owners.sort();
        owners.dedup();
        Ok(owners)
    }
}
