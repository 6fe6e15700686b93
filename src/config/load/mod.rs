//! Loads file and environment into a valid configuration.

mod accounts;
mod admins;
mod authorities;
mod keycloak;
mod mas_api;
mod mas_cli;
mod policy;
mod warnings;

use std::fmt;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use super::exposure::exposed_secrets;
use super::fields::Fields;
use super::given_values::Sources;
use super::keys;
use super::notify::notify;
use super::problem::ConfigError;
use super::shown::{ShownKey, given, with_defaults};
use super::state_file::{Caller, StateFile, default_place, history_keep, state_file};
use super::watch::watch;
use super::{Config, WriterConfig, WriterKindConfig};
use crate::files;
use crate::model::ServerName;
use crate::plan::WriterKind;
use crate::planner::Policy;
use accounts::{accounts, synapse};
use admins::admins;
use keycloak::keycloak;
use mas_api::mas_api;
use mas_cli::mas_cli;
use policy::{limits, policy};
use warnings::warnings;

/// Second stages that are looked at in one run: more than may be done, because the look leaves some
/// accounts as they are.
const MOST_STAGES: usize = 1000;

/// The file that is read if no other is given and it exists.
const DEFAULT_FILE: &str = "/etc/matrix-keycloak-sync/config.toml";

/// A configuration with its warnings.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// What is valid but unwise.
    pub warnings: Vec<Warning>,
    /// Every key with a value.
    pub shown: Vec<ShownKey>,
}

/// Something that is valid but unwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The finding, with its key.
    pub what: String,
    /// What to do instead, as a sentence.
    pub instead: &'static str,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}", self.what, self.instead)
    }
}

/// Reads the file (`--config`, else `MATRIX_KEYCLOAK_SYNC_CONFIG`, else the default one if it
/// exists) and the environment, which overrides it.
pub fn load(
    file: Option<&Path>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, ConfigError> {
    let named = file.map(Path::to_owned).or_else(|| {
        env("MATRIX_KEYCLOAK_SYNC_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from)
    });
    let path = named.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()));
    let mut sources = Sources::default();
    let mut warning = None;
    if let Some(path) = path {
        let text = files::read_text(&path, files::SETTINGS)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        sources.file(&path, &text)?;
        warning = exposed_secrets(&path, &sources.secrets());
    }
    sources.environment(env);
    let given = given(&sources);
    let mut loaded = build(Fields::new(sources), env)?;
    loaded.shown = with_defaults(given, &loaded.config);
    loaded.warnings.extend(warning);
    Ok(loaded)
}

/// Loads a configuration that is not in a file yet, without the environment. `name` stands for the
/// path in errors.
pub fn parse(name: &str, text: &str) -> Result<Config, ConfigError> {
    let mut sources = Sources::default();
    sources.file(Path::new(name), text)?;
    Ok(build(Fields::new(sources), &|_| None)?.config)
}

fn build(mut fields: Fields, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, ConfigError> {
    let server_name = server_name(&mut fields);
    let state_file = state_file(&mut fields);
    let history_keep = history_keep(&mut fields);
    let realm = fields.text_to_come(&keys::keycloak::REALM);
    let keycloak = keycloak(&mut fields);
    let accounts = accounts(&mut fields);
    let synapse = synapse(&mut fields, &accounts);
    let writer = writer(&mut fields);
    let mas_api = mas_api(&mut fields, &accounts, &writer);
    let policy = policy(&mut fields, state_file.as_ref(), keycloak.as_ref(), &accounts, &writer);
    let admins = admins(&mut fields, keycloak.as_ref(), realm.as_deref());
    let (admins, admin_rules) = admins.unzip();
    let limits = limits(&mut fields);
    let most_stages = Some(limits.max_disable.max(MOST_STAGES));
    let most_rechecks = Some(limits.max_look);
    let policy =
        policy.map(|policy| Policy { admins: admin_rules, most_stages, most_rechecks, ..policy });
    let max_consecutive_failures = fields.count(&keys::limits::MAX_CONSECUTIVE_FAILURES);
    let watch = watch(&mut fields);
    let notify = notify(&mut fields, synapse.as_ref());

    let (problems, secret_files) = fields.into_problems_and_files();
    match (server_name, keycloak, policy) {
        (Some(server_name), Some(keycloak), Some(policy)) if problems.is_empty() => {
            let state_file = state_file.unwrap_or_else(|| {
                let realm = &keycloak.config.realm;
                let caller = Caller::current();
                StateFile::Default(default_place(realm, server_name.as_str(), caller, env))
            });
            let config = Config {
                server_name,
                state_file,
                history_keep,
                keycloak: keycloak.config,
                synapse,
                accounts: accounts.config,
                admins,
                mas_api,
                writer,
                policy,
                limits,
                max_consecutive_failures,
                watch,
                notify,
                secret_files,
            };
            let warnings = warnings(&config);
            Ok(Loaded { config, warnings, shown: Vec::new() })
        }
        _ => Err(ConfigError::Problems(problems)),
    }
}

fn server_name(fields: &mut Fields) -> Option<ServerName> {
    let key = &keys::top_level::SERVER_NAME;
    let what = "the server's name in Matrix user IDs, such as \"example.org\"";
    let text = fields.needed_text(key, what)?;
    if !is_server_name(&text) {
        fields.unexpected(key, Some(&text));
        return None;
    }
    Some(text.into())
}

/// Returns whether a text is a server name: the name of a host or an address, perhaps with a port.
///
/// Source: the appendix of Matrix's specification, "Server Name".
fn is_server_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (is_host, rest) = if let Some((address, rest)) = bracketed {
        (address.parse::<Ipv6Addr>().is_ok(), rest)
    } else {
        let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
        (host.split('.').all(is_label), rest)
    };
    let is_digits = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit());
    let is_port = |port: &str| is_digits(port) && port.parse::<u16>().is_ok();
    is_host && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
}

fn writer(fields: &mut Fields) -> WriterConfig {
    let kind = fields.choice(&keys::writer::TYPE);
    let confirm_timeout = fields.duration(&keys::writer::CONFIRM_TIMEOUT);
    let mas_cli = mas_cli(fields);
    let kind = match kind {
        WriterKind::MasCli => WriterKindConfig::MasCli(mas_cli),
        WriterKind::MasApi => WriterKindConfig::MasApi,
    };
    WriterConfig { confirm_timeout, kind }
}
