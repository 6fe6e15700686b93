//! Checks the configuration, which is valid, or it would not have been loaded. What is left are
//! choices whose consequences should be known before the first run.

use super::check::{Area, Section};
use crate::config::{AccountSource, Config, ExposedFile, Warning};
use crate::plan::{DisableMode, LockSessions, WriterKind};
use crate::planner::{Federation, Policy, Reactivate};
use crate::shell::path_word;

pub(super) fn check(config: &Config, warnings: &[Warning]) -> Section {
    let mut section = Section::new(Area::Settings, "");
    let lists = match config.accounts.source {
        AccountSource::Synapse => "Synapse lists the accounts",
        AccountSource::Mas => "MAS lists the accounts",
    };
    let writes = match config.policy.writer {
        WriterKind::MasCli => "mas-cli changes them",
        WriterKind::MasApi => "MAS's Admin API changes them",
    };
    section.ok("configuration", format!("complete, for {}: {lists}, {writes}", config.server_name));
    for Warning { what, instead } in warnings {
        section.warn("configuration", what.clone(), *instead);
    }
    secret_files(&mut section, config);
    limits(&mut section, config);
    section.ok(
        "disable",
        match config.policy.disable {
            DisableMode::Deactivate => {
                "policy.disable = \"deactivate\": a disabled account loses its rooms and e-mail addresses permanently. \
                 Recommended: \"lock\" with policy.deactivate_after = \"30d\""
                    .to_owned()
            }
            DisableMode::Lock => what_a_lock_keeps(&config.policy),
        },
    );
    if config.policy.federation == Federation::Trust {
        section.warn(
            "federation",
            "keycloak.federation = \"trust\": if a directory behind Keycloak is down, its users look as if they had left",
            "Set `keycloak.federation` to \"verify\", unless the realm has no user federation.",
        );
    }
    services(&mut section, config);
    if config.synapse.is_none() {
        section.skip(
            &["erased"],
            "without [synapse] it is unknown which accounts were erased, so a member's is activated, and is empty",
        );
    }
    section
}

/// Warns about files with secrets that others can read.
fn secret_files(section: &mut Section, config: &Config) {
    for ExposedFile { key, path, readers } in config.secret_files.exposed() {
        section.warn(
            "secret_files",
            format!("{readers} can read {}, the secret of {key}", path.display()),
            format!("Run `chmod 600 {}`.", path_word(&path)),
        );
    }
}

/// Warns about limits that refuse every plan.
fn limits(section: &mut Section, config: &Config) {
    const NAME: &str = "limits";
    if config.limits.max_disable == 0 {
        section.warn(
            NAME,
            "limits.max_disable = 0: every plan that disables an account is refused",
            "Set `limits.max_disable` to as many as usually leave between two runs, such as 25.",
        );
    }
    if config.limits.max_look == 0 {
        section.warn(
            NAME,
            "limits.max_look = 0: no change can be verified, so every plan with changes is refused",
            "Remove `limits.max_look`: the default is 5000.",
        );
    }
}

/// Checks the accounts of services: only Synapse knows the owner of a token, an application service
/// or a bot.
fn services(section: &mut Section, config: &Config) {
    const NAME: &str = "protect";
    const WHY: &str =
        "without [synapse] accounts of bots, scripts and tokens look like those of users";
    if config.synapse.is_some() {
        section.ok(
            NAME,
            "Synapse shows who owns its token, and which accounts belong to bridges and bots",
        );
    } else if config.policy.protect.is_empty() {
        section.warn(
            NAME,
            format!("{WHY}, and policy.protect is empty: they are disabled like every account outside the group"),
            "Add the accounts of services to `policy.protect`; or configure [synapse], which recognises them.",
        );
    } else {
        section.ok(NAME, format!("{WHY}: policy.protect has to list all of them"));
    }
}

/// Warns if users may deactivate their own accounts (trap 70) and the next run would activate those
/// of members.
pub(super) fn self_deactivation(section: &mut Section, config: &Config, is_allowed: bool) {
    const NAME: &str = "self_deactivation";
    if config.policy.reactivate != Reactivate::Any {
        return;
    }
    if is_allowed {
        section.warn(
            NAME,
            "MAS lets users deactivate their own accounts, and the next run activates those of members again",
            "Set `account.account_deactivation_allowed: false` in MAS's configuration, or `policy.reactivate` to \"own\".",
        );
    } else {
        section.ok(NAME, "users cannot deactivate their own accounts");
    }
}

/// Says what accounts keep that are locked, and for how long.
fn what_a_lock_keeps(policy: &Policy) -> String {
    let kept = match policy.lock_sessions {
        LockSessions::End => "rooms and e-mail addresses are kept, devices and their keys are not",
        LockSessions::Keep => "rooms, e-mail addresses and devices are kept",
    };
    let until = policy.deactivate_after.map(|after| {
        let after = humantime::format_duration(after);
        format!("; after {after} the account is deactivated (policy.deactivate_after)")
    });
    format!("policy.disable = \"lock\": {kept}{}", until.unwrap_or_default())
}
