//! Loads file and environment into a valid configuration.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::exposure::exposed_secrets;
use super::fields::{Fields, PemFile};
use super::problem::ConfigError;
use super::sources::Sources;
use super::state_file::{Caller, StateFile, default_place, history_keep, state_file};
use super::watch::watch;
use super::{
    AccountSource, AccountsConfig, Config, FilesToCheck, KeycloakAuth, KeycloakConfig, MasApiAuth, MasApiConfig,
    MasCliConfig, SynapseConfig, WriterConfig, WriterKindConfig,
};
use crate::causes::in_one_line;
use crate::files;
use crate::http::{Tls, is_loopback};
use crate::localpart::LocalpartTemplate;
use crate::model::ServerName;
use crate::plan::{DisableMode, WriterKind};
use crate::planner::{
    DisabledMembers, Federation, Limits, LockedMembers, Matching, Policy, Protection, Reactivate, UnknownAccounts,
};

/// The file that is read if no other is given and it exists.
const DEFAULT_FILE: &str = "/etc/matrix-keycloak-sync/config.toml";
/// MAS's own configuration, at the path in Debian's and MAS's documentation.
const DEFAULT_MAS_CONFIG: &str = "/etc/mas-cli/mas-cli.yaml";

/// A configuration with its warnings.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// What is valid but unwise.
    pub warnings: Vec<Warning>,
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

/// Reads the file (`--config`, else `MATRIX_KEYCLOAK_SYNC_CONFIG`, else the default one if it exists)
/// and the environment, which overrides it.
pub fn load(file: Option<&Path>, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, ConfigError> {
    let named = file
        .map(Path::to_owned)
        .or_else(|| env("MATRIX_KEYCLOAK_SYNC_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from));
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
    let mut loaded = build(Fields::new(sources), env)?;
    loaded.warnings.extend(warning);
    Ok(loaded)
}

fn build(mut fields: Fields, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, ConfigError> {
    let server_name = server_name(&mut fields);
    let state_file = state_file(&mut fields);
    let history_keep = history_keep(&mut fields);
    let (disabled_members, federation) = (
        fields.choice(
            "keycloak.disabled_members",
            &[("disable", DisabledMembers::Disable), ("keep", DisabledMembers::Keep)],
        ),
        fields.choice("keycloak.federation", &[("verify", Federation::Verify), ("trust", Federation::Trust)]),
    );
    let (keycloak, template) = keycloak(&mut fields).unzip();
    let (accounts, matching) = accounts(&mut fields);
    let synapse = synapse(&mut fields, accounts.source);
    let writer_kind = fields.choice("writer.type", &[("mas-cli", WriterKind::MasCli), ("mas-api", WriterKind::MasApi)]);
    let writer = writer(&mut fields, writer_kind);
    let needs_mas_api = writer_kind == WriterKind::MasApi || accounts.source == AccountSource::Mas;
    // Links are read if the Admin API is configured, for any writer and source.
    let has_mas_api = needs_mas_api || fields.is_given_below("writer.mas_api");
    let mas_api = if has_mas_api { mas_api(&mut fields) } else { None };
    if matching == Matching::UpstreamLink && !has_mas_api {
        let expected = "this needs [writer.mas_api]: only MAS's Admin API knows the links";
        fields.wrong("accounts.match", Some("upstream-link"), expected);
    }
    let policy = policy(&mut fields, state_file.as_ref()).map(|policy| Policy {
        writer: writer_kind,
        disabled_members,
        federation,
        matching,
        template: template.unwrap_or_default(),
        mas_cli: match &writer.kind {
            WriterKindConfig::MasCli(mas_cli) => mas_cli.in_shell(),
            WriterKindConfig::MasApi => "mas-cli".to_owned(),
        },
        ..policy
    });
    let limits = limits(&mut fields);
    let max_consecutive_failures = fields.count("limits.max_consecutive_failures", 5, 1, usize::MAX);

    let watch = watch(&mut fields);

    let (problems, secret_files) = fields.into_problems_and_files();
    match (server_name, keycloak, policy) {
        (Some(server_name), Some(keycloak), Some(policy)) if problems.is_empty() => {
            let state_file = state_file.unwrap_or_else(|| {
                let (realm, server_name) = (&keycloak.realm, server_name.as_str());
                StateFile::Default(default_place(realm, server_name, Caller::current(), env))
            });
            let config = Config {
                server_name,
                state_file,
                history_keep,
                keycloak,
                synapse,
                accounts,
                mas_api,
                writer,
                policy,
                limits,
                max_consecutive_failures,
                watch,
                secret_files,
            };
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

/// Takes the section, and the template as it is written.
fn keycloak(fields: &mut Fields) -> Option<(KeycloakConfig, String)> {
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
    let config = KeycloakConfig {
        url: url?,
        realm: realm?,
        groups: groups?,
        include_subgroups,
        auth: auth?,
        localpart: localpart?,
    };
    Some((config, source.unwrap_or_else(|| super::DEFAULT_TEMPLATE.to_owned())))
}

fn groups(fields: &mut Fields) -> Option<Vec<String>> {
    let expected = "a list of group names, /paths or IDs";
    if !fields.is_given("keycloak.groups") {
        fields.missing("keycloak.groups", expected);
        return None;
    }
    let groups = fields.texts("keycloak.groups", expected)?;
    if groups.is_empty() {
        fields.wrong("keycloak.groups", None, "expected at least one group: an empty list would disable every account");
    }
    Some(groups)
}

/// Takes the credentials. With a username the password grant is used, and the secret, if any, belongs
/// to its client.
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
        fields.missing("keycloak.username", "the user of keycloak.password");
        return None;
    }
    if auth_realm.is_some() {
        fields.wrong(
            "keycloak.auth_realm",
            None,
            "needs keycloak.username; a client's own credentials belong to keycloak.realm",
        );
    }
    if client_id.is_none() {
        fields.missing(
            "keycloak.client_id",
            "the client whose credentials are used; or set keycloak.username and keycloak.password",
        );
    }
    if !secret_given {
        fields.missing("keycloak.client_secret", "the client's secret; or set keycloak.username and keycloak.password");
    }
    Some(KeycloakAuth::ClientCredentials { client_id: client_id?, client_secret: client_secret? })
}

fn accounts(fields: &mut Fields) -> (AccountsConfig, Matching) {
    let source = fields.choice("accounts.source", &[("synapse", AccountSource::Synapse), ("mas", AccountSource::Mas)]);
    let matching = fields.choice(
        "accounts.match",
        &[("auto", Matching::Auto), ("localpart", Matching::Localpart), ("upstream-link", Matching::UpstreamLink)],
    );
    let provider = fields.text("accounts.provider");
    if let Some(given) = provider.as_deref().filter(|id| !is_ulid(id)) {
        fields.wrong(
            "accounts.provider",
            Some(given),
            "expected the ID of an upstream provider of MAS, such as \"01H8PKNWKKRPCBW4YGH1RWV279\"",
        );
    }
    (AccountsConfig { source, provider }, matching)
}

/// Returns whether a text has the form of MAS's IDs: 26 characters of Crockford's base 32.
fn is_ulid(text: &str) -> bool {
    text.len() == 26 && text.chars().all(|c| c.is_ascii_alphanumeric() && !"ILOUilou".contains(c))
}

/// Takes the section, which is needed if Synapse lists the accounts, and optional if MAS does.
fn synapse(fields: &mut Fields, source: AccountSource) -> Option<SynapseConfig> {
    if source == AccountSource::Mas && !fields.is_given_below("synapse") {
        return None;
    }
    let url = fields.server_url("synapse.url", "https://matrix.example.org");
    if !fields.is_given("synapse.admin_token") {
        fields.missing("synapse.admin_token", "an access token with the scope urn:synapse:admin:*");
    }
    let admin_token = fields.secret("synapse.admin_token");
    Some(SynapseConfig { url: url?, admin_token: admin_token? })
}

fn writer(fields: &mut Fields, kind: WriterKind) -> WriterConfig {
    let confirm_timeout = fields.duration("writer.confirm_timeout", Duration::from_mins(1));
    let command = fields.texts("writer.mas_cli.command", "a list of texts, the program first");
    let command = command.unwrap_or_else(|| vec!["mas-cli".to_owned()]);
    let own_config = own_config(&command);
    let given = fields.files("writer.mas_cli.config");
    let mut command = command.into_iter();
    let program = command.next().unwrap_or_else(|| {
        fields.wrong("writer.mas_cli.command", None, "expected a list of texts, the program first; it is empty");
        String::new()
    });
    let arguments: Vec<String> = command.collect();
    let plain = arguments.is_empty();
    let default = || if plain { vec![PathBuf::from(DEFAULT_MAS_CONFIG)] } else { Vec::new() };
    let config = if own_config.is_empty() { given.unwrap_or_else(default) } else { Vec::new() };
    let used = if own_config.is_empty() { config.clone() } else { own_config };
    let runs_here = is_mas_cli(&program) || plain;
    let config_to_check = if runs_here { FilesToCheck::Here(used) } else { FilesToCheck::BehindWrapper(used) };
    let mas_cli = MasCliConfig {
        program,
        arguments,
        config,
        config_to_check,
        timeout: fields.duration("writer.mas_cli.timeout", Duration::from_secs(30)),
        concurrency: fields.count("writer.mas_cli.concurrency", 2, 1, 64),
    };
    let kind = match kind {
        WriterKind::MasCli => WriterKindConfig::MasCli(mas_cli),
        WriterKind::MasApi => WriterKindConfig::MasApi,
    };
    WriterConfig { confirm_timeout, kind }
}

fn mas_api(fields: &mut Fields) -> Option<MasApiConfig> {
    let allow_http = fields.switch("writer.mas_api.allow_http", false);
    let concurrency = fields.count("writer.mas_api.concurrency", 8, 1, 256);
    let tls = tls(fields);
    let url = protected_url(fields, "writer.mas_api.url", "https://mas-admin.internal:8443", allow_http);
    let auth = mas_api_auth(fields);
    let needs_issuer = !matches!(auth, Some(MasApiAuth::Token(_)));
    let issuer = if needs_issuer || fields.is_given("writer.mas_api.issuer") {
        protected_url(fields, "writer.mas_api.issuer", "https://auth.example.org/", allow_http).map(Some)
    } else {
        Some(None)
    };
    Some(MasApiConfig { url: url?, issuer: issuer?, auth: auth?, tls: tls?, allow_http, concurrency })
}

/// Takes the address of a server that gets secrets. Plain http is only allowed to this machine, or with
/// `allow_http`.
fn protected_url(fields: &mut Fields, key: &str, example: &str, allow_http: bool) -> Option<Url> {
    let url = fields.server_url(key, example)?;
    if url.scheme() == "http" && !is_loopback(&url) && !allow_http {
        fields.wrong(
            key,
            Some(url.as_str()),
            "plain http is only allowed to this machine: use https, or set writer.mas_api.allow_http = true if the network \
             is trusted",
        );
        return None;
    }
    Some(url)
}

fn mas_api_auth(fields: &mut Fields) -> Option<MasApiAuth> {
    const TOKEN: &str = "writer.mas_api.access_token";
    let (token_given, secret_given) = (fields.is_given(TOKEN), fields.is_given("writer.mas_api.client_secret"));
    let token = fields.secret(TOKEN);
    let client_id = fields.text("writer.mas_api.client_id");
    let client_secret = fields.secret("writer.mas_api.client_secret");
    if token_given {
        if client_id.is_some() || secret_given {
            fields.wrong(
                TOKEN,
                None,
                "given together with writer.mas_api.client_id or client_secret: remove one or the other",
            );
        }
        return token.map(MasApiAuth::Token);
    }
    if client_id.is_none() {
        fields.missing("writer.mas_api.client_id", "a client of MAS listed in its policy.data.admin_clients");
    }
    if !secret_given {
        fields.missing("writer.mas_api.client_secret", "the client's secret; or set writer.mas_api.access_token");
    }
    Some(MasApiAuth::Client { client_id: client_id?, client_secret: client_secret? })
}

/// Takes certificates and keys, and tries them out, so that an error names the key of the file.
fn tls(fields: &mut Fields) -> Option<Tls> {
    const CA: &str = "writer.mas_api.ca_file";
    const CERTIFICATE: &str = "writer.mas_api.client_cert_file";
    const KEY: &str = "writer.mas_api.client_key_file";
    let [authorities, certificate, key] = [CA, CERTIFICATE, KEY].map(|name| fields.pem_file(name));
    let mut tls = Tls::default();
    let mut good = true;
    let mut wrong = |fields: &mut Fields, name: &str, path: &str, expected: String| {
        fields.wrong(name, Some(path), expected);
        good = false;
    };
    if let PemFile::Read { path, content } = &authorities
        && let Err(error) = tls.trust(content)
    {
        wrong(fields, CA, path, format!("expected certificates in PEM form: {}", in_one_line(&error)));
    }
    match (&certificate, &key) {
        (PemFile::Read { path, content }, PemFile::Read { content: key, .. }) => {
            if let Err(error) = tls.identify(content, key) {
                let error = in_one_line(&error);
                let expected =
                    format!("expected a certificate and, in client_key_file, its key without a password: {error}");
                wrong(fields, CERTIFICATE, path, expected);
            }
        }
        (PemFile::NotGiven, PemFile::NotGiven) => {}
        (_, PemFile::NotGiven) => fields.missing(KEY, "the key of client_cert_file"),
        (PemFile::NotGiven, _) => fields.missing(CERTIFICATE, "the certificate of client_key_file"),
        _ => {}
    }
    good.then_some(tls)
}

fn is_mas_cli(word: &str) -> bool {
    Path::new(word).file_name().is_some_and(|name| name == "mas-cli")
}

/// Returns the configuration files that the command itself passes to mas-cli.
fn own_config(command: &[String]) -> Vec<PathBuf> {
    let mut words = command.iter().skip_while(|word| !is_mas_cli(word)).skip(1);
    let mut files = Vec::new();
    while let Some(word) = words.next() {
        if let Some(path) = word.strip_prefix("--config=") {
            files.push(path.into());
        } else if word == "--config" || word == "-c" {
            files.extend(words.next().map(PathBuf::from));
        }
    }
    files
}

/// Takes the part of the policy from its own section.
fn policy(fields: &mut Fields, state_file: Option<&StateFile>) -> Option<Policy> {
    let is_off = state_file == Some(&StateFile::Off);
    let disable =
        fields.choice("policy.disable", &[("deactivate", DisableMode::Deactivate), ("lock", DisableMode::Lock)]);
    let reactivate = fields
        .choice("policy.reactivate", &[("any", Reactivate::Any), ("own", Reactivate::Own), ("none", Reactivate::None)]);
    if reactivate == Reactivate::Own && is_off {
        let expected = "this needs the state file, which shows which accounts the program disabled";
        fields.wrong("policy.reactivate", Some("own"), expected);
    }
    let grace = fields.duration("policy.grace", Duration::ZERO);
    if !grace.is_zero() && is_off {
        let given = humantime::format_duration(grace).to_string();
        let expected = "this needs the state file, which shows since when a user is out of the group";
        fields.wrong("policy.grace", Some(&given), expected);
    }
    let unknown_accounts = fields
        .choice("policy.unknown_accounts", &[("disable", UnknownAccounts::Disable), ("keep", UnknownAccounts::Keep)]);
    let locked_members =
        fields.choice("policy.locked_members", &[("keep", LockedMembers::Keep), ("activate", LockedMembers::Activate)]);
    let entries = fields.texts("policy.protect", "a list of localparts and /regular expressions/").unwrap_or_default();
    let protect_admins = fields.switch("policy.protect_admins", true);
    match Protection::new(&entries) {
        Ok(protect) => Some(Policy {
            disable,
            reactivate,
            grace,
            locked_members,
            unknown_accounts,
            protect,
            protect_admins,
            ..Policy::default()
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

fn warnings(config: &Config) -> Vec<Warning> {
    let unprotected = |key: &str, what: &str, url: &Url| {
        (url.scheme() == "http" && !is_loopback(url)).then(|| Warning {
            what: format!("{key} is plain http: {what} crosses the network unprotected"),
            instead: "Use https.",
        })
    };
    let synapse = config.synapse.as_ref();
    let unused_provider = config.accounts.provider.is_some() && config.mas_api.is_none();
    [
        unprotected("keycloak.url (KC_URL)", "the credentials for Keycloak", &config.keycloak.url),
        synapse.and_then(|synapse| unprotected("synapse.url (MATRIX_URL)", "the admin token", &synapse.url)),
        unused_provider.then(|| Warning {
            what: "accounts.provider is not used, because links are read through MAS's Admin API".to_owned(),
            instead: "Remove it, or configure [writer.mas_api].",
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}
