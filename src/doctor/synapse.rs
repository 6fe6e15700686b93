//! Checks Synapse: whether its admin API answers, who owns the token, and whether it can list the
//! accounts.

use std::time::SystemTime;

use reqwest::StatusCode;
use semver::Version;

use super::check::{Area, Section};
use super::reach;
use super::shut_out::unseen_locks;
use crate::config::{Config, SynapseConfig};
use crate::error_chain::in_one_line;
use crate::http::HttpError;
use crate::model::{MasUserId, SYNAPSE_SHOWS_LOCKS, UserId, release_in};
use crate::phrases::{counted, joined};
use crate::plan::DisableMode;
use crate::readers::{ReadError, Readers, SynapseApi, SynapseReader};

/// The first version that can lock an account.
const LOCKS: Version = Version::new(1, 91, 0);

pub(super) async fn check(
    config: &Config,
    settings: &SynapseConfig,
    synapse: &SynapseReader,
    readers: &Readers,
) -> Section {
    let mut section = Section::new(Area::Synapse, settings.url.as_str());
    if let Err(why) = reach::check(&mut section, "Synapse", &settings.url, synapse.probe().await) {
        section.skip(&["version", "token", "server_name", "admin", "mas_server"], &why);
        return section;
    }
    own_version(&mut section, config, synapse).await;
    if section.gives_up("token") {
        section.skip(&["server_name", "admin", "mas_server"], "the token cannot be tried");
        return section;
    }
    let owner = match synapse.account_of_token().await {
        Ok(owner) => owner,
        Err(error) => {
            section.failed("token", &error);
            section
                .skip(&["server_name", "admin", "mas_server"], "the token has not been accepted");
            return section;
        }
    };
    section.ok("token", format!("belongs to {owner}, which is never disabled"));
    let configured = &config.server_name;
    if *owner.server_name() == *configured {
        section.ok("server_name", configured.to_string());
    } else {
        section.failed(
            "server_name",
            &ReadError::WrongServerName { owner: owner.clone(), configured: configured.clone() },
        );
    }
    match synapse.count().await {
        Ok(accounts) => {
            let accounts = counted(accounts, "account", "accounts");
            section.ok("admin", format!("the token opens the admin API, which lists {accounts}"));
        }
        Err(error) => section.failed("admin", &error),
    }
    if settings.has_personal_token() {
        token_owner(&mut section, &owner, readers).await;
    }
    mas_server(&mut section, synapse).await;
    section
}

/// Checks that the owner of a personal access token is known, because the token ends with the
/// owner's account. Synapse names only the user that the token acts as.
async fn token_owner(section: &mut Section, actor: &UserId, readers: &Readers) {
    const NAME: &str = "token_owner";
    match readers.owners_of_synapse_token(actor, SynapseApi::Admin).await {
        Ok(Some(owners)) if owners.is_empty() => {
            section.ok(NAME, "the personal access token belongs to a client of MAS");
        }
        Ok(Some(owners)) => match names_in_mas(&owners, readers).await {
            Ok(names) => {
                let owners = joined(&names, ", ");
                section.ok(NAME, format!("never disabled, because the personal access token is theirs: {owners}"));
            }
            Err(error) => section.failed(NAME, &error),
        },
        Ok(None) => section.warn(
            NAME,
            "the owner of the personal access token is not known, and the token ends with the owner's account",
            "Add the owner to `policy.protect`. Or set `[writer.mas_api]`: MAS from 1.5 on shows the owner there.",
        ),
        Err(error) => section.failed(NAME, &error),
    }
}

async fn names_in_mas(users: &[MasUserId], readers: &Readers) -> Result<Vec<String>, HttpError> {
    let mut names = Vec::with_capacity(users.len());
    for id in users {
        let user = match &readers.mas {
            Some(mas) => mas.user(id).await?,
            None => None,
        };
        names.push(user.map_or_else(|| id.text().to_string(), |user| user.user_id.to_string()));
    }
    Ok(names)
}

async fn own_version(section: &mut Section, config: &Config, synapse: &SynapseReader) {
    const NAME: &str = "version";
    let said = match synapse.version().await {
        Ok(said) => said,
        Err(error) => return section.failed(NAME, &error),
    };
    let release = release_in(said.raw());
    let is_before = |first: &Version| release.as_ref().is_some_and(|release| release < first);
    let matters = config.policy.disable == DisableMode::Lock || config.trusts_synapse();
    if is_before(&LOCKS) && config.policy.disable == DisableMode::Deactivate {
        section.warn(
            NAME,
            format!("{said}: before 1.91 Synapse knows no locked accounts"),
            "Update Synapse, and keep `policy.disable` at \"deactivate\" until then.",
        );
    } else if is_before(&SYNAPSE_SHOWS_LOCKS) && matters {
        let stays = format!("{said}: before 1.150 Synapse does not show the locks of MAS");
        unseen_locks(section, config, &stays, "Update Synapse to 1.150 or later");
    } else {
        section.ok(NAME, said.to_string());
    }
}

/// Checks that MAS's server answers, by a token that does not exist: Synapse has to ask MAS about
/// it. mas-cli needs only the database, and without the server its work is queued and never done
/// (trap 72).
async fn mas_server(section: &mut Section, synapse: &SynapseReader) {
    const NAME: &str = "mas_server";
    if section.gives_up(NAME) {
        return;
    }
    let nanos = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let unknown = synapse.opened_by(format!("mct_nobody_{nanos:x}").into());
    match unknown.token_owner().await.map_err(|error| (error.status(), error)) {
        Err((Some(StatusCode::UNAUTHORIZED), _)) => section.ok(NAME, "MAS answers Synapse"),
        Err((Some(StatusCode::SERVICE_UNAVAILABLE), _)) => section.problem(
            NAME,
            "MAS's server does not answer Synapse: new sessions are refused, and changes by mas-cli are only queued",
            "Start MAS's server and worker (`mas-cli server`, and `mas-cli worker` if it runs separately). Check MAS's log.",
        ),
        Err((_, error)) => section.skip(&[NAME], &format!("unknown: {}", in_one_line(&error))),
        Ok(_) => section.skip(&[NAME], "Synapse accepted a token that does not exist"),
    }
}
