//! One account as it is now: for the second look, and for the wait after the last action.

use futures_util::future::try_join;

use super::mas::MasUser;
use super::{LinkProvider, ReadError, Readers};
use crate::config::AccountSource;
use crate::http::HttpError;
use crate::model::{Account, AccountDetail, AccountState, KeycloakId, MasUserId, Server, UserId};

/// What has become of an account, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Now {
    /// Who was asked.
    pub server: Server,
    /// What it says; `None` where it knows nobody of this name.
    pub state: Option<AccountState>,
}

/// What each server says of one account, for a person to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The homeserver, where it is asked and knows the account.
    pub synapse: Option<AccountDetail>,
    /// MAS, where it is asked and knows the account.
    pub mas: Option<MasUser>,
}

impl Readers {
    /// Asks every server about one account.
    pub async fn ask_about(&self, account: &Account) -> Result<Asked, HttpError> {
        let mut asked = Asked::default();
        if let Some(synapse) = &self.synapse {
            asked.synapse = synapse.detail(&account.user_id).await?;
        }
        if let (Some(mas), Some(id)) = (&self.mas, account.mas.id()) {
            asked.mas = mas.user(id).await?;
        }
        Ok(asked)
    }

    /// Returns everything that the servers know about one account: its state from MAS if MAS was asked, or else from
    /// Synapse, and the rest from both.
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
            return Err(ReadError::AccountGone { server: Server::Synapse, user_id: user_id.clone() });
        }
        // Before its owner first opens a client, an account is not in Synapse yet.
        let mut detail = in_synapse.unwrap_or_else(|| AccountDetail::new(user_id.clone()));
        if let Some(user) = in_mas {
            detail.state = match self.source {
                AccountSource::Synapse => user.state.in_mas_and(detail.state),
                AccountSource::Mas => AccountState { erased: detail.state.erased, ..user.state },
            };
            detail.admin |= user.admin;
            detail.deactivated_in_mas = user.state.deactivated;
            detail.disabled_at = user.disabled_at;
        }
        Ok(detail)
    }

    /// Returns the user of MAS that has this ID, if the account is still theirs.
    async fn mas_user(&self, user_id: &UserId, id: &MasUserId) -> Result<MasUser, ReadError> {
        let gone = || ReadError::AccountGone { server: Server::Mas, user_id: user_id.clone() };
        let user = self.mas().user(id).await?.ok_or_else(gone)?;
        // Names differ in case at the most: MAS and Synapse spell some of them differently.
        if user.user_id.localpart().key() == user_id.localpart().key() {
            return Ok(user);
        }
        let path = ["users", &*id.text()];
        Err(self.mas().api().about_another(&path, &user.user_id.text()).into())
    }

    /// Whether the account is tied to the same people as it was in the list.
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

    /// The state of an account where it counts in the end: on the homeserver, or in MAS where there is none to be asked
    /// or it has never heard of the account.
    pub async fn now(&self, user_id: &UserId, mas_id: Option<&MasUserId>) -> Result<Now, HttpError> {
        if let Some(synapse) = &self.synapse {
            let state = synapse.detail(user_id).await?.map(|detail| detail.state);
            if state.is_some() || self.source == AccountSource::Synapse {
                return Ok(Now { server: Server::Synapse, state });
            }
        }
        let state = match mas_id {
            Some(id) => self.mas().user(id).await?.map(|user| user.state),
            None => None,
        };
        Ok(Now { server: Server::Mas, state })
    }
}
