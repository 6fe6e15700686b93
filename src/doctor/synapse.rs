//! Synapse: whether its admin API is there, whose the token is, and whether it opens the list of accounts.

use semver::Version;

use super::check::{Area, Section};
use super::reach;
use crate::config::{Config, SynapseConfig};
use crate::model::release_in;
use crate::output::counted;
use crate::readers::{ReadError, SynapseReader};

/// The first that can lock an account.
const LOCKS: Version = Version::new(1, 91, 0);

pub(super) async fn check(config: &Config, settings: &SynapseConfig, synapse: &SynapseReader) -> Section {
    let mut section = Section::new(Area::Synapse, settings.url.as_str());
    if let Err(why) = reach::check(&mut section, "Synapse", &settings.url, synapse.probe().await) {
        section.skip(&["version", "token", "server_name", "admin"], &why);
        return section;
    }
    own_version(&mut section, synapse).await;
    if section.gives_up("token") {
        section.skip(&["server_name", "admin"], "the token cannot be tried");
        return section;
    }
    let owner = match synapse.account_of_token().await {
        Ok(owner) => owner,
        Err(error) => {
            section.failed("token", &error);
            section.skip(&["server_name", "admin"], "the token has not been accepted");
            return section;
        }
    };
    section.ok("token", format!("belongs to {owner}, who is never disabled"));
    let configured = &config.server_name;
    if *owner.server_name() == *configured {
        section.ok("server_name", configured.to_string());
    } else {
        section.failed("server_name", &ReadError::WrongServerName { owner, configured: configured.clone() });
    }
    match synapse.count().await {
        Ok(accounts) => {
            let accounts = counted(accounts, "account", "accounts");
            section.ok("admin", format!("the token opens the admin API, which lists {accounts}"));
        }
        Err(error) => section.failed("admin", &error),
    }
    section
}

async fn own_version(section: &mut Section, synapse: &SynapseReader) {
    const NAME: &str = "version";
    match synapse.version().await {
        Ok(said) if release_in(said.raw()).is_some_and(|version| version < LOCKS) => section.warn(
            NAME,
            format!("{said}: before 1.91 Synapse knows no locked accounts"),
            "update Synapse; keep policy.disable = \"deactivate\" until then",
        ),
        Ok(said) => section.ok(NAME, said.to_string()),
        Err(error) => section.failed(NAME, &error),
    }
}
