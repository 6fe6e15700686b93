//! Finds the users behind personal access tokens (trap 41): the user that a token acts as, and its
//! owner. The deactivation of either ends the token (trap 44).

use semver::Version;
use serde::Deserialize;

use super::MasReader;
use crate::http::HttpError;
use crate::mas_api::Resource;
use crate::model::{Localpart, MasUserId};

/// The scope that a token needs for the Admin API.
const ADMIN_SCOPE: &str = "urn:mas:admin";
/// The scopes that open Synapse's admin API, and its client API by both names.
const SYNAPSE_ADMIN_SCOPES: &[&str] = &["urn:synapse:admin:*"];
const CLIENT_SCOPES: &[&str] =
    &["urn:matrix:client:api:*", "urn:matrix:org.matrix.msc2967.client:api:*"];
/// The first release with `/personal-sessions`.
const PERSONAL_SESSIONS: Version = Version::new(1, 5, 0);

/// What a personal access token for Synapse opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynapseApi {
    Admin,
    Client,
}

impl SynapseApi {
    fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Admin => SYNAPSE_ADMIN_SCOPES,
            Self::Client => CLIENT_SCOPES,
        }
    }
}

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

impl PersonalSession {
    fn opens(&self, scopes: &[&str]) -> bool {
        let mut given = self.scope.split_whitespace();
        self.revoked_at.is_none() && given.any(|scope| scopes.contains(&scope))
    }
}

impl MasReader {
    /// Returns the users behind the personal access token in use; none for client credentials.
    ///
    /// MAS does not say which session a token belongs to, so the users of every token for the Admin
    /// API count. Versions without the list have no such tokens.
    ///
    /// Source: `GET /personal-sessions?filter[status]=active` (recording:
    /// `mas-admin-api-1.12.0.json`). MAS ignores filters that it does not know, so each row is
    /// checked.
    pub async fn token_owners(&self) -> Result<Vec<MasUserId>, HttpError> {
        if self.mas.personal_token().is_none() {
            return Ok(Vec::new());
        }
        let users = |Resource { attributes: session, .. }: Resource<PersonalSession>| {
            session
                .opens(&[ADMIN_SCOPE])
                .then_some([Some(session.actor_user_id), session.owner_user_id])
        };
        let sessions = self.mas.list(
            &["personal-sessions"],
            &[("filter[status]", "active")],
            users,
            |_, _| {},
        );
        let sessions = match sessions.await {
            Err(error) => {
                self.mas.unless_older_than(&PERSONAL_SESSIONS, error).await.map(|()| Vec::new())?
            }
            Ok(sessions) => sessions,
        };
        let mut owners: Vec<_> = sessions.into_iter().flatten().flatten().collect();
        owners.sort();
        owners.dedup();
        Ok(owners)
    }

    /// Returns the users that own a personal access token for this API of Synapse that acts as this
    /// user; none if clients own them. Returns `None` if MAS lists no such token, so that its owner
    /// is unknown.
    ///
    /// Source: `GET /personal-sessions?filter[actor_user]=…&filter[status]=active`. Each row is
    /// checked, as for [`Self::token_owners`].
    pub async fn owners_of_tokens_for_synapse(
        &self,
        actor: &Localpart,
        api: SynapseApi,
    ) -> Result<Option<Vec<MasUserId>>, HttpError> {
        let Some(actor) = self.by_username(actor).await? else { return Ok(None) };
        let id = actor.user_id();
        let owners = |Resource { attributes: session, .. }: Resource<PersonalSession>| {
            let is_theirs = session.actor_user_id == id && session.opens(api.scopes());
            is_theirs.then_some(session.owner_user_id)
        };
        let id_text = id.text();
        let filter = [("filter[actor_user]", &*id_text), ("filter[status]", "active")];
        let sessions: Vec<Option<MasUserId>> =
            match self.mas.list(&["personal-sessions"], &filter, owners, |_, _| {}).await {
                Err(error) => self
                    .mas
                    .unless_older_than(&PERSONAL_SESSIONS, error)
                    .await
                    .map(|()| Vec::new())?,
                Ok(sessions) => sessions,
            };
        let is_listed = !sessions.is_empty();
        let mut owners: Vec<_> = sessions.into_iter().flatten().collect();
        owners.sort();
        owners.dedup();
        Ok(is_listed.then_some(owners))
    }
}
