//! From file and environment to a configuration that makes sense.

use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::fields::Fields;
use super::problem::ConfigError;
use super::sources::Sources;
use super::{Config, KeycloakAuth, KeycloakConfig, MasCliConfig, SynapseConfig, WriterConfig, WriterKindConfig};
use crate::http::is_loopback;
use crate::localpart::LocalpartTemplate;
use crate::model::ServerName;
use crate::plan::{DisableMode, WriterKind};
use crate::planner::{DisabledMembers, Federation, Limits, LockedMembers, Policy, Protection, UnknownAccounts};

/// Read where no other file is named, if it is there.
const DEFAULT_FILE: &str = "/etc/matrix-keycloak-sync/config.toml";
/// MAS's own configuration, where Debian's and MAS's documentation put it.
const DEFAULT_MAS_CONFIG: &str = "/etc/mas-cli/mas-cli.yaml";

/// A configuration, and what should be told about it.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What works but is unwise.
    pub warnings: Vec<String>,
}

/// Reads the file (`--config`, else `MATRIX_KEYCLOAK_SYNC_CONFIG`, else the default one if it is there) and the
/// environment, which wins over it.
pub fn load(file: Option<&Path>, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, ConfigError> {
    let named = file
        .map(Path::to_owned)
        .or_else(|| env("MATRIX_KEYCLOAK_SYNC_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from));
    let path = named.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()));
    let mut sources = Sources::default();
    if let Some(path) = path {
        let text =
            std::fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        sources.file(&path, &text)?;
    }
    sources.environment(env);
    build(Fields::new(sources))
}

fn build(mut fields: Fields) -> Result<Loaded, ConfigError> {
    let server_name = server_name(&mut fields);
    let (disabled_members, federation) = (
        fields.choice(
            "keycloak.disabled_members",
            &[("disable", DisabledMembers::Disable), ("keep", DisabledMembers::Keep)],
        ),
        fields.choice("keycloak.federation", &[("verify", Federation::Verify), ("trust", Federation::Trust)]),
    );
    let keycloak = keycloak(&mut fields);
    let synapse = synapse(&mut fields);
    fields.only("accounts.source", "synapse", &["mas"]);
    fields.only("accounts.match", "localpart", &["upstream-link"]);
    let writer = writer(&mut fields);
    let policy = policy(&mut fields, disabled_members, federation);
    let limits = limits(&mut fields);
    let max_consecutive_failures = fields.count("limits.max_consecutive_failures", 5, 1, usize::MAX);

    let problems = fields.into_problems();
    match (server_name, keycloak, synapse, policy) {
        (Some(server_name), Some(keycloak), Some(synapse), Some(policy)) if problems.is_empty() => {
            let config = Config { server_name, keycloak, synapse, writer, policy, limits, max_consecutive_failures };
            let warnings = warnings(&config);
            Ok(Loaded { config, warnings })
        }
        _ => Err(ConfigError::Problems(problems)),
    }
}

fn server_name(fields: &mut Fields) -> Option<ServerName> {
    let text = fields.needed_text("server_name", "the server's name in Matrix user IDs, such as \"example.org\"")?;
    let wrong = text.contains(['@', '/', ' ']) || text.starts_with(':');
    if wrong {
        fields.wrong("server_name", Some(&text), "expected a name such as \"example.org\" or \"example.org:8448\"");
    }
    (!wrong).then(|| text.into())
}

fn keycloak(fields: &mut Fields) -> Option<KeycloakConfig> {
    let url = fields.server_url("keycloak.url", "https://sso.example.org");
    let realm = fields.needed_text("keycloak.realm", "the realm of the group");
    let groups = groups(fields);
    let include_subgroups = fields.switch("keycloak.include_subgroups", false);
    let auth = keycloak_auth(fields);
    let source = fields.text("keycloak.localpart");
    let localpart = match source.as_deref().map(LocalpartTemplate::new) {
        None => Some(LocalpartTemplate::default()),
        Some(Ok(template)) => Some(template),
        Some(Err(error)) => {
            fields.wrong("keycloak.localpart", source.as_deref(), format!("expected a template: {error}"));
            None
        }
    };
    Some(KeycloakConfig {
        url: url?,
        realm: realm?,
        groups: groups?,
        include_subgroups,
        auth: auth?,
        localpart: localpart?,
    })
}

fn groups(fields: &mut Fields) -> Option<Vec<String>> {
    let expected = "a list of group names, /paths or IDs";
    if !fields.is_given("keycloak.groups") {
        fields.missing("keycloak.groups", expected);
        return None;
    }
    let groups = fields.texts("keycloak.groups", expected)?;
    if groups.is_empty() {
        fields.wrong("keycloak.groups", None, "expected one group at least: an empty list would disable everyone");
    }
    Some(groups)
}

/// With a username the password grant is used, and the secret, if there is one, belongs to its client.
fn keycloak_auth(fields: &mut Fields) -> Option<KeycloakAuth> {
    let client_id = fields.text("keycloak.client_id");
    let (secret_given, password_given) =
        (fields.is_given("keycloak.client_secret"), fields.is_given("keycloak.password"));
    let client_secret = fields.secret("keycloak.client_secret");
    let auth_realm = fields.text("keycloak.auth_realm");
    let username = fields.text("keycloak.username");
    let password = fields.secret("keycloak.password");
    if let Some(username) = username {
        if !password_given {
            fields.missing("keycloak.password", "the password of keycloak.username");
        }
        return Some(KeycloakAuth::Password {
            auth_realm: auth_realm.unwrap_or_else(|| "master".to_owned()),
            client_id: client_id.unwrap_or_else(|| "admin-cli".to_owned()),
            client_secret,
            username,
            password: password?,
        });
    }
    if password_given {
        fields.missing("keycloak.username", "the user whose password keycloak.password is");
        return None;
    }
    if auth_realm.is_some() {
        fields.wrong(
            "keycloak.auth_realm",
            None,
            "goes with keycloak.username only; a client's own credentials are of keycloak.realm",
        );
    }
    if client_id.is_none() {
        fields.missing(
            "keycloak.client_id",
            "the client whose credentials are used; or give keycloak.username and keycloak.password",
        );
    }
    if !secret_given {
        fields
            .missing("keycloak.client_secret", "the client's secret; or give keycloak.username and keycloak.password");
    }
    Some(KeycloakAuth::ClientCredentials { client_id: client_id?, client_secret: client_secret? })
}

fn synapse(fields: &mut Fields) -> Option<SynapseConfig> {
    let url = fields.server_url("synapse.url", "https://matrix.example.org");
    if !fields.is_given("synapse.admin_token") {
        fields.missing("synapse.admin_token", "an access token with the scope urn:synapse:admin:*");
    }
    let admin_token = fields.secret("synapse.admin_token");
    Some(SynapseConfig { url: url?, admin_token: admin_token? })
}

fn writer(fields: &mut Fields) -> WriterConfig {
    fields.only("writer.type", "mas-cli", &["mas-api"]);
    let confirm_timeout = fields.duration("writer.confirm_timeout", Duration::from_mins(1));
    let command = fields.texts("writer.mas_cli.command", "a list of texts, the program first");
    let command = command.unwrap_or_else(|| vec!["mas-cli".to_owned()]);
    let own_config = own_config(&command);
    let given = fields.path("writer.mas_cli.config");
    let mut command = command.into_iter();
    let program = command.next().unwrap_or_else(|| {
        fields.wrong("writer.mas_cli.command", None, "expected a list of texts, the program first; it is empty");
        String::new()
    });
    let arguments: Vec<String> = command.collect();
    let plain = arguments.is_empty();
    let config = given.or_else(|| plain.then(|| PathBuf::from(DEFAULT_MAS_CONFIG))).filter(|_| own_config.is_none());
    // A file behind a wrapper, which may be in a container or another user's, cannot be looked at from here.
    let wrapped = !is_mas_cli(&program) && !plain;
    let config_to_check = own_config.or_else(|| config.clone()).filter(|_| !wrapped);
    WriterConfig {
        confirm_timeout,
        kind: WriterKindConfig::MasCli(MasCliConfig {
            program,
            arguments,
            config,
            config_to_check,
            timeout: fields.duration("writer.mas_cli.timeout", Duration::from_secs(30)),
            concurrency: fields.count("writer.mas_cli.concurrency", 2, 1, 64),
        }),
    }
}

fn is_mas_cli(word: &str) -> bool {
    Path::new(word).file_name().is_some_and(|name| name == "mas-cli")
}

/// The configuration that the command itself gives to mas-cli.
fn own_config(command: &[String]) -> Option<PathBuf> {
    let mut words = command.iter().skip_while(|word| !is_mas_cli(word)).skip(1);
    while let Some(word) = words.next() {
        if let Some(path) = word.strip_prefix("--config=") {
            return Some(path.into());
        }
        if word == "--config" || word == "-c" {
            return words.next().map(PathBuf::from);
        }
    }
    None
}

fn policy(fields: &mut Fields, disabled_members: DisabledMembers, federation: Federation) -> Option<Policy> {
    let disable =
        fields.choice("policy.disable", &[("deactivate", DisableMode::Deactivate), ("lock", DisableMode::Lock)]);
    fields.only("policy.reactivate", "any", &["own", "none"]);
    let grace = fields.duration("policy.grace", Duration::ZERO);
    if !grace.is_zero() {
        let given = humantime::format_duration(grace).to_string();
        fields.wrong("policy.grace", Some(&given), "this is not available yet; expected \"0s\"");
    }
    let unknown_accounts = fields
        .choice("policy.unknown_accounts", &[("disable", UnknownAccounts::Disable), ("keep", UnknownAccounts::Keep)]);
    let locked_members =
        fields.choice("policy.locked_members", &[("keep", LockedMembers::Keep), ("activate", LockedMembers::Activate)]);
    let entries = fields.texts("policy.protect", "a list of localparts and /regular expressions/").unwrap_or_default();
    let protect_admins = fields.switch("policy.protect_admins", true);
    match Protection::new(&entries) {
        Ok(protect) => Some(Policy {
            writer: WriterKind::MasCli,
            disable,
            disabled_members,
            locked_members,
            unknown_accounts,
            federation,
            protect,
            protect_admins,
        }),
        Err(error) => {
            fields.wrong("policy.protect", None, error.to_string());
            None
        }
    }
}

fn limits(fields: &mut Fields) -> Limits {
    let Limits { max_disable, max_disable_percent, max_activate, min_members, max_look } = Limits::default();
    Limits {
        max_disable: fields.count("limits.max_disable", max_disable, 0, usize::MAX),
        max_disable_percent: fields.count("limits.max_disable_percent", max_disable_percent, 0, 100),
        max_activate: fields.count("limits.max_activate", max_activate, 0, usize::MAX),
        min_members: fields.count("limits.min_members", min_members, 0, usize::MAX),
        max_look: fields.count("limits.max_look", max_look, 0, usize::MAX),
    }
}

fn warnings(config: &Config) -> Vec<String> {
    let unprotected = |key: &str, what: &str, url: &Url| {
        (url.scheme() == "http" && !is_loopback(url))
            .then(|| format!("{key} is plain http: {what} crosses the network unprotected; use https"))
    };
    [
        unprotected("keycloak.url (KC_URL)", "the credentials for Keycloak", &config.keycloak.url),
        unprotected("synapse.url (MATRIX_URL)", "the admin token", &config.synapse.url),
    ]
    .into_iter()
    .flatten()
    .collect()
}
