//! Takes `[policy]` and `[limits]`.

use std::time::Duration;

use super::accounts::AccountsSection;
use super::keycloak::KeycloakSection;
use crate::config::fields::Fields;
use crate::config::keys::limits as limit_keys;
use crate::config::keys::policy as keys;
use crate::config::{StateFile, WriterConfig, WriterKindConfig};
use crate::model::Word as _;
use crate::plan::{DisableMode, LockSessions, WriterKind};
use crate::planner::{Limits, Policy, Protection, Reactivate, WrongEntry};

/// Less is no time to correct a mistake.
const SHORTEST_STAGE: Duration = Duration::from_secs(1);
/// More is a typing error.
const LONGEST_STAGE: Duration = Duration::from_hours(10 * 366 * 24);

/// Takes the section, and adds what the plan depends on in others.
pub(super) fn policy(
    fields: &mut Fields,
    state_file: Option<&StateFile>,
    keycloak: Option<&KeycloakSection>,
    accounts: &AccountsSection,
    writer: &WriterConfig,
) -> Option<Policy> {
    let valid_disable = fields.choice_if_valid(&keys::DISABLE);
    let disable = valid_disable.unwrap_or_default();
    let reactivate: Reactivate = fields.choice(&keys::REACTIVATE);
    let remembers = state_file != Some(&StateFile::Off);
    if reactivate == Reactivate::Own && !remembers {
        let why = "this needs the state file, which shows which accounts the program disabled";
        fields.wrong(&keys::REACTIVATE, Some(reactivate.word()), why);
    }
    let given = fields.text_to_come(&keys::GRACE);
    let grace = fields.duration(&keys::GRACE);
    if !grace.is_zero() && !remembers {
        let why = "this needs the state file, which shows since when a user is out of the group";
        fields.wrong(&keys::GRACE, given.as_deref(), why);
    }
    let (deactivate_after, lock_sessions) = stages(fields, valid_disable, remembers);
    let unknown_accounts = fields.choice(&keys::UNKNOWN_ACCOUNTS);
    let locked_members = fields.choice(&keys::LOCKED_MEMBERS);
    let protect_admins = fields.switch(&keys::PROTECT_ADMINS);
    let protect = protection(fields);
    let (writer, mas_cli) = match &writer.kind {
        WriterKindConfig::MasCli(mas_cli) => (WriterKind::MasCli, mas_cli.in_shell()),
        WriterKindConfig::MasApi => (WriterKind::MasApi, "mas-cli".to_owned()),
    };
    let keycloak = keycloak?;
    Some(Policy {
        writer,
        disable,
        deactivate_after,
        most_stages: None,
        most_rechecks: None,
        lock_sessions,
        reactivate,
        grace,
        matching: accounts.matching,
        provision: accounts.provision,
        admins: None,
        template: keycloak.template.clone(),
        mas_cli,
        disabled_members: keycloak.disabled_members,
        locked_members,
        unknown_accounts,
        federation: keycloak.federation,
        protect: protect?,
        protect_admins,
    })
}

/// Takes what is only about locks.
fn stages(
    fields: &mut Fields,
    disable: Option<DisableMode>,
    remembers: bool,
) -> (Option<Duration>, LockSessions) {
    let given = fields.text_to_come(&keys::DEACTIVATE_AFTER);
    let after = fields.unless_off(&keys::DEACTIVATE_AFTER, |text| {
        let after = humantime::parse_duration(text).ok()?;
        (SHORTEST_STAGE..=LONGEST_STAGE).contains(&after).then_some(after)
    });
    let sessions = fields.choice(&keys::LOCK_SESSIONS);
    if after.is_some() {
        if disable == Some(DisableMode::Deactivate) {
            let why = "this needs policy.disable = \"lock\"";
            fields.wrong(&keys::DEACTIVATE_AFTER, given.as_deref(), why);
        }
        if !remembers {
            let why =
                "this needs the state file, which shows since when an account has been locked";
            fields.wrong(&keys::DEACTIVATE_AFTER, given.as_deref(), why);
        }
    }
    (after, sessions)
}

/// Takes the list, and checks the entries that are texts.
fn protection(fields: &mut Fields) -> Option<Protection> {
    let list = fields.list(&keys::PROTECT).unwrap_or_default();
    let (places, entries): (Vec<_>, Vec<_>) = list.entries().iter().cloned().unzip();
    match Protection::new(&entries) {
        Ok(protection) => Some(protection),
        Err(wrong) => {
            for WrongEntry { entry, error } in wrong {
                fields.wrong_entry(&keys::PROTECT, places[entry], None, error.to_string());
            }
            None
        }
    }
}

/// Takes the limits of a plan.
pub(super) fn limits(fields: &mut Fields) -> Limits {
    Limits {
        max_disable: fields.count(&limit_keys::MAX_DISABLE),
        max_disable_percent: fields.count(&limit_keys::MAX_DISABLE_PERCENT),
        max_activate: fields.count(&limit_keys::MAX_ACTIVATE),
        max_create: fields.count(&limit_keys::MAX_CREATE),
        max_admin_changes: fields.count(&limit_keys::MAX_ADMIN_CHANGES),
        min_members: fields.count(&limit_keys::MIN_MEMBERS),
        max_look: fields.count(&limit_keys::MAX_LOOK),
    }
}
