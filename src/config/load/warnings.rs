//! Warns about what is valid but unwise.

use url::Url;

use super::Warning;
use crate::config::Config;
use crate::config::keys::{self, ConfigKey};
use crate::http::is_loopback;
use crate::planner::Provision;

/// Returns the warnings about a configuration.
pub(super) fn warnings(config: &Config) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let keycloak = &config.keycloak.url;
    warnings.extend(unprotected(&keys::keycloak::URL, "the credentials for Keycloak", keycloak));
    if let Some(synapse) = &config.synapse {
        warnings.extend(unprotected(&keys::synapse::URL, "the admin token", &synapse.url));
    }
    let links_new_accounts = config.policy.provision == Provision::Members;
    if config.accounts.provider.is_some() && config.mas_api.is_none() && !links_new_accounts {
        let what = "accounts.provider is not used, because links are read through MAS's Admin API";
        warnings.push(Warning {
            what: what.to_owned(),
            instead: "Remove it, or configure [writer.mas_api].",
        });
    }
    warnings
}

fn unprotected(key: &ConfigKey, what: &str, url: &Url) -> Option<Warning> {
    let is_unprotected = url.scheme() == "http" && !is_loopback(url);
    let key = key.with_variable();
    is_unprotected.then(|| Warning {
        what: format!("{key} is plain http: {what} crosses the network unprotected"),
        instead: "Use https.",
    })
}
