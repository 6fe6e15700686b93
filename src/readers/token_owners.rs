//! Finds the accounts behind the tokens for Synapse: the admin token, and the bot's of
//! `notify.room`.

use reqwest::StatusCode;

use super::mas::SynapseApi;
use super::{Readers, TokenKind};
use crate::http::HttpError;
use crate::model::{MasUserId, TokenOwners, UnknownNotifier, UserId};

impl Readers {
    /// Adds the owners of the tokens for Synapse to the users behind MAS's. `whoami` names only the
    /// user that a token acts as.
    pub(super) async fn with_token_owners(
        &self,
        synapse: Option<UserId>,
        mas: Vec<MasUserId>,
    ) -> Result<TokenOwners, HttpError> {
        let mut owners = TokenOwners { synapse, mas, ..TokenOwners::default() };
        if let Some(actor) =
            owners.synapse.as_ref().filter(|_| self.synapse_token == TokenKind::Personal)
        {
            match self.owners_of_synapse_token(actor, SynapseApi::Admin).await? {
                Some(theirs) => owners.mas.extend(theirs),
                None => owners.without_owner = Some(actor.clone()),
            }
        }
        self.add_notifier(&mut owners).await?;
        Ok(owners)
    }

    /// Adds the owner of the bot's token. A token that Synapse refuses is only a warning; with any
    /// other failure the run would go on to disable the bot.
    async fn add_notifier(&self, owners: &mut TokenOwners) -> Result<(), HttpError> {
        let Some((notifier, kind)) = &self.notifier else { return Ok(()) };
        let actor = match notifier.token_owner().await {
            Ok(actor) => actor,
            Err(error) if error.status() == Some(StatusCode::UNAUTHORIZED) => {
                owners.unknown_notifier = Some(UnknownNotifier::Refused);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if *kind == TokenKind::Personal {
            match self.owners_of_synapse_token(&actor, SynapseApi::Client).await? {
                Some(theirs) => owners.mas.extend(theirs),
                None => owners.unknown_notifier = Some(UnknownNotifier::ActsAs(actor.clone())),
            }
        }
        owners.notifier = Some(actor);
        Ok(())
    }

    /// Returns the users that own a personal access token for this API of Synapse that acts as
    /// `actor`; none if a client owns it. Returns `None` if there is no Admin API, or if MAS does
    /// not list the token.
    pub async fn owners_of_synapse_token(
        &self,
        actor: &UserId,
        api: SynapseApi,
    ) -> Result<Option<Vec<MasUserId>>, HttpError> {
        match &self.mas {
            Some(mas) => mas.owners_of_tokens_for_synapse(actor.localpart(), api).await,
            None => Ok(None),
        }
    }
}
