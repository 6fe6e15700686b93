//! Checks mas-cli: whether it exists, its version, and whether it reaches MAS's own database and
//! not another one.

use super::check::{Area, Section};
use super::{settings as choices, version};
use crate::config::{Config, MasCliConfig};
use crate::model::release_in;
use crate::shell::without_value;
use crate::writers::{DatabaseCheck, MasCli, WriterError};

pub(super) async fn check(config: &Config, settings: &MasCliConfig, mas_cli: &MasCli) -> Section {
    let words = std::iter::once(&settings.program).chain(&settings.arguments);
    let command = words.map(|word| without_value(word)).collect::<Vec<_>>().join(" ");
    let mut section = Section::new(Area::MasCli, command);
    let has_config = own_config(&mut section, config, settings, mas_cli);
    match mas_cli.version().await {
        Ok(said) => {
            section.ok("program", "runs");
            version::check_mas(&mut section, &said, release_in(said.raw()).as_ref(), config);
        }
        Err(error) => {
            section.failed("program", &error);
            section.skip(&["version", "database"], "mas-cli does not run");
            return section;
        }
    }
    if has_config {
        database(&mut section, config, mas_cli).await;
    } else {
        section
            .skip(&["database"], "without its configuration mas-cli would use a default database");
    }
    section
}

fn own_config(
    section: &mut Section,
    config: &Config,
    settings: &MasCliConfig,
    mas_cli: &MasCli,
) -> bool {
    const NAME: &str = "configuration";
    let checked = mas_cli.read_config(&config.server_name);
    let files: Vec<_> =
        settings.config_to_check.paths().iter().map(|path| path.display().to_string()).collect();
    match &checked {
        Err(error) => section.failed(NAME, error),
        Ok(Some(mas_config)) => {
            section.ok(NAME, format!("{}: readable, of this homeserver", files.join(", ")));
            // The Admin API says it for the running server.
            if config.mas_api.is_none() {
                choices::self_deactivation(section, config, mas_config.account_deactivation_allowed);
            }
        }
        Ok(None) => section.warn(
            NAME,
            "the homeserver of mas-cli is not proven, and administrators in policy.data.admin_users are unknown, because MAS's \
             configuration cannot be read from here",
            "Name a file in `writer.mas_cli.config` (MAS_CONFIG) that both this program and mas-cli can read; or check which \
             MAS the command leads to, and add the administrators to `policy.protect`.",
        ),
    }
    checked.is_ok()
}

async fn database(section: &mut Section, config: &Config, mas_cli: &MasCli) {
    const NAME: &str = "database";
    let needs_list = config.mas_api.is_none() && config.policy.protect_admins;
    match mas_cli.check_database().await {
        Ok(DatabaseCheck::Answers) => section.ok(NAME, "mas-cli reads MAS's database; nothing was changed"),
        Ok(DatabaseCheck::Unknown) => {
            section.skip(&[NAME], "before MAS 1.3 mas-cli has no command that only reads the database");
        }
        Err(WriterError::NoAdminList { .. }) if !needs_list => section.ok(NAME, "mas-cli runs; nothing was changed"),
        Err(WriterError::Failed { command, message, .. }) => section.problem(
            NAME,
            format!("`{command}`: {message}"),
            "Check that `writer.mas_cli.config` (MAS_CONFIG) is MAS's own configuration, because mas-cli ignores a file that \
             it cannot read. Then check its section database, and that the database can be reached from here.",
        ),
        Err(error) => section.failed(NAME, &error),
    }
}
