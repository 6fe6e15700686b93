//! Checks MAS through its Admin API: where tokens come from, what they may do, and whether access
//! is wider than it has to be.

use futures_util::future::join;
use reqwest::StatusCode;

use super::check::{Area, Section};
use super::{clock, reach, settings, version};
use crate::config::{Config, MasApiAuth, MasApiConfig};
use crate::error_chain::in_one_line;
use crate::http::{HttpError, Issued, Purpose, is_loopback};
use crate::mas_api::{MasApi, SOON, SiteConfig};
use crate::model::release_in;
use crate::phrases::{counted, joined};
use crate::plan::WriterKind;
use crate::readers::{MasReader, ReadError, Readers};
use crate::writers::WriterError;

/// An addition to MAS's configuration: a listener for the Admin API only.
const LISTENER: &str = "
  http:
    listeners:
      # the listeners that are there already, without adminapi
      - name: admin
        resources:
          - name: adminapi
        binds:
          - host: 127.0.0.1   # or an internal address, with tls
            port: 8082";

/// A client that can only request its own tokens.
const CLIENT: &str = "
  clients:
    - client_id: 01…   # a new ULID: 26 characters
      client_auth_method: client_secret_basic
      client_secret_file: /etc/mas-cli/matrix-keycloak-sync-secret
  policy:
    data:
      admin_clients:
        - 01…   # the same";

pub(super) async fn check(config: &Config, reader: &MasReader, readers: &Readers) -> Section {
    let mas = reader.api();
    let settings = mas.config();
    let mut section = Section::new(Area::Mas, settings.url.as_str());
    plain_http(&mut section, settings);
    // The issuer may be another server than the Admin API, so neither waits for the other.
    let (probed, issued) = join(mas.probe(), mas.issued()).await;
    let reached = reach::check(&mut section, "MAS", &settings.url, probed);
    let is_silent = matches!(&issued, Err(HttpError { purpose: Purpose::Discovery, .. }));
    if !is_silent && let Some(Ok(probe)) = mas.probe_issuer().await {
        clock::check(&mut section, "issuer_clock", "MAS's issuer", probe);
    }
    let entered = token(&mut section, mas, issued);
    if let Err(why) = reached.and(entered) {
        section.skip(&["version", "server_name", "accounts", "exposure"], &why);
        return section;
    }
    if own_version(&mut section, mas, config).await {
        server_name(&mut section, mas, config).await;
        accounts(&mut section, mas).await;
        token_owners(&mut section, reader).await;
    } else {
        section.skip(&["server_name", "accounts"], "the Admin API cannot be used");
    }
    exposure(&mut section, mas).await;
    other_doors(&mut section, mas, readers, config).await;
    section
}

pub(super) fn plain_http(section: &mut Section, settings: &MasApiConfig) {
    let open = |url: &&url::Url| url.scheme() == "http" && !is_loopback(url);
    let addresses = [
        ("writer.mas_api.url", Some(&settings.url)),
        ("writer.mas_api.issuer", settings.issuer.as_ref()),
    ];
    for (key, url) in addresses {
        if let Some(url) = url.filter(open) {
            section.warn(
                "transport",
                format!("{key} = {url} is plain http, allowed by writer.mas_api.allow_http: anyone who listens on the \
                         network gets full control of MAS"),
                "Use https, and remove `writer.mas_api.allow_http`. For your own authority, set `writer.mas_api.ca_file`.",
            );
        }
    }
}

/// Checks where tokens come from, and gets the first one.
fn token(
    section: &mut Section,
    mas: &MasApi,
    issued: Result<Option<Issued>, HttpError>,
) -> Result<(), String> {
    let MasApiAuth::Client { client_id, .. } = &mas.config().auth else {
        section.skip(&["issuer"], "a personal access token needs none");
        section.ok("token", "a personal access token");
        return Ok(());
    };
    let none = || "there is no token".to_owned();
    match issued {
        Err(error @ HttpError { purpose: Purpose::Discovery, .. }) => {
            section.failed("issuer", &error);
            section.skip(&["token"], "the issuer is not known");
            Err(none())
        }
        Err(error) => {
            section.ok("issuer", format!("its token endpoint is {}", error.url));
            section.failed("token", &error);
            Err(none())
        }
        Ok(issued) => {
            if let Some(Issued { endpoint, shown_in, life, scope, .. }) = issued {
                section.ok("issuer", format!("its token endpoint is {endpoint}"));
                let life =
                    life.map(|life| format!(", valid for {}", humantime::format_duration(life)));
                let scope = scope.map(|scope| format!(" for {scope}"));
                let (life, scope) = (life.unwrap_or_default(), scope.unwrap_or_default());
                let told = format!(
                    "the client {client_id}, by {}, has a token{scope}{life}",
                    shown_in.method()
                );
                section.ok("token", told);
            }
            Ok(())
        }
    }
}

/// Checks that the users behind a personal access token are known, because they are never disabled.
async fn token_owners(section: &mut Section, reader: &MasReader) {
    const NAME: &str = "token_owner";
    if reader.api().personal_token().is_none() {
        return;
    }
    let owners = match reader.token_owners().await {
        Ok(owners) => owners,
        Err(error) => return section.failed(NAME, &error),
    };
    let mut names = Vec::new();
    for id in &owners {
        match reader.user(id).await {
            Ok(user) => names.extend(user.map(|user| user.user_id.to_string())),
            Err(error) => return section.failed(NAME, &error),
        }
    }
    if names.is_empty() {
        section.warn(
            NAME,
            "MAS does not say which account the personal access token acts as",
            "Add that account to `policy.protect`, or give this program a client of its own.",
        );
    } else {
        section.ok(
            NAME,
            format!(
                "never disabled, because a personal access token acts as them: {}",
                names.join(", ")
            ),
        );
    }
}

/// Checks that the Admin API can be used, and is new enough.
async fn own_version(section: &mut Section, mas: &MasApi, config: &Config) -> bool {
    const NAME: &str = "version";
    match mas.version().await {
        Ok(Some(said)) => {
            version::check_mas(section, &said, release_in(said.raw()).as_ref(), config);
            true
        }
        Ok(None) if config.policy.writer == WriterKind::MasApi => {
            section.failed(NAME, &WriterError::MasTooOld { url: mas.config().url.clone() });
            true
        }
        Ok(None) => {
            section.warn(
                NAME,
                "MAS is older than 1.4, which is enough to list the accounts",
                "Update MAS.",
            );
            true
        }
        Err(error) => {
            section.failed(NAME, &error);
            false
        }
    }
}

/// Checks what MAS says about its configuration.
async fn server_name(section: &mut Section, mas: &MasApi, config: &Config) {
    const NAME: &str = "server_name";
    if section.gives_up(NAME) {
        return;
    }
    let configured = &config.server_name;
    match mas.site_config().await {
        Ok(Some(SiteConfig { server_name: actual, account_deactivation_allowed })) => {
            if actual == *configured {
                section.ok(NAME, actual.to_string());
            } else {
                section.failed(
                    NAME,
                    &ReadError::MasServesAnother { actual, configured: configured.clone() },
                );
            }
            settings::self_deactivation(section, config, account_deactivation_allowed);
        }
        Ok(None) => section.skip(&[NAME], "MAS shows it since 1.3"),
        Err(error) => section.failed(NAME, &error),
    }
}

async fn accounts(section: &mut Section, mas: &MasApi) {
    const NAME: &str = "accounts";
    if section.gives_up(NAME) {
        return;
    }
    match mas.count().await {
        Ok(Some(count)) => section
            .ok(NAME, format!("the Admin API lists {}", counted(count, "account", "accounts"))),
        Ok(None) => section.ok(NAME, "the Admin API lists the accounts"),
        Err(error) => section.failed(NAME, &error),
    }
}

/// Reports which upstream provider of MAS is the realm: links are read in every mode.
pub(super) async fn provider(section: &mut Section, reader: &MasReader, readers: &Readers) {
    const NAME: &str = "provider";
    if section.gives_up(NAME) {
        return;
    }
    match reader.link_provider_in_use(&readers.keycloak).await {
        Ok(Some(provider)) => {
            section.ok(NAME, format!("the realm is the upstream provider {provider}"));
        }
        Ok(None) => section
            .skip(&[NAME], "no upstream provider of MAS is the realm, so accounts have no links"),
        Err(error) => section.failed(NAME, &error),
    }
}

async fn exposure(section: &mut Section, mas: &MasApi) {
    if section.gives_up("exposure") {
        return;
    }
    let found = mas.exposure().await;
    let issuer = mas.config().issuer.as_ref();
    match (found.public, issuer) {
        (Some(true), Some(address)) => section.warn(
            "exposure",
            format!("the Admin API also answers at MAS's public address, {address}"),
            format!(
                "Remove the resource adminapi from the public listener in MAS's configuration; with the chart of ESS, block \
                 /api/admin at the reverse proxy instead. Add a listener of its own, and set `writer.mas_api.url` to \
                 that:{LISTENER}"
            ),
        ),
        (Some(_), _) => section.ok("exposure", "the Admin API does not answer at MAS's public address"),
        (None, Some(address)) => section.skip(&["exposure"], &format!("{address} did not answer in time")),
        (None, None) => section.skip(&["exposure"], "without writer.mas_api.issuer MAS's public address is not known"),
    }
    match found.client {
        None if mas.personal_token().is_some() => {}
        None => section.skip(&["client"], "MAS shows what a client may do since 1.20"),
        Some(needless) if needless.is_empty() => section.ok("client", "has no rights beyond what it needs"),
        Some(needless) => section.warn(
            "client",
            format!("the client may do more than it needs: {}", joined(&needless, ", ")),
            format!(
                "Create a client for this program alone, without redirect_uris, and set `writer.mas_api.client_id` and \
                 `writer.mas_api.client_secret` to it:{CLIENT}"
            ),
        ),
    }
}

/// Checks whether a personal access token also opens Synapse. If Synapse has another token, it need
/// not.
async fn other_doors(section: &mut Section, mas: &MasApi, readers: &Readers, config: &Config) {
    use secrecy::ExposeSecret as _;
    const NAME: &str = "other_doors";
    let (Some(token), Some(synapse)) = (mas.personal_token(), &readers.synapse) else { return };
    if config
        .synapse
        .as_ref()
        .is_some_and(|synapse| synapse.admin_token.expose_secret() == token.expose_secret())
    {
        section.ok(NAME, "the same token opens Synapse, as configured");
        return;
    }
    // A token of MAS must not go unencrypted to a server that it is not meant for.
    if synapse.url().scheme() != "https" && !is_loopback(synapse.url()) {
        section.skip(&[NAME], "not tried, because synapse.url (MATRIX_URL) is plain http");
        return;
    }
    let synapse = synapse.opened_by(token.clone());
    let Ok(opened) = tokio::time::timeout(SOON, synapse.token_owner()).await else {
        section.skip(&[NAME], "Synapse did not answer in time");
        return;
    };
    match opened {
        Ok(owner) => section.warn(
            NAME,
            format!("the personal access token also opens Synapse as {owner}, although another one is used there"),
            "Create one with the scope urn:mas:admin alone, and set `writer.mas_api.access_token` to it. Or also use this \
             one in `synapse.admin_token` (MATRIX_ADMIN_TOKEN), if it has urn:synapse:admin:*.",
        ),
        Err(error) if matches!(error.status(), Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => {
            section.ok(NAME, "the personal access token opens MAS only");
        }
        Err(error) => section.skip(&[NAME], &format!("unknown: {}", in_one_line(&error))),
    }
}
