//! Takes `[writer.mas_api]`.

use url::Url;

use super::accounts::AccountsSection;
use super::authorities::authorities;
use crate::config::fields::{Fields, PemFile};
use crate::config::keys::mas_api as keys;
use crate::config::keys::{ConfigKey, accounts::MATCH};
use crate::config::{AccountSource, MasApiAuth, MasApiConfig, WriterConfig, WriterKindConfig};
use crate::error_chain::in_one_line;
use crate::http::{Tls, is_loopback};
use crate::model::Word as _;
use crate::planner::Matching;

/// Takes the section if it is given or needed. Links are read if the Admin API is configured, for
/// any writer and source.
pub(super) fn mas_api(
    fields: &mut Fields,
    accounts: &AccountsSection,
    writer: &WriterConfig,
) -> Option<MasApiConfig> {
    let is_written = matches!(writer.kind, WriterKindConfig::MasApi);
    let is_read = accounts.config.source == AccountSource::Mas;
    if is_written || is_read || fields.is_any_given(keys::KEYS) {
        return section(fields);
    }
    if accounts.matching == Matching::UpstreamLink {
        let why = "this needs [writer.mas_api]: only MAS's Admin API knows the links";
        fields.wrong(&MATCH, Some(accounts.matching.word()), why);
    }
    None
}

fn section(fields: &mut Fields) -> Option<MasApiConfig> {
    let allow_http = fields.switch(&keys::ALLOW_HTTP);
    let concurrency = fields.count(&keys::CONCURRENCY);
    let tls = tls(fields);
    let url = fields.server_url(&keys::URL);
    let url = url.filter(|url| allow_http || is_protected(fields, &keys::URL, url));
    let auth = auth(fields);
    let needs_issuer = !matches!(auth, Some(MasApiAuth::Token(_)));
    let issuer = if needs_issuer || fields.is_given(&keys::ISSUER) {
        let issuer = fields.server_url(&keys::ISSUER);
        Some(issuer.filter(|url| allow_http || is_protected(fields, &keys::ISSUER, url))?)
    } else {
        None
    };
    Some(MasApiConfig { url: url?, issuer, auth: auth?, tls: tls?, allow_http, concurrency })
}

/// Returns whether secrets for this address are protected: by TLS, or because they stay on this
/// machine. If not, that is a problem.
fn is_protected(fields: &mut Fields, key: &ConfigKey, url: &Url) -> bool {
    let is_protected = url.scheme() != "http" || is_loopback(url);
    if !is_protected {
        fields.wrong(
            key,
            Some(url.as_str()),
            "plain http is only allowed to this machine: use https, or set \
             writer.mas_api.allow_http = true if the network is trusted",
        );
    }
    is_protected
}

fn auth(fields: &mut Fields) -> Option<MasApiAuth> {
    let token_given = fields.is_given(&keys::ACCESS_TOKEN);
    let secret_given = fields.is_given(&keys::CLIENT_SECRET);
    let token = fields.secret(&keys::ACCESS_TOKEN);
    let client_id = fields.text(&keys::CLIENT_ID);
    let client_secret = fields.secret(&keys::CLIENT_SECRET);
    if token_given {
        if client_id.is_some() || secret_given {
            fields.wrong(
                &keys::ACCESS_TOKEN,
                None,
                "given together with writer.mas_api.client_id or client_secret: remove one or the \
                 other",
            );
        }
        return token.map(MasApiAuth::Token);
    }
    if client_id.is_none() {
        let what = "a client of MAS listed in its policy.data.admin_clients";
        fields.missing(&keys::CLIENT_ID, what);
    }
    if !secret_given {
        let what = "the client's secret; or set writer.mas_api.access_token";
        fields.missing(&keys::CLIENT_SECRET, what);
    }
    Some(MasApiAuth::Client { client_id: client_id?, client_secret: client_secret? })
}

/// Takes certificates and keys, and tries them out, so that an error names the key of the file.
fn tls(fields: &mut Fields) -> Option<Tls> {
    let authorities = authorities(fields, &keys::CA_FILE);
    let mut is_good = authorities.is_some();
    let mut tls = authorities.unwrap_or_default();
    let certificate = fields.pem_file(&keys::CLIENT_CERT_FILE);
    let key = fields.pem_file(&keys::CLIENT_KEY_FILE);
    match (&certificate, &key) {
        (PemFile::Read { path, content }, PemFile::Read { content: key, .. }) => {
            if let Err(error) = tls.identify(content, key) {
                let why = format!(
                    "expected a certificate and, in client_key_file, its key without a \
                     password: {}",
                    in_one_line(&error)
                );
                fields.wrong(&keys::CLIENT_CERT_FILE, Some(path), why);
                is_good = false;
            }
        }
        (PemFile::NotGiven, PemFile::NotGiven) => {}
        (_, PemFile::NotGiven) => {
            fields.missing(&keys::CLIENT_KEY_FILE, "the key of client_cert_file");
        }
        (PemFile::NotGiven, _) => {
            fields.missing(&keys::CLIENT_CERT_FILE, "the certificate of client_key_file");
        }
        _ => {}
    }
    is_good.then_some(tls)
}
