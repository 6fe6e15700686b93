//! Takes `[accounts]` and `[synapse]`.

use super::authorities::authorities;
use crate::config::fields::Fields;
use crate::config::keys;
use crate::config::{AccountSource, AccountsConfig, SynapseConfig};
use crate::planner::{Matching, Provision};

/// The section, and its key that the plan depends on.
pub(super) struct AccountsSection {
    pub(super) config: AccountsConfig,
    pub(super) matching: Matching,
    pub(super) provision: Provision,
}

/// Takes `[accounts]`.
pub(super) fn accounts(fields: &mut Fields) -> AccountsSection {
    let source = fields.choice(&keys::accounts::SOURCE);
    let matching = fields.choice(&keys::accounts::MATCH);
    let provider = fields.text(&keys::accounts::PROVIDER);
    if let Some(given) = provider.as_deref().filter(|id| !is_ulid(id)) {
        fields.unexpected(&keys::accounts::PROVIDER, Some(given));
    }
    let provision = fields.choice(&keys::accounts::PROVISION);
    AccountsSection { config: AccountsConfig { source, provider }, matching, provision }
}

/// Returns whether a text has the form of MAS's IDs: 26 characters of Crockford's base 32.
fn is_ulid(text: &str) -> bool {
    text.len() == 26 && text.chars().all(|c| c.is_ascii_alphanumeric() && !"ILOUilou".contains(c))
}

/// Takes `[synapse]`, which is needed if Synapse lists the accounts, and optional if MAS does.
pub(super) fn synapse(fields: &mut Fields, accounts: &AccountsSection) -> Option<SynapseConfig> {
    let is_optional = accounts.config.source == AccountSource::Mas;
    if is_optional && !fields.is_any_given(keys::synapse::KEYS) {
        return None;
    }
    let url = fields.server_url(&keys::synapse::URL);
    let token = &keys::synapse::ADMIN_TOKEN;
    if !fields.is_given(token) {
        fields.missing(token, "an access token with the scope urn:synapse:admin:*");
    }
    let admin_token = fields.secret(token);
    let tls = authorities(fields, &keys::synapse::CA_FILE);
    Some(SynapseConfig { url: url?, admin_token: admin_token?, tls: tls? })
}
