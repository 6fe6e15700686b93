//! The addresses of the servers, in the variables that `main.rs` lists; nothing else reads the
//! environment.

use std::env;
use std::path::PathBuf;

use crate::Outcome;
use crate::keycloak::Keycloak;
use crate::mas::Mas;
use crate::mas_api::MasApi;
use crate::synapse::Synapse;

/// The three servers, and both ways to MAS.
#[derive(Clone, Debug)]
pub(crate) struct Servers {
    pub(crate) keycloak: Keycloak,
    pub(crate) synapse: Synapse,
    pub(crate) mas: Mas,
    pub(crate) mas_api: MasApi,
    /// An upstream provider to link users to; if there is none, each realm becomes a provider of
    /// the stand-in.
    pub(crate) provider: Option<String>,
}

impl Servers {
    pub(crate) fn from_environment() -> Outcome<Self> {
        let admin = (variable("E2E_KEYCLOAK_ADMIN")?, variable("E2E_KEYCLOAK_ADMIN_PASSWORD")?);
        let client = (variable("E2E_MAS_CLIENT_ID")?, variable("E2E_MAS_CLIENT_SECRET")?);
        Ok(Self {
            keycloak: Keycloak::new(&variable("E2E_KEYCLOAK_URL")?, admin)?,
            synapse: Synapse::new(&variable("E2E_SYNAPSE_URL")?, &variable("E2E_SERVER_NAME")?)?,
            mas: Mas::new(
                &variable("E2E_MAS_CLI").unwrap_or("mas-cli".into()),
                variable("E2E_MAS_CONFIG").ok(),
            ),
            mas_api: MasApi::new(
                &variable("E2E_MAS_ADMIN_URL")?,
                &variable("E2E_MAS_ISSUER")?,
                client,
            )?,
            provider: variable("E2E_MAS_PROVIDER").ok(),
        })
    }
}

/// The bridge's token and its user.
pub(crate) fn bridge() -> Outcome<(String, String)> {
    Ok((variable("E2E_BRIDGE_TOKEN")?, variable("E2E_BRIDGE_USER")?))
}

/// `OpenLDAP`'s server as a program to start, and its schemas.
#[derive(Clone, Debug)]
pub(crate) struct Ldap {
    pub(crate) slapd: PathBuf,
    pub(crate) schemas: PathBuf,
}

pub(crate) fn ldap() -> Outcome<Ldap> {
    Ok(Ldap { slapd: variable("E2E_SLAPD")?.into(), schemas: variable("E2E_LDAP_SCHEMA")?.into() })
}

fn variable(name: &str) -> Outcome<String> {
    let set = env::var(name).ok().filter(|value| !value.is_empty());
    Ok(set.ok_or_else(|| {
        format!("{name} is not set; tests/real-servers.sh sets it, main.rs says what it is")
    })?)
}
