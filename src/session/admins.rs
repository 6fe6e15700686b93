//! Keeps the administrators of MAS: those made in MAS, and those named in its configuration.
//! Synapse knows neither (trap 48).

use tracing::warn;

use super::{Aim, Session};
use crate::error_chain::in_one_line;
use crate::failure::Failure;
use crate::model::UserId;
use crate::planner::Rechecks;
use crate::writers::{MasCli, WriterError};

/// Whether every administrator of MAS can be recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdminsOfMas {
    Known,
    Unknown,
}

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
            (Err(error), Aim::Write | Aim::WriteApproved) => return Err(error.into()),
            // With this configuration mas-cli would list those of a default database (trap 21).
            (Err(error), Aim::Show) => {
                warn!(
                    "administrators of MAS are unknown: {}; a sync would fail",
                    in_one_line(&error)
                );
                return Ok(AdminsOfMas::Unknown);
            }
        }
        // The Admin API marks them in every row.
        if self.mas.is_some() {
            Ok(AdminsOfMas::Known)
        } else {
            mark_listed(mas_cli, rechecks, to_disable, aim).await
        }
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
        (Err(error), Aim::Write | Aim::WriteApproved) => {
            let why =
                format!("the administrators made in MAS are unknown: {}", in_one_line(&error));
            if rechecks.fail(to_disable, &why) {
                Ok(AdminsOfMas::Unknown)
            } else {
                Err(Failure::UnknownAdmins(error))
            }
        }
        (Err(error), Aim::Show) => {
            warn!(
                "administrators made in MAS are unknown: {}; a sync would disable no account",
                in_one_line(&error)
            );
            Ok(AdminsOfMas::Unknown)
        }
    }
}
