//! Checks everything that a run needs, server by server, without changing anything.
//!
//! A check is data, so that text and JSON say the same. After a failure, checks that depend on it
//! are reported as skipped; a failed server hides nothing about the others.

mod admins;
mod check;
mod clock;
mod events;
mod host;
mod keycloak;
mod mapping;
mod mas;
mod mas_cli;
mod members;
mod notify;
mod reach;
mod settings;
mod shut_out;
mod synapse;
mod version;

use futures_util::future::join4;

use crate::config::{Config, Warning, WriterKindConfig};
use crate::environment::Surroundings;
use crate::readers::{Readers, Tally};
use crate::state::{State, StateError};
use crate::writers::MasCli;

pub use check::{Area, Check, Report, Section, Status};

/// The configuration, with what was found when it was loaded.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'s> {
    pub config: &'s Config,
    pub warnings: &'s [Warning],
    /// Why the state file cannot be read.
    pub state_problem: Option<&'s StateError>,
}

impl<'s> Settings<'s> {
    /// Returns a configuration without anything wrong.
    #[must_use]
    pub fn of(config: &'s Config) -> Self {
        Self { config, warnings: &[], state_problem: None }
    }
}

/// Checks everything that this configuration uses, all servers at the same time. `members` counts
/// the members read.
pub async fn examine(
    settings: Settings<'_>,
    readers: &Readers,
    surroundings: &Surroundings,
    members: &Tally,
) -> Report {
    let Settings { config, warnings, state_problem } = settings;
    let keycloak = keycloak::check(config, &readers.keycloak, members);
    let synapse = async {
        match (&config.synapse, &readers.synapse) {
            (Some(settings), Some(reader)) => {
                let mut section = synapse::check(config, settings, reader, readers).await;
                notify::room(&mut section, config, readers, surroundings).await;
                Some(section)
            }
            _ => None,
        }
    };
    let mas = async {
        match &readers.mas {
            Some(reader) => Some(mas::check(config, reader, readers).await),
            None => None,
        }
    };
    let mas_cli = async {
        match &config.writer.kind {
            WriterKindConfig::MasCli(settings) => {
                let mas_cli = MasCli::new(settings.clone(), &*surroundings.env);
                Some(mas_cli::check(config, settings, &mas_cli).await)
            }
            WriterKindConfig::MasApi => None,
        }
    };
    let (keycloak, synapse, mut mas, mas_cli) = join4(keycloak, synapse, mas, mas_cli).await;
    if let (Some(section), Some(reader)) = (&mut mas, &readers.mas) {
        // Keycloak says which provider is the realm.
        if keycloak.has_problem() || section.has_problem() {
            section.skip(&["provider"], "unknown while there is a problem");
        } else {
            mas::provider(section, reader, readers).await;
        }
        if let Some(reader_of_synapse) = &readers.synapse {
            if section.has_problem() || synapse.as_ref().is_some_and(Section::has_problem) {
                section.skip(&["locks", "jobs"], "not compared while there is a problem");
            } else {
                shut_out::compare(section, config, reader_of_synapse, reader).await;
            }
        }
    }
    let mut settings = settings::check(config, warnings);
    host::check(&mut settings, config, state_problem).await;
    notify::hooks(&mut settings, config, &*surroundings.env);
    let sections = [Some(settings), Some(keycloak), synapse, mas, mas_cli];
    Report { sections: sections.into_iter().flatten().collect() }
}

/// Checks how members and accounts match, if the servers have no problem: else reading the lists
/// would be in vain.
pub async fn examine_mapping(
    report: &mut Report,
    config: &Config,
    readers: &Readers,
    state: Option<&State>,
) {
    let is_server =
        |section: &&Section| matches!(section.area, Area::Keycloak | Area::Synapse | Area::Mas);
    let in_trouble = report.sections.iter().filter(is_server).any(Section::has_problem);
    let Some(section) = report.sections.iter_mut().find(|section| section.area == Area::Keycloak)
    else {
        return;
    };
    if in_trouble {
        section.skip(
            &["mapping", "template"],
            "members and accounts are not read while there is a problem",
        );
    } else {
        let plan = mapping::check(section, config, readers, state).await;
        let synapse = report.sections.iter_mut().find(|section| section.area == Area::Synapse);
        if let (Some(plan), Some(section)) = (plan, synapse) {
            shut_out::unverified(section, config, &plan.unverified);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Loaded, load};
    use crate::mas_api::MasApi;

    const TOML: &str = "server_name = \"example.org\"\n[keycloak]\nurl = \"http://sso.example.org\"\nrealm = \"corp\"\n\
                        groups = [\"matrix-users\"]\nclient_id = \"matrix-sync\"\nclient_secret = \"x\"\n\
                        [accounts]\nsource = \"mas\"\n[writer]\ntype = \"mas-api\"\n\
                        [writer.mas_api]\nurl = \"http://mas-admin:8082\"\nissuer = \"https://auth.example.org/\"\n\
                        client_id = \"01J44QC8BCY7FCFM7WGHQGKMTJ\"\nclient_secret = \"x\"\nallow_http = true\n";

    fn loaded() -> Loaded {
        let file = tempfile::NamedTempFile::new().expect("a temporary directory");
        std::fs::write(file.path(), TOML).expect("it can be written");
        load(Some(file.path()), &|_| None).expect("a configuration that makes sense")
    }

    fn warnings(section: &Section, name: &str) -> Vec<String> {
        let warned = |check: &&Check| {
            check.name == name && check.status == Status::Warning && check.fix.is_some()
        };
        section.checks.iter().filter(warned).map(|check| check.found.clone()).collect()
    }

    #[test]
    fn plain_http_is_a_warning() {
        let Loaded { config, warnings: told, .. } = loaded();
        let found = warnings(&settings::check(&config, &told), "configuration");
        assert!(
            matches!(found.as_slice(), [only] if only.starts_with("keycloak.url (KC_URL) is plain http")),
            "{found:?}"
        );

        let mas = config
            .mas_api
            .as_ref()
            .map(|mas| MasApi::new(mas, crate::environment::Timeouts::default()));
        let mas = mas.expect("configured").expect("TLS");
        let mut section = Section::new(Area::Mas, "");
        mas::plain_http(&mut section, mas.config());
        let found = warnings(&section, "transport");
        assert!(
            matches!(found.as_slice(), [only] if only.starts_with("writer.mas_api.url = http://mas-admin:8082/")),
            "{found:?}"
        );
    }
}
