//! Creates an account by MAS's Admin API (recordings: `mas-lifecycle.json`).
//!
//! The link comes last: an account without one is half made, and the next run goes on with it. Each
//! step may be repeated, and looks into a conflict: what is there may be our own.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tracing::warn;

use super::WriterError;
use crate::error_chain::in_one_line;
use crate::http::{HttpError, Missing, none_if_missing};
use crate::mas_api::{MasApi, Resource, Single, UserAttributes};
use crate::model::{Links, Localpart, MasUserId, ServerText, Timestamp};
use crate::plan::{NewAccount, Pass};

/// The clocks of MAS and of this host may differ by this much.
const CLOCKS: Duration = Duration::from_mins(1);

/// Source: `GET /upstream-oauth-links`.
#[derive(Debug, Deserialize)]
struct LinkAttributes {
    provider_id: Box<str>,
    subject: Box<str>,
    user_id: Option<MasUserId>,
}

/// A row that belongs to a user.
#[derive(Debug, Deserialize)]
struct OwnedAttributes {
    user_id: Option<MasUserId>,
}

/// The lists whose rows show that someone uses an account.
const SIGNS_OF_USE: [&str; 4] =
    ["upstream-oauth-links", "compat-sessions", "oauth2-sessions", "user-sessions"];

/// Source: `GET /user-emails`.
#[derive(Debug, Deserialize)]
struct EmailAttributes {
    user_id: MasUserId,
    email: Box<str>,
}

fn half_made(source: WriterError) -> WriterError {
    WriterError::HalfMade { source: Box::new(source) }
}

/// A user of Keycloak and of MAS.
struct NewUser<'n> {
    mas: &'n MasApi,
    name: &'n Localpart,
    new: &'n NewAccount,
}

/// Creates the account of an action, or finishes it.
pub(super) async fn create(mas: &MasApi, action: Pass<'_>) -> Result<(), WriterError> {
    let name = action.localpart();
    let Some(new) = action.new.as_ref() else { return Err(WriterError::NotInMas) };
    let user = NewUser { mas, name, new };
    let id = match &action.mas_id {
        Some(id) => user.finish(id).await?,
        None => user.register().await?,
    };
    user.add_email(&id).await.map_err(|error| half_made(error.into()))?;
    user.link(&id).await.map_err(half_made)
}

impl NewUser<'_> {
    /// Returns the account that an earlier run has begun, if it was made at that time and no one has
    /// used it: another user may have registered the name since.
    ///
    /// Source: `GET /users/{id}`.
    async fn finish(&self, id: &MasUserId) -> Result<MasUserId, WriterError> {
        let found = self.mas.get(&["users", &*id.text()], &[]).await;
        let found: Single<UserAttributes> =
            found.map_err(|source| WriterError::Unread { source: Box::new(source) })?;
        let created = found.data.attributes.created_at();
        let is_in = |(begin, end): &(Timestamp, Timestamp)| {
            created.is_some_and(|at| begin.before(CLOCKS) <= at && at <= end.after(CLOCKS))
        };
        let is_ours = async || {
            let is_ours = self.is_as_we_make_it(id).await;
            is_ours.map_err(|source| WriterError::Unread { source: Box::new(source) })
        };
        if self.new.attempts.iter().any(is_in) && is_ours().await? {
            Ok(id.clone())
        } else {
            Err(WriterError::NameTaken { localpart: self.name.clone() })
        }
    }

    /// Registers the name. A conflict may be our own request, whose answer was lost.
    ///
    /// Source: `POST /users`.
    async fn register(&self) -> Result<MasUserId, WriterError> {
        let mut body = json!({"username": self.name.as_str()});
        if let Some(name) = &self.new.user.name {
            body["displayname"] = json!(name.raw());
        }
        let begin = Timestamp::now();
        match self.mas.post::<Single<UserAttributes>>(&["users"], Some(&body)).await {
            Ok(Single { data }) => Ok(data.user_id()),
            Err(error) if error.status() == Some(StatusCode::CONFLICT) => {
                let may_be_ours = error.tried_in_doubt.then_some(begin);
                let found = self.registered(error, may_be_ours).await;
                match may_be_ours {
                    // What was made has to be finished later.
                    Some(_) => found.map_err(half_made),
                    None => found,
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the account of the name if it is the user's: linked to them, or our own since `begin`
    /// and used by no one.
    async fn registered(
        &self,
        error: HttpError,
        begin: Option<Timestamp>,
    ) -> Result<MasUserId, WriterError> {
        let path = ["users", "by-username", self.name.as_str()];
        let found: Option<Single<UserAttributes>> =
            none_if_missing(Missing::User, self.mas.get(&path, &[]).await)?;
        let Some(Single { data: user }) = found else { return Err(error.into()) };
        let id = user.user_id();
        let is_since = |begin: Timestamp| {
            user.attributes.created_at().is_some_and(|created| begin.before(CLOCKS) <= created)
        };
        let links = self.links_of(&id).await?;
        let is_ours = *user.attributes.username == *self.name.as_str()
            && begin.is_some_and(is_since)
            && self.is_as_we_make_it(&id).await?;
        if links.contains(&self.new.user.id) || is_ours {
            Ok(id)
        } else {
            Err(WriterError::NameTaken { localpart: self.name.clone() })
        }
    }

    /// Returns whether an account is as this program makes it: linked to no one, never logged in to,
    /// and without an e-mail address but the user's, the present one or that of an earlier attempt. A
    /// registration opens a session.
    ///
    /// Source: `GET /upstream-oauth-links`, `/compat-sessions`, `/oauth2-sessions`, `/user-sessions`
    /// and `/user-emails` with `filter[user]`; ended sessions stay in the lists.
    async fn is_as_we_make_it(&self, id: &MasUserId) -> Result<bool, HttpError> {
        let filter = [("filter[user]", &*id.text())];
        let is_theirs = |row: Resource<OwnedAttributes>| {
            (row.attributes.user_id.as_ref() == Some(id)).then_some(())
        };
        for list in SIGNS_OF_USE {
            if !self.mas.shrinking_list(&[list], &filter, is_theirs).await?.is_empty() {
                return Ok(false);
            }
        }
        let is_strange = |Resource { attributes: row, .. }: Resource<EmailAttributes>| {
            (row.user_id == *id && !self.is_the_users(&row.email)).then_some(())
        };
        Ok(self.mas.shrinking_list(&["user-emails"], &filter, is_strange).await?.is_empty())
    }

    fn is_the_users(&self, email: &str) -> bool {
        let now = self.new.user.email.as_ref().map(ServerText::raw);
        let before = self.new.emails.iter().map(|email| &**email);
        now.into_iter().chain(before).any(|one| one.eq_ignore_ascii_case(email))
    }

    /// Adds the e-mail address. The account is complete without one that another user has.
    ///
    /// Source: `POST /user-emails`.
    async fn add_email(&self, id: &MasUserId) -> Result<(), HttpError> {
        let email = self.new.user.email.as_ref().filter(|email| !email.raw().is_empty());
        let Some(email) = email else { return Ok(()) };
        let body = json!({"user_id": id.text(), "email": email.raw()});
        let added: Result<IgnoredAny, _> = self.mas.post(&["user-emails"], Some(&body)).await;
        match added {
            Ok(_) => Ok(()),
            Err(error) if error.is_about_the_request() => {
                if !self.has_email(id, email).await? {
                    warn!("{}: no e-mail address: {}", self.name, in_one_line(&error));
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn has_email(&self, id: &MasUserId, email: &ServerText) -> Result<bool, HttpError> {
        let is_it = |Resource { attributes: row, .. }: Resource<EmailAttributes>| {
            (row.user_id == *id && row.email.eq_ignore_ascii_case(email.raw())).then_some(())
        };
        let filter = [("filter[user]", &*id.text())];
        let found = self.mas.shrinking_list(&["user-emails"], &filter, is_it).await?;
        Ok(!found.is_empty())
    }

    /// Links the account to its user. A conflict may be our own request, whose answer was lost.
    ///
    /// Source: `POST /upstream-oauth-links`.
    async fn link(&self, id: &MasUserId) -> Result<(), WriterError> {
        let NewAccount { user, provider, .. } = self.new;
        let body = json!({
            "user_id": id.text(),
            "provider_id": provider.raw(),
            "subject": user.id.text(),
            "human_account_name": user.username.raw(),
        });
        let linked: Result<IgnoredAny, _> =
            self.mas.post(&["upstream-oauth-links"], Some(&body)).await;
        match linked {
            Ok(_) => Ok(()),
            Err(error) if error.status() == Some(StatusCode::CONFLICT) => {
                if self.links_of(id).await?.contains(&user.id) {
                    Ok(())
                } else {
                    Err(WriterError::LinkedElsewhere { username: user.username.clone() })
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the subjects that the provider links a user of MAS to.
    async fn links_of(&self, id: &MasUserId) -> Result<Links, HttpError> {
        let theirs = |Resource { attributes: link, .. }: Resource<LinkAttributes>| {
            let is_theirs = link.user_id.as_ref() == Some(id)
                && link.provider_id.eq_ignore_ascii_case(self.new.provider.raw());
            is_theirs.then(|| link.subject.into())
        };
        let filter = [("filter[user]", &*id.text())];
        let subjects = self.mas.shrinking_list(&["upstream-oauth-links"], &filter, theirs).await?;
        Ok(subjects.into_iter().collect())
    }
}
