//! Reads one account as it is now, for the second look and for the wait after the last action.

use futures_util::future::try_join;
use tokio::time::Instant;

use super::mas::{FoundInMas, MasUser};
use super::{LinkProvider, ReadError, Readers};
use crate::config::AccountSource;
use crate::http::HttpError;
use crate::model::{
    Account, AccountDetail, AccountState, Existence, KeycloakId, MasUserId, Room, Server, UserId,
};

/// The state of an account, and the server that reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentState {
    pub server: Server,
    /// The state; `None` if the server has no account of this name.
    pub state: Option<AccountState>,
}

/// What each server says about one account, for `explain`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerAnswers {
    /// From the homeserver, if it was asked and knows the account.
    pub synapse: Option<AccountDetail>,
    /// From MAS, if it was asked and knows the account.
    pub mas: Option<MasUser>,
}

impl Readers {
    /// Asks every server about one account.
    pub async fn ask_about(&self, account: &Account) -> Result<ServerAnswers, HttpError> {
        let mut asked = ServerAnswers::default();
        if let Some(synapse) = &self.synapse {
            asked.synapse = synapse.detail(&account.user_id).await?;
        }
        if let (Some(mas), Some(id)) = (&self.mas, account.mas.id()) {
            asked.mas = mas.user(id).await?;
        }
        Ok(asked)
    }

    /// Returns everything that the servers know about one account: its state from MAS if MAS was
    /// asked, else from Synapse, and the rest from both.
    pub(super) async fn detail(
        &self,
        user_id: &UserId,
        mas_id: Option<&MasUserId>,
    ) -> Result<AccountDetail, ReadError> {
        let in_synapse = async {
            match &self.synapse {
                Some(synapse) => synapse.detail(user_id).await,
                None => Ok(None),
            }
        };
        let in_mas = async {
            match mas_id {
                Some(id) => self.mas_user(user_id, id).await.map(Some),
                None => Ok(None),
            }
        };
        let (in_synapse, in_mas) = try_join(async { Ok(in_synapse.await?) }, in_mas).await?;
        if in_synapse.is_none() && (in_mas.is_none() || self.source == AccountSource::Synapse) {
            return Err(ReadError::AccountGone {
                server: Server::Synapse,
                user_id: user_id.clone(),
            });
        }
        // An account is in Synapse only once its owner has first opened a client.
        let mut detail = in_synapse.unwrap_or_else(|| AccountDetail::new(user_id.clone()));
        if let Some(user) = in_mas {
            detail.state = match self.source {
                AccountSource::Synapse => user.state.in_mas_and(detail.state),
                AccountSource::Mas => AccountState { erased: detail.state.erased, ..user.state },
            };
            detail.admin |= user.admin;
            detail.deactivated_in_mas = user.state.deactivated;
            detail.locked_at = user.locked_at;
            detail.disabled_at = user.disabled_at;
            detail.last_disabled_at = user.last_disabled_at;
        }
        Ok(detail)
    }

    /// Returns the account that is there although one of this name is to be created, or that there
    /// is none.
    pub(super) async fn detail_of_new(
        &self,
        user_id: &UserId,
        owner: &[KeycloakId],
        provider: Option<&LinkProvider>,
    ) -> Result<AccountDetail, ReadError> {
        // MAS's worker may have brought it to the homeserver since the list was read.
        let in_synapse = match &self.synapse {
            Some(synapse) => synapse.detail(user_id).await?,
            None => None,
        };
        let is_in_synapse = in_synapse.is_some();
        let detail = in_synapse.unwrap_or_else(|| AccountDetail::new(user_id.clone()));
        let in_mas = match &self.mas {
            Some(mas) => mas.found_by_name(user_id.localpart(), None).await?,
            None => FoundInMas::Nothing,
        };
        // The user may have an account under another name, which the homeserver does not list yet.
        if let (Some(mas), Some(provider)) = (&self.mas, provider) {
            for id in owner {
                if mas.has_link(id, provider).await? {
                    return Ok(detail);
                }
            }
        }
        let existence = match (in_mas, &self.mas, provider) {
            (FoundInMas::Nothing, ..) if is_in_synapse => Existence::Exists,
            (FoundInMas::Nothing, ..) => Existence::Missing,
            (FoundInMas::User(user), Some(mas), Some(provider))
                if user.name == *user_id.localpart()
                    && user.state.is_active()
                    && mas.links_of(&user.id, provider).await?.newest().is_none() =>
            {
                Existence::WithoutLink(user.id)
            }
            (FoundInMas::User(_) | FoundInMas::Ambiguous, ..) => Existence::Exists,
        };
        Ok(AccountDetail { existence, ..detail })
    }

    /// Returns the user of MAS that has this ID, if the account is still theirs.
    async fn mas_user(&self, user_id: &UserId, id: &MasUserId) -> Result<MasUser, ReadError> {
        let gone = || ReadError::AccountGone { server: Server::Mas, user_id: user_id.clone() };
        let user = self.mas().user(id).await?.ok_or_else(gone)?;
        // MAS and Synapse may spell a name differently, but only in case.
        if user.user_id.localpart().key() == user_id.localpart().key() {
            return Ok(user);
        }
        let path = ["users", &*id.text()];
        Err(self.mas().api().about_another(&path, &user.user_id.text()).into())
    }

    /// Checks that the account still has the same links as in the list.
    pub(super) async fn links_hold(
        &self,
        user_id: &UserId,
        mas_id: Option<&MasUserId>,
        listed: &[KeycloakId],
        provider: Option<&LinkProvider>,
    ) -> Result<(), ReadError> {
        let (Some(provider), Some(id)) = (provider, mas_id) else { return Ok(()) };
        let mut now = self.mas().links_of(id, provider).await?.to_vec();
        let mut listed = listed.to_vec();
        now.sort();
        listed.sort();
        if now == listed { Ok(()) } else { Err(ReadError::LinksMoved { user_id: user_id.clone() }) }
    }

    /// Returns the rooms that an account is in, or `None` if no homeserver is configured.
    pub async fn rooms_of(
        &self,
        user_id: &UserId,
        names_until: Instant,
    ) -> Result<Option<Vec<Room>>, HttpError> {
        match &self.synapse {
            Some(synapse) => synapse.rooms_of(user_id, names_until).await.map(Some),
            None => Ok(None),
        }
    }

    /// Returns the state of an account that counts in the end: on the homeserver, or in MAS if no
    /// homeserver is configured or it does not know the account.
    pub async fn current_state(
        &self,
        user_id: &UserId,
        mas_id: Option<&MasUserId>,
    ) -> Result<CurrentState, HttpError> {
        if let Some(synapse) = &self.synapse {
            let state = synapse.detail(user_id).await?.map(|detail| detail.state);
            if state.is_some() || self.source == AccountSource::Synapse {
                return Ok(CurrentState { server: Server::Synapse, state });
            }
        }
        let state = match (mas_id, &self.mas) {
            (Some(id), _) => self.mas().user(id).await?.map(|user| user.state),
            // It was just created.
            (None, Some(mas)) => {
                let found = mas.found_by_name(user_id.localpart(), None).await?;
                found.user().map(|user| user.state)
            }
            (None, None) => None,
        };
        Ok(CurrentState { server: Server::Mas, state })
    }
}
