//! Reads both sides, and rechecks accounts before they are changed.

use futures_util::future::join;
use tracing::warn;

use super::pipeline::to_disable;
use super::warnings::{warn_of_exposure, warn_of_unknown_notifier};
use super::{Aim, Session, state_file};
use crate::config::{Config, StateFile};
use crate::failure::Failure;
use crate::mas_api::Exposure;
use crate::model::{Account, ServerText};
use crate::plan::AdminsOfMas;
use crate::planner::{PlanScope, Provision, Recall, Rechecks, ToRecheck};
use crate::readers::{Detail, Reading, Refresh, Tallies};
use crate::writers::{MasCli, WriterError};

/// Returns the upstream provider that new accounts are linked by, without asking a server: the
/// configured one, or the one in MAS's configuration files.
pub(crate) fn provider_in_files(
    config: &Config,
    mas_cli: Option<&MasCli>,
) -> Result<ServerText, WriterError> {
    if let Some(given) = &config.accounts.provider {
        return Ok(given.as_str().into());
    }
    let in_files = match mas_cli {
        Some(mas_cli) => mas_cli.read_config(&config.server_name)?,
        None => None,
    };
    let issuer = config.keycloak.issuer();
    let provider = in_files.and_then(|config| config.provider(&issuer).cloned());
    provider.ok_or(WriterError::NoProvider)
}

impl Session {
    /// Reads both sides.
    pub(crate) async fn read(&self) -> Result<Reading, Failure> {
        self.read_in(Detail::Plan).await
    }

    /// Reads both sides, with what a report needs if that is wanted.
    pub(crate) async fn read_in(&self, detail: Detail) -> Result<Reading, Failure> {
        if let Some(warning) = state_file::warning_of(&self.config) {
            warn!("{warning}");
        }
        self.warn_of_unproven_homeserver();
        self.refuse_unseen_locks().await?;
        let tallies = Tallies::default();
        let reading = self.readers.read(&self.config, &tallies, detail);
        let reading = Box::pin(join(reading, self.exposure()));
        let (reading, exposure) = self.progress.reading(&tallies, reading).await;
        let mut reading = reading?;
        if let Some(state) = &self.state {
            state.recall(&mut reading.facts)?;
        }
        if self.config.state_file == StateFile::Off {
            reading.facts.memory.recall = Recall::Off;
        }
        self.mark_admins_by_mas_cli(&mut reading).await?;
        reading.facts.provider = self.provider_of_new_accounts(&reading).await?;
        warn_of_exposure(&exposure, self.config.mas_api.as_ref());
        let has_personal_token =
            self.mas.as_ref().is_some_and(|mas| mas.personal_token().is_some());
        if has_personal_token && reading.facts.token_owners.mas.is_empty() {
            warn!(
                "MAS does not say which account writer.mas_api.access_token acts as: add it to policy.protect, \
                 or it is disabled like any other"
            );
        }
        if let Some(actor) = &reading.facts.token_owners.without_owner {
            warn!(
                "the owner of synapse.admin_token, a personal access token that acts as {actor}, is not known: add \
                 the owner to policy.protect, because the token ends with the owner's account"
            );
        }
        warn_of_unknown_notifier(&reading.facts.token_owners);
        let localparts = reading.facts.accounts.iter().map(Account::localpart);
        for entry in self.config.policy.protect.idle_entries(localparts) {
            warn!("policy.protect: {entry:?} matches no account");
        }
        Ok(reading)
    }

    /// Returns the upstream provider by which new accounts are linked to their users, if any are
    /// created.
    async fn provider_of_new_accounts(
        &self,
        reading: &Reading,
    ) -> Result<Option<ServerText>, Failure> {
        if self.config.policy.provision == Provision::None {
            return Ok(None);
        }
        if let Some(provider) = &reading.links {
            return Ok(Some(provider.text().clone()));
        }
        // MAS itself says whether it has the configured one.
        if let Some(provider) = self.readers.link_provider().await? {
            return Ok(Some(provider.text().clone()));
        }
        Ok(Some(provider_in_files(&self.config, self.mas_cli.as_ref())?))
    }

    async fn exposure(&self) -> Exposure {
        match &self.mas {
            Some(mas) => mas.exposure().await,
            None => Exposure::default(),
        }
    }

    /// Re-reads a few users. Returns `None` if there are more than `most`.
    pub(crate) async fn refresh(
        &self,
        reading: &mut Reading,
        refresh: &Refresh,
        most: usize,
    ) -> Result<Option<PlanScope>, Failure> {
        let ids: Vec<_> = refresh.people.keys().cloned().collect();
        let theirs = match &self.state {
            Some(state) => {
                state.owners_of(&[], &ids)?.into_iter().map(|(localpart, _)| localpart).collect()
            }
            None => Vec::new(),
        };
        let scope = self.readers.refresh(reading, refresh, theirs, most).await?;
        if let (Some(state), Some(scope)) = (&self.state, &scope) {
            reading.facts.memory = state.memory(reading.facts.now)?;
            let localparts: Vec<_> =
                scope.iter().map(|account| account.localpart().clone()).collect();
            reading.facts.recall(&localparts, &state.owners_of(&localparts, &[])?);
        }
        Ok(scope)
    }

    /// Rechecks accounts; none of them if there are more than `most`.
    pub(super) async fn recheck(
        &self,
        accounts: Vec<ToRecheck>,
        most: usize,
        reading: &Reading,
        aim: Aim,
    ) -> Result<(Rechecks, AdminsOfMas), Failure> {
        let accounts = self.skipped_last(accounts)?;
        let (tallies, count) = (Tallies::default(), accounts.len());
        let to_disable = to_disable(&accounts);
        let rechecks = Box::pin(self.readers.recheck(accounts, most, reading, &tallies.rechecks));
        let mut rechecks = self.progress.rechecking(&tallies.rechecks, count, rechecks).await?;
        let admins = if !to_disable.is_empty() && matches!(rechecks, Rechecks::Taken { .. }) {
            self.mark_admins_of_mas(&mut rechecks, &to_disable, aim).await?
        } else {
            AdminsOfMas::Known
        };
        Ok((rechecks, admins))
    }

    /// Puts the accounts that the last run skipped behind the others, so that none waits for them.
    fn skipped_last(&self, accounts: Vec<ToRecheck>) -> Result<Vec<ToRecheck>, Failure> {
        let skipped = match &self.state {
            Some(state) if accounts.len() > 1 => state.skipped_before()?,
            _ => return Ok(accounts),
        };
        let (again, first): (Vec<_>, Vec<_>) =
            accounts.into_iter().partition(|account| skipped.contains(&account.user_id));
        Ok(first.into_iter().chain(again).collect())
    }
}
