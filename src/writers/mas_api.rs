//! Changes accounts through MAS's Admin API, without mas-cli (recordings: `mas-admin-api.json`).

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::warn;

use super::{Shut, Write, WriterError, admin_sessions, new_account};
use crate::error_chain::in_one_line;
use crate::http::{HttpError, Missing, Patience, none_if_missing};
use crate::mas_api::{MasApi, Resource, Single, UserAttributes};
use crate::model::{MasAdmin, MasUserId};
use crate::plan::{Action, DisableMode, Pass};

/// The lists of a user's open sessions: compatibility, OAuth 2.0, browser. Personal tokens stay.
const SESSIONS: [&str; 3] = ["compat-sessions", "oauth2-sessions", "user-sessions"];

/// Writes through the Admin API.
#[derive(Debug)]
pub struct MasApiWriter {
    mas: MasApi,
}

/// A session in any of the lists.
#[derive(Debug, Deserialize)]
struct SessionAttributes {
    /// Missing if a client acts for itself.
    user_id: Option<Box<str>>,
    finished_at: Option<Box<str>>,
}

impl MasApiWriter {
    /// Creates a writer on the reader's connection, with more patience: a change that was started
    /// should be completed.
    #[must_use]
    pub fn new(mas: &MasApi) -> Self {
        Self { mas: mas.with(Patience::Writing) }
    }

    /// Sends `POST /users/{id}/{what}`. Each of these is harmless when sent twice.
    async fn change(
        &self,
        id: &MasUserId,
        what: &str,
        body: Option<&Value>,
    ) -> Result<UserAttributes, WriterError> {
        let answer = self.mas.post(&["users", &*id.text(), what], body).await;
        let found: Option<Single<UserAttributes>> = none_if_missing(Missing::User, answer)?;
        match found {
            Some(Single { data: Resource { attributes, .. } }) => Ok(attributes),
            None => Err(WriterError::UserGone { id: id.clone() }),
        }
    }

    /// Deactivates a user. Without `skip_erase` MAS would erase the user, which cannot be undone.
    async fn deactivate(&self, id: &MasUserId) -> Result<(), WriterError> {
        self.change(id, "deactivate", Some(&json!({"skip_erase": true}))).await.map(drop)
    }

    /// Ends every session, goes on if one cannot be ended, and returns the first error. A server
    /// that did not answer is not asked again: with the sessions of three lists, a hang would take
    /// minutes.
    async fn end_sessions(&self, id: &MasUserId) -> Result<(), HttpError> {
        let mut ended = Ok(());
        for kind in SESSIONS {
            match self.end_sessions_of(kind, id).await {
                Err(error) if ends_the_waiting(&error) => return Err(error),
                of_kind => ended = ended.and(of_kind),
            }
        }
        ended
    }

    async fn end_sessions_of(&self, kind: &str, id: &MasUserId) -> Result<(), HttpError> {
        let user = id.text();
        // MAS ignores unknown filters and then returns all sessions, so each row is checked.
        let open = |session: Resource<SessionAttributes>| {
            let SessionAttributes { user_id, finished_at } = session.attributes;
            (user_id.as_deref() == Some(&*user) && finished_at.is_none()).then_some(session.id)
        };
        let filter = [("filter[user]", &*user), ("filter[status]", "active")];
        let sessions =
            none_if_missing(Missing::User, self.mas.shrinking_list(&[kind], &filter, open).await)?;
        let mut ended = Ok(());
        for session in sessions.into_iter().flatten() {
            match self.end(kind, &session).await {
                Err(error) if ends_the_waiting(&error) => return Err(error),
                one => ended = ended.and(one),
            }
        }
        ended
    }

    /// Ends a session. A bad request means that it has already ended: the deactivation's job may be
    /// faster.
    async fn end(&self, kind: &str, session: &str) -> Result<(), HttpError> {
        let answer = self.mas.post(&[kind, session, "finish"], None).await;
        let ended: Result<Option<serde::de::IgnoredAny>, _> =
            none_if_missing(Missing::Session, answer);
        match ended {
            Err(error) if error.status() == Some(StatusCode::BAD_REQUEST) => Ok(()),
            ended => ended.map(drop),
        }
    }
}

impl Write for MasApiWriter {
    async fn check(&self) -> Result<(), WriterError> {
        match self.mas.version().await? {
            Some(_) => Ok(()),
            None => Err(WriterError::MasTooOld { url: self.mas.config().url.clone() }),
        }
    }

    /// Unlocks first, because after an interruption the next run then still sees the account as
    /// disabled.
    async fn activate(&self, action: Pass<'_>) -> Result<(), WriterError> {
        let id = id_of(&action)?;
        self.change(id, "unlock", None).await?;
        let reactivated = self.change(id, "reactivate", None).await.map(drop);
        reactivated.map_err(|source| WriterError::NotReactivated { source: Box::new(source) })
    }

    async fn create(&self, action: Pass<'_>) -> Result<(), WriterError> {
        new_account::create(&self.mas, action).await
    }

    /// Sessions that have the right in their scope keep it until they end. So they end before the
    /// right is taken: if MAS stops answering, the user is still an administrator, and the next run
    /// tries again. Those that are left or began in between end after it, even if the answer was
    /// lost.
    async fn set_admin(&self, action: Pass<'_>, admin: MasAdmin) -> Result<(), WriterError> {
        let id = id_of(&action)?;
        let body = json!({"admin": admin == MasAdmin::Yes});
        if admin == MasAdmin::Yes {
            return self.change(id, "set-admin", Some(&body)).await.map(drop);
        }
        match admin_sessions::end(&self.mas, id).await {
            Err(error) if error.is_silence() => return Err(error.into()),
            _ => {}
        }
        let taken = self.change(id, "set-admin", Some(&body)).await.map(drop);
        match &taken {
            Err(WriterError::Api(error)) if error.is_answer_lost() => {}
            Err(_) => return taken,
            Ok(()) => {}
        }
        let ended = admin_sessions::end(&self.mas, id).await;
        taken?;
        ended.map_err(|source| WriterError::AdminSessionsLeft { source: Box::new(source.into()) })
    }

    /// Locks first, which takes effect at once. If its answer was lost, the lock may exist, and
    /// everything else still follows: the next run would not touch the lock. Sessions are ended
    /// even if the deactivation failed, because the next run would find the account disabled and
    /// leave them open. But a server that did not answer is not asked again: then the deactivation,
    /// or its repetition, ends them.
    async fn disable(&self, action: Pass<'_>, shut: Shut) -> Result<(), WriterError> {
        let id = id_of(&action)?;
        let locked = self.change(id, "lock", None).await.map(drop);
        match &locked {
            Err(WriterError::Api(error)) if error.is_answer_lost() => {}
            Err(_) => return locked,
            Ok(()) => {}
        }
        let deactivated = match shut.mode {
            DisableMode::Deactivate => self.deactivate(id).await,
            DisableMode::Lock => Ok(()),
        };
        let ended = match &deactivated {
            Err(WriterError::Api(error)) if error.is_waited_out() => Ok(()),
            _ if !shut.ends_sessions() => Ok(()),
            _ => match self.end_sessions(id).await {
                Ok(()) => Ok(()),
                Err(error) if ends_the_waiting(&error) => Err(error),
                // The next run would find the account disabled and not repeat this.
                Err(first) => {
                    warn!("{}; trying once more", in_one_line(&first));
                    self.end_sessions(id).await
                }
            },
        };
        let ended =
            ended.map_err(|source| WriterError::SessionsLeft { source: Box::new(source.into()) });
        if let (Err(_), Err(also)) = (&deactivated, &ended) {
            warn!("{}: {}", action.user_id, in_one_line(also));
        }
        // It is unknown whether the lock exists, but the errors of the rest would say that it does.
        locked?;
        deactivated.map_err(|source| WriterError::NotDeactivated { source: Box::new(source) })?;
        ended
    }

    fn concurrency(&self) -> usize {
        self.mas.config().concurrency
    }
}

/// Returns whether this action should send no more requests: the server does not answer, or stays
/// busy.
pub(super) fn ends_the_waiting(error: &HttpError) -> bool {
    error.is_silence() || error.is_waited_out()
}

fn id_of(action: &Action) -> Result<&MasUserId, WriterError> {
    action.mas_id.as_ref().ok_or(WriterError::NotInMas)
}
