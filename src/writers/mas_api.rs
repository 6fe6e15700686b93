//! The writer for hosts without mas-cli: MAS's Admin API (recordings: `mas-admin-api.json`).

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::warn;

use super::{Write, WriterError};
use crate::causes::in_one_line;
use crate::http::{HttpError, Patience, none_if_missing};
use crate::mas_api::{MasApi, Resource, Single, UserAttributes};
use crate::model::MasUserId;
use crate::plan::{Action, DisableMode, Pass};

/// The lists of sessions that a person has open: compatibility, OAuth 2.0, browser. Personal tokens are left alone.
const SESSIONS: [&str; 3] = ["compat-sessions", "oauth2-sessions", "user-sessions"];

/// Asks MAS itself.
#[derive(Debug)]
pub struct MasApiWriter {
    mas: MasApi,
}

/// A session, in any of the lists.
#[derive(Debug, Deserialize)]
struct SessionAttributes {
    /// Nobody's where a client acts for itself.
    user_id: Option<Box<str>>,
    finished_at: Option<Box<str>>,
}

impl MasApiWriter {
    /// A writer on the connection that the reader uses, with more patience: what was begun should be brought to an end.
    #[must_use]
    pub fn new(mas: &MasApi) -> Self {
        Self { mas: mas.with(Patience::Writing) }
    }

    /// `POST /users/{id}/{what}`. Each of these is harmless when asked twice.
    async fn change(&self, id: &MasUserId, what: &str, body: Option<&Value>) -> Result<UserAttributes, WriterError> {
        let answer = self.mas.post(&["users", &*id.text(), what], body).await;
        let found: Option<Single<UserAttributes>> = none_if_missing(answer)?;
        match found {
            Some(Single { data: Resource { attributes, .. } }) => Ok(attributes),
            None => Err(WriterError::UserGone { id: id.clone() }),
        }
    }

    /// Without `skip_erase` the user would be erased, and nothing brings back what is erased.
    async fn deactivate(&self, id: &MasUserId) -> Result<(), WriterError> {
        self.change(id, "deactivate", Some(&json!({"skip_erase": true}))).await.map(drop)
    }

    /// Ends every session, and goes on where one cannot be ended; the first error is the answer. A server that was waited
    /// out is not waited for again: with three lists, and each session of them, a hang would take minutes.
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
        // A filter that MAS does not know is ignored, and the answer is everybody: each row has to say for itself.
        let open = |session: Resource<SessionAttributes>| {
            let SessionAttributes { user_id, finished_at } = session.attributes;
            (user_id.as_deref() == Some(&*user) && finished_at.is_none()).then_some(session.id)
        };
        let filter = [("filter[user]", &*user), ("filter[status]", "active")];
        let sessions = none_if_missing(self.mas.shrinking_list(&[kind], &filter, open).await)?;
        let mut ended = Ok(());
        for session in sessions.into_iter().flatten() {
            match self.end(kind, &session).await {
                Err(error) if ends_the_waiting(&error) => return Err(error),
                one => ended = ended.and(one),
            }
        }
        ended
    }

    /// A session that has ended is refused as a bad request: the job that deactivates may be faster.
    async fn end(&self, kind: &str, session: &str) -> Result<(), HttpError> {
        let answer = self.mas.post(&[kind, session, "finish"], None).await;
        let ended: Result<Option<serde::de::IgnoredAny>, _> = none_if_missing(answer);
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

    /// The unlock comes first, because a run that ends between the two then leaves someone whom the next run still sees
    /// as disabled.
    async fn activate(&self, action: Pass<'_>) -> Result<(), WriterError> {
        let id = id_of(&action)?;
        self.change(id, "unlock", None).await?;
        let reactivated = self.change(id, "reactivate", None).await.map(drop);
        reactivated.map_err(|source| WriterError::NotReactivated { source: Box::new(source) })
    }

    /// The lock comes first: it takes effect at once. Where its answer was lost it may be there, and everything else
    /// follows all the same: the next run would leave the lock as it is. Sessions are ended whatever becomes of the
    /// deactivation, because the next run would find the account disabled and leave them open; but a server that was waited
    /// out is not waited for again. Then the deactivation ends them, its job or whoever repeats it.
    async fn disable(&self, action: Pass<'_>, mode: DisableMode) -> Result<(), WriterError> {
        let id = id_of(&action)?;
        let locked = self.change(id, "lock", None).await.map(drop);
        match &locked {
            Err(WriterError::Api(error)) if error.is_answer_lost() => {}
            Err(_) => return locked,
            Ok(()) => {}
        }
        let deactivated = match mode {
            DisableMode::Deactivate => self.deactivate(id).await,
            DisableMode::Lock => Ok(()),
        };
        let ended = match &deactivated {
            Err(WriterError::Api(error)) if error.is_waited_out() => Ok(()),
            _ => match self.end_sessions(id).await {
                Ok(()) => Ok(()),
                Err(error) if ends_the_waiting(&error) => Err(error),
                // Once disabled, the next run would find nothing to do, so this half is not left to it.
                Err(first) => {
                    warn!("{}; trying once more", in_one_line(&first));
                    self.end_sessions(id).await
                }
            },
        };
        let ended = ended.map_err(|source| WriterError::SessionsLeft { source: Box::new(source.into()) });
        if let (Err(_), Err(also)) = (&deactivated, &ended) {
            warn!("{}: {}", action.user_id, in_one_line(also));
        }
        // Whether the lock is there is not known, and what is said of the rest would say that it is.
        locked?;
        deactivated.map_err(|source| WriterError::NotDeactivated { source: Box::new(source) })?;
        ended
    }

    fn concurrency(&self) -> usize {
        self.mas.config().concurrency
    }
}

/// Whether nothing more should be asked in this action: nobody answers, or whoever does stays busy.
fn ends_the_waiting(error: &HttpError) -> bool {
    error.is_silence() || error.is_waited_out()
}

fn id_of(action: &Action) -> Result<&MasUserId, WriterError> {
    action.mas_id.as_ref().ok_or(WriterError::NotInMas)
}
