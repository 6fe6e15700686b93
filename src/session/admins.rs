//! Keeps the administrators of MAS: those made in MAS, and those named in its configuration.
//! Synapse knows neither (trap 48).

use std::collections::HashSet;
use std::fmt::Display;

use tracing::warn;

use super::warnings::Once;
use super::{Aim, Session};
use crate::error_chain::in_one_line;
use crate::failure::Failure;
use crate::model::{Account, MasAdmin, MemberList, UserId};
use crate::plan::AdminsOfMas;
use crate::planner::{
    AdminChanges, AdminDraft, AdminNames, AdminsSeen, Draft, LocksOfAdmins, Rechecks, ToRecheck,
};
use crate::readers::{Membership, ReadError, Reading, Tally};
use crate::writers::{MasCli, WriterError};

impl Session {
    /// Marks the administrators of MAS. If they cannot be read, a run that may write skips the
    /// accounts to disable, because some may be theirs; a plan warns.
    pub(super) async fn mark_admins_of_mas(
        &self,
        rechecks: &mut Rechecks,
        to_disable: &[UserId],
        aim: Aim,
    ) -> Result<AdminsOfMas, Failure> {
        let Some(mas_cli) = self.mas_cli.as_ref().filter(|_| self.config.policy.protect_admins)
        else {
            return Ok(AdminsOfMas::Known);
        };
        match (mas_cli.read_config(&self.config.server_name), aim) {
            (Ok(Some(config)), _) => rechecks.mark_admins(&config.admin_users),
            // A warning of the reading says so.
            (Ok(None), _) => {}
            // With this configuration mas-cli would list those of a default database (trap 21).
            (Err(error), Aim::Show) => {
                warn!(
                    "administrators of MAS are unknown: {}; a sync would fail",
                    in_one_line(&error)
                );
                return Ok(AdminsOfMas::Unknown);
            }
            (Err(error), _) => return Err(error.into()),
        }
        // The Admin API marks them in every row.
        if self.mas.is_some() {
            Ok(AdminsOfMas::Known)
        } else {
            mark_listed(mas_cli, rechecks, to_disable, aim).await
        }
    }

    /// Marks who is an administrator in MAS, for `[admins]`. The Admin API shows it in every row;
    /// without it mas-cli is needed.
    pub(super) async fn mark_admins_by_mas_cli(
        &self,
        reading: &mut Reading,
    ) -> Result<(), Failure> {
        if self.config.admins.is_none() || self.mas.is_some() {
            return Ok(());
        }
        // With a wrong configuration mas-cli would list those of a default database (trap 21).
        self.prove_mas_config()?;
        let admins = self.listed_admins().await?.all;
        let server_name = &self.config.server_name;
        let accounts = reading.facts.accounts.iter_mut();
        for account in accounts.filter(|account| account.is_on(server_name)) {
            let is_admin = admins.contains(&*account.localpart().key());
            account.mas_admin = is_admin.into();
            account.admin |= is_admin;
        }
        Ok(())
    }

    /// Rechecks the accounts whose right would change, and decides about them. If the administrators
    /// cannot be listed again, these changes are skipped, and the administrators to disable, if a plan
    /// may disable some: another may have lost the right since the reading, so that one of them is the
    /// last.
    pub(super) async fn admin_changes(
        &self,
        members: &Draft<'_>,
        reading: &Reading,
        rechecks_of_members: &mut Rechecks,
        to_disable: &[UserId],
        aim: Aim,
    ) -> Option<(AdminChanges, AdminsOfMas)> {
        let (rules, of_admins) = (self.config.policy.admins?, reading.of_admins()?);
        self.warn_of_admins_by_policy(&of_admins.facts.members);
        let policy = self.config.policy.of_admins();
        let draft = AdminDraft::new(members, &of_admins.facts, &policy, rules);
        warn_of_synapse_marks(draft.marked_by_synapse());
        let accounts: Vec<_> = draft.to_recheck().collect();
        let mut known = AdminsOfMas::Known;
        let changes = if accounts.is_empty() && self.config.policy.protect_admins {
            draft.no_changes(None)
        } else {
            let rechecks = self.recheck_admins(accounts, self.most_rechecks(aim), &of_admins).await;
            let seen = self.admins_seen(&draft, rechecks, &reading.membership).await;
            if let Err(why) = &seen
                && self.may_disable_admins()
            {
                let admins = admins_among(to_disable, &reading.facts.accounts);
                if let (Some(named), Aim::Show) = (first_and_more(&admins), aim) {
                    known = AdminsOfMas::Unknown;
                    warn!("the administrators are unknown: {why}; a run would not disable {named}");
                }
                if aim != Aim::Show {
                    let why = format!("the administrators are unknown: {why}");
                    rechecks_of_members.fail(&admins, &why);
                }
            }
            draft.decide(&seen)
        };
        if let Some(accounts) = first_and_more(changes.unclear()) {
            warn!(
                "the administrator's right of {accounts} stays as it is: the evidence does not say clearly who owns the \
                 account, or whether that user is in [admins]; explain shows it"
            );
        }
        Some((changes, known))
    }

    /// Returns whether a plan may disable administrators, so that the last ones have to be kept.
    pub(super) fn may_disable_admins(&self) -> bool {
        self.config.admins.is_some() && !self.config.policy.protect_admins
    }

    /// Returns no change of administrators, if a plan may disable some: the last ones are kept. The
    /// reading may be older than the last change of an administrator, so MAS is asked again. If it does
    /// not answer, each account to disable may be the last administrator's, and is skipped.
    pub(super) async fn no_admin_changes(
        &self,
        members: &Draft<'_>,
        reading: &Reading,
        rechecks: &mut Rechecks,
        to_disable: &[UserId],
        aim: Aim,
    ) -> Result<Option<(AdminChanges, AdminsOfMas)>, Failure> {
        // This copies the reading, which an event in `watch` must not pay for without need.
        if !self.may_disable_admins() || to_disable.is_empty() {
            return Ok(None);
        }
        let (Some(rules), Some(of_admins)) = (self.config.policy.admins, reading.of_admins())
        else {
            return Ok(None);
        };
        let policy = self.config.policy.of_admins();
        let draft = AdminDraft::new(members, &of_admins.facts, &policy, rules);
        let admins = match (self.admins_now().await, aim) {
            (Ok(admins), _) => Some(admins),
            (Err(error), Aim::Show) => {
                let why = in_one_line(&error);
                warn!("the administrators are unknown: {why}; a run would disable no account");
                None
            }
            (Err(error), _) => {
                let why = format!("the administrators are unknown: {}", in_one_line(&error));
                if !rechecks.fail(to_disable, &why) {
                    return Err(error);
                }
                None
            }
        };
        let known = match (&admins, aim) {
            (None, Aim::Show) => AdminsOfMas::Unknown,
            // A run skips the accounts, so that no approval covers them.
            _ => AdminsOfMas::Known,
        };
        Ok(Some((draft.no_changes(admins.as_ref()), known)))
    }

    /// Warns of administrators that MAS's configuration names, as far as they are in none of
    /// `[admins]`: no writer can take their right.
    fn warn_of_admins_by_policy(&self, users: &MemberList) {
        let Some(Ok(Some(mas_config))) =
            self.mas_cli.as_ref().map(|mas_cli| mas_cli.read_config(&self.config.server_name))
        else {
            return;
        };
        let wanted = users.iter().filter(|user| user.enabled);
        let wanted: HashSet<_> =
            wanted.filter_map(|user| Some(user.localpart.as_ref()?.key())).collect();
        let others: Vec<_> = mas_config
            .admin_users
            .iter()
            .filter(|name| !wanted.contains(&name.key()))
            .map(ToString::to_string)
            .collect();
        if !others.is_empty() {
            warn!(
                "administrators by policy.data.admin_users in MAS's configuration, which [admins] cannot change: {}; take \
                 them out of it there",
                others.join(", ")
            );
        }
    }

    /// Rechecks the accounts whose right would change. If that fails as a whole, each of them has the
    /// error: it says nothing about other administrators.
    async fn recheck_admins(
        &self,
        accounts: Vec<ToRecheck>,
        most: usize,
        of_admins: &Reading,
    ) -> Rechecks {
        let named: Vec<_> = accounts.iter().map(|account| account.user_id.clone()).collect();
        let rechecks = self.readers.recheck(accounts, most, of_admins, &Tally::default()).await;
        rechecks.unwrap_or_else(|error| {
            let why = in_one_line(&error);
            let answers = named.into_iter().map(|user_id| (user_id, Err(why.clone())));
            Rechecks::Taken { answers: answers.collect(), members_after: None }
        })
    }

    async fn admins_seen(
        &self,
        draft: &AdminDraft<'_>,
        rechecks: Rechecks,
        membership: &Membership,
    ) -> Result<AdminsSeen, String> {
        let mut members_after = MemberList::default();
        if draft.needs_directories(&rechecks) {
            match self.readers.keycloak.members(membership, &Tally::default()).await {
                Ok(members) => members_after = members.people,
                Err(error) => warn!(
                    "users of a directory may keep the administrator's right, because the members could not be read again: {}",
                    in_one_line(&error)
                ),
            }
        }
        let admins = self.admins_now().await.map_err(|error| in_one_line(&error))?;
        Ok(AdminsSeen { rechecks, members_after, admins })
    }

    /// Returns the administrators of MAS, and whether it is known who of them can log in, if the last
    /// of them is kept. mas-cli does not say it: Synapse does, if it shows the locks of MAS.
    async fn admins_now(&self) -> Result<AdminNames, Failure> {
        let mut names = self.listed_admins().await?;
        let keeps_some = self.config.policy.admins.is_some_and(|rules| rules.min_admins > 0);
        if self.readers.mas.is_none()
            && keeps_some
            && let Some(unseen) = self.unseen_locks().await?
        {
            names.locks = LocksOfAdmins::Unknown;
            if self.is_first(Once::LocksOfAdmins) {
                warn!(
                    "{unseen}, so it is unknown which administrators can log in: none loses the right, and none is \
                     disabled. Update it, or configure [writer.mas_api]"
                );
            }
        }
        Ok(names)
    }

    /// Returns the administrators of MAS.
    async fn listed_admins(&self) -> Result<AdminNames, Failure> {
        let unknown =
            || WriterError::NoAdminList { command: "mas-cli manage list-admin-users".to_owned() };
        let mut names = AdminNames::default();
        match (&self.readers.mas, &self.mas_cli) {
            (Some(mas), _) => {
                for (name, state) in mas.admins().await.map_err(ReadError::from)? {
                    let key = Box::from(&*name.key());
                    if !state.is_active() {
                        names.shut.insert(Box::clone(&key));
                    }
                    names.all.insert(key);
                }
            }
            (None, Some(mas_cli)) => {
                let admins = mas_cli.admins().await?.ok_or_else(unknown)?;
                names.all.extend(admins.iter().map(|admin| Box::from(&*admin.key())));
            }
            (None, None) => return Err(unknown().into()),
        }
        Ok(names)
    }

    /// Checks MAS's configuration right before the first change: it may be another one since the
    /// run began, and with it mas-cli would change accounts of another database.
    pub(super) fn prove_mas_config(&self) -> Result<(), WriterError> {
        match &self.mas_cli {
            Some(mas_cli) => mas_cli.read_config(&self.config.server_name).map(drop),
            None => Ok(()),
        }
    }

    /// Warns if the homeserver of mas-cli is only assumed.
    pub(super) fn warn_of_unproven_homeserver(&self) {
        let Some(mas_cli) = &self.mas_cli else { return };
        if let Ok(None) = mas_cli.read_config(&self.config.server_name) {
            warn!(
                "the homeserver of mas-cli is not proven, and administrators in policy.data.admin_users are unknown, because \
                 MAS's configuration cannot be read from here: name a file in writer.mas_cli.config that both this program \
                 and mas-cli can read, or check which MAS the command leads to and add them to policy.protect"
            );
        }
    }
}

/// Returns which of the accounts were an administrator's when they were read.
fn admins_among(to_disable: &[UserId], accounts: &[Account]) -> Vec<UserId> {
    let to_disable: HashSet<_> = to_disable.iter().collect();
    let admins = accounts.iter().filter(|it| it.admin || it.mas_admin == MasAdmin::Yes);
    let admins = admins.map(|account| &account.user_id);
    admins.filter(|user_id| to_disable.contains(user_id)).cloned().collect()
}

/// Warns of administrators that only Synapse knows: the program never changes Synapse.
fn warn_of_synapse_marks<'a>(accounts: impl Iterator<Item = &'a UserId>) {
    let accounts: Vec<_> = accounts.collect();
    if let Some(accounts) = first_and_more(&accounts) {
        warn!(
            "administrators by Synapse's own mark, which this program never changes, and not in [admins]: {accounts}; \
             remove the mark with Synapse's admin API"
        );
    }
}

/// Names the first account, and counts the others.
fn first_and_more(accounts: &[impl Display]) -> Option<String> {
    let (first, others) = accounts.split_first()?;
    let more =
        if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    Some(format!("{first}{more}"))
}

async fn mark_listed(
    mas_cli: &MasCli,
    rechecks: &mut Rechecks,
    to_disable: &[UserId],
    aim: Aim,
) -> Result<AdminsOfMas, Failure> {
    match (mas_cli.admins().await, aim) {
        (Ok(Some(admins)), _) => {
            rechecks.mark_admins(&admins);
            Ok(AdminsOfMas::Known)
        }
        (Ok(None), _) => {
            warn!(
                "administrators made in MAS are unknown, because this mas-cli does not list them: add them to \
                 policy.protect"
            );
            Ok(AdminsOfMas::Unknown)
        }
        (Err(error), Aim::Show) => {
            warn!(
                "administrators made in MAS are unknown: {}; a sync would disable no account",
                in_one_line(&error)
            );
            Ok(AdminsOfMas::Unknown)
        }
        (Err(error), _) => {
            let why =
                format!("the administrators made in MAS are unknown: {}", in_one_line(&error));
            if rechecks.fail(to_disable, &why) {
                Ok(AdminsOfMas::Unknown)
            } else {
                Err(Failure::UnknownAdmins(error))
            }
        }
    }
}
