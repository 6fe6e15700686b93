//! One account as it is now: for the second look, and for the wait after the last action.

use super::mas::MasUser;
use super::{LinkProvider, ReadError, Readers};
use crate::config::AccountSource;
use crate::http::{HttpError, Server};
use crate::model::{Account, AccountDetail, AccountState, KeycloakId, MasUserId, UserId};

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

    /// Everything that the servers know of one account: its state from where the accounts are listed, the rest from
    /// whoever knows it.
    pub(super) async fn detail(
        &self,
        user_id: &UserId,
        mas_id: Option<&MasUserId>,
    ) -> Result<AccountDetail, ReadError> {
        let in_synapse = match &self.synapse {
            Some(synapse) => synapse.detail(user_id).await?,
            None => None,
        };
        let gone = |server| ReadError::AccountGone { server, user_id: user_id.clone() };
        match (self.source, mas_id) {
            (AccountSource::Mas, Some(id)) => {
                let user = self.mas().user(id).await?.ok_or_else(|| gone(Server::Mas))?;
                if user.user_id != *user_id {
                    let path = ["users", &*id.text()];
                    return Err(self.mas().api().about_another(&path, &user.user_id.text()).into());
                }
                // Someone who has never opened a client has no account in Synapse yet.
                let (bot, appservice, admin) =
                    in_synapse.map_or((false, None, false), |detail| (detail.bot, detail.appservice, detail.admin));
                Ok(AccountDetail {
                    user_id: user.user_id,
                    appservice,
                    admin: user.admin || admin,
                    bot,
                    state: user.state,
                })
            }
            _ => in_synapse.ok_or_else(|| gone(Server::Synapse)),
        }
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
